"""Lists with a column for each cell: a method's numbers on all kinds and scales stand in one row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from reports.comparison import cells_of
from reports.listings import in_order
from reports.naming import cell_name, method_order
from reports.tables import DASH

Values = dict[str, Any]


def in_columns(
    values: pd.DataFrame, keys: list[str], text: Callable[[Values], str]
) -> tuple[tuple[str, ...], list[tuple[Values, tuple[str, ...]]]]:
    """Turn rows per set, kind, scale and `keys` (method among them) into rows per set and keys, in the tables' order.

    Returns:
        The names of the cells, then for each row its first values, and a text for each cell: a dash where it has none.
    """
    cells = list(dict.fromkeys(key[1:] for key in cells_of(values)))
    rows: dict[tuple[Any, ...], tuple[Values, dict[tuple[str, int], str]]] = {}
    for row in in_order(values):
        named = {str(name): value for name, value in row.items()}
        first, texts = rows.setdefault((row["set"], *(row[key] for key in keys)), (named, {}))
        texts[named["kind"], named["scale"]] = text(named)
    names = tuple(cell_name(*cell) for cell in cells)
    in_rows = sorted(rows.values(), key=lambda row: (row[0]["set"], method_order(row[0]["method"])))
    return names, [(first, tuple(texts.get(cell, DASH) for cell in cells)) for first, texts in in_rows]
