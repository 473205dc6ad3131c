"""Which images the page shows, and in which order: the worst and the best of every cell first."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any

import pandas as pd

from reports.comparison import CELL
from reports.naming import cell_name, kind_order, method_order
from reports.summary import image_scores, protocol_runs

Run = dict[Hashable, Any]
"""A row of scores, with psnr and ssim of the protocol beside its own columns."""


@dataclass(frozen=True)
class Choice:
    """One LR image and what was made of it.

    Attributes:
        title: set, image and cell.
        place: its place among the images of its cell, by the mean PSNR of the methods.
        runs: the scored run of every method, that of the lowest seed, in the order of the tables.
    """

    title: str
    place: str
    runs: tuple[Run, ...]


def choose(scores: pd.DataFrame, protocol: str) -> list[Choice]:
    """List all LR images with a score: worst and best of each cell, then the second worst and best, and so on."""
    images = image_scores(scores, protocol)
    images = images[images["scored"] & ~images["upper_bound"]]
    means = images.groupby([*CELL, "image"], observed=True)["psnr"].mean().reset_index()
    cells = sorted(means.groupby(CELL, observed=True), key=lambda cell: _cell_order(cell[0]))
    runs = _runs(scores, protocol)
    ordered = [_of_cell(rows.sort_values(["psnr", "image"], kind="stable"), runs) for _, rows in cells]
    return [choice for choice in chain.from_iterable(zip_longest(*ordered)) if choice is not None]


def _cell_order(cell: Any) -> tuple:  # noqa: ANN401 (pandas' group key)
    set_name, kind, scale = cell
    return set_name, kind_order(kind), scale


def _runs(scores: pd.DataFrame, protocol: str) -> dict[tuple, list[Run]]:
    """Give (set, kind, scale, image) -> its scored runs, one per method."""
    measured = protocol_runs(scores, protocol)
    runs = scores.reset_index(drop=True).assign(**{name: measured[name] for name in ("psnr", "ssim", "upper_bound")})
    runs = runs[measured["scored"]].sort_values("seed", kind="stable").drop_duplicates([*CELL, "method", "image"])
    found: dict[tuple, list[Run]] = {}
    for run in runs.to_dict("records"):
        found.setdefault(tuple(run[name] for name in (*CELL, "image")), []).append(run)
    return {key: sorted(of_image, key=lambda run: method_order(run["method"])) for key, of_image in found.items()}


def _of_cell(rows: pd.DataFrame, runs: dict[tuple, list[Run]]) -> list[Choice]:
    """Take the images of a cell, worst first in `rows`, from both ends in turn."""
    count = len(rows)
    keys = list(rows[[*CELL, "image"]].itertuples(index=False, name=None))
    from_both_ends = [place // 2 if place % 2 == 0 else count - 1 - place // 2 for place in range(count)]
    choices = []
    for index in from_both_ends:
        set_name, kind, scale, image = keys[index]
        title = f"{set_name}, {image}: {cell_name(kind, scale)}"
        choices.append(Choice(title, _place(index, count), tuple(runs[keys[index]])))
    return choices


def _place(index: int, count: int) -> str:
    if count == 1:
        return "the only image"
    ends = {0: f"worst of {count}", count - 1: f"best of {count}"}
    return ends.get(index, f"{index + 1} of {count}, from the worst")
