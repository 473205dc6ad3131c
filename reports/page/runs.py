"""All scores as the page carries them: the script makes the table and the CSV file of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from reports.naming import kind_name, method_name, without_folders
from reports.protocols import PROTOCOLS
from reports.summary import check_protocol

DIGITS = 6  # significant ones of a number
UNSHOWN = "_sha256"  # columns with this suffix stay in scores.parquet
TOLD = ("error", "note")  # what a run said, which may name folders of its machine


@dataclass(frozen=True)
class Column:
    """A column of the table: its title, the column of scores, and how it is printed.

    `decimals` is None for text; `pair` names a second column, and the two are printed as a shift.
    """

    title: str
    name: str
    decimals: int | None = None
    pair: str | None = None


def table_columns(protocol: str) -> list[Column]:
    """List the columns of the per-image table, which are fewer than the file has."""
    check_protocol(protocol)
    return [
        Column("Image", "image"),
        Column("Set", "set"),
        Column("Kind", "kind"),
        Column("Scale", "scale", 0),
        Column("Method", "method"),
        Column("Seed", "seed", 0),
        Column("PSNR (dB)", f"psnr_{protocol}", 3),
        Column("SSIM", f"ssim_{protocol}", 4),
        Column("Shift y, x (px)", "shift_y", 2, "shift_x"),
        Column("Seconds", "seconds", 1),
    ]


def page_data(scores: pd.DataFrame, protocol: str) -> dict[str, Any]:
    """Give what the script reads, as JSON knows it: columns, rows, the table's columns and display names.

    Missing values are null, infinite ones the text `inf`, other numbers have `DIGITS` significant digits.
    """
    names = [str(name) for name in scores if not str(name).endswith(UNSHOWN)]
    columns = [column for column in table_columns(protocol) if column.name in names]
    return {
        "columns": names,
        "rows": [list(row) for row in zip(*(_values(scores[name]) for name in names), strict=True)],
        "table": [[column.title, column.name, column.decimals, column.pair] for column in columns],
        "names": {
            "method": {name: method_name(name) for name in map(str, scores["method"].unique())},
            "kind": {name: kind_name(name) for name in map(str, scores["kind"].unique())},
        },
        "protocol": f"{protocol}: {PROTOCOLS[protocol].words}",
    }


def _values(column: pd.Series[Any]) -> list[Any]:
    """Turn a column into what JSON knows."""
    values = column.astype(object).where(column.notna(), None).tolist()
    if not pd.api.types.is_float_dtype(column.dtype):
        told = column.name in TOLD
        return [without_folders(value) if told and value is not None else value for value in values]
    return [value if value is None else _number(value) for value in values]


def _number(value: float) -> float | str:
    return float(f"{value:.{DIGITS}g}") if np.isfinite(value) else str(value)
