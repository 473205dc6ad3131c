"""Paired differences against one reference, and of any two methods of a cell."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from reports.comparison import CELL
from reports.naming import method_order
from reports.statistics import holm

DEFAULT_REFERENCE = "bicubic"


@dataclass(frozen=True)
class Difference:
    """PSNR of one method minus another, image by image: mean and 95 % interval in dB (NaN below five images), n."""

    mean: float
    low: float
    high: float
    n: int

    @property
    def sign(self) -> int | None:
        """1 or -1 where the whole interval is on that side of 0, 0 where it spans 0, None where there is none."""
        if math.isnan(self.low):
            return None
        return (self.low > 0) - (self.high < 0)

    def __neg__(self) -> Difference:
        """Swap the two methods."""
        return Difference(-self.mean, -self.high, -self.low, self.n)

    @property
    def words(self) -> str:
        """Mean and interval: `+0.35 dB (95 % interval +0.10 to +0.61, n = 5)`."""
        if math.isnan(self.mean):
            return "no image in common"
        interval = "" if self.sign is None else f"95 % interval {self.low:+.2f} to {self.high:+.2f}, "
        return f"{self.mean:+.2f} dB ({interval}n = {self.n})"


Differences = dict[tuple[str, str], Difference]


def by_cell(pairs: pd.DataFrame) -> dict[tuple[str, str, int], Differences]:
    """Index paired differences: (set, kind, scale) -> (method, other) -> difference, both ways round."""
    found: dict[tuple[str, str, int], Differences] = {}
    for row in pairs.to_dict("records"):
        cell = found.setdefault((row["set"], row["kind"], row["scale"]), {})
        difference = Difference(row["mean_difference"], row["low"], row["high"], row["n"])
        cell[row["method"], row["reference"]] = difference
        cell[row["reference"], row["method"]] = -difference
    return found


def choose_reference(scores: pd.DataFrame, against: str | None) -> str:
    """Return the method that others are held against: the one asked for, else bicubic, else the first of the tables.

    Raises ValueError for one that has not been run.
    """
    methods = sorted(scores["method"].unique(), key=method_order)
    if against is None:
        return DEFAULT_REFERENCE if DEFAULT_REFERENCE in methods else methods[0]
    if against not in methods:
        raise ValueError(f"no scores of {against!r} to compare with; there are: {', '.join(methods)}")
    return against


def against_reference(pairs: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Take the differences of all methods from `reference`, p corrected over the comparisons of a cell that are left.

    `pairs` and what comes back are as of `paired_differences`.
    """
    rows: list[dict[Hashable, Any]] = []
    for row in pairs.to_dict("records"):
        if row["method"] == reference:
            swapped = {"mean_difference": -row["mean_difference"], "low": -row["high"], "high": -row["low"]}
            rows.append(row | swapped | {"method": row["reference"], "reference": reference})
        elif row["reference"] == reference:
            rows.append(row)
    chosen = pd.DataFrame(rows, columns=pairs.columns)
    if rows:
        chosen["p_holm"] = chosen.groupby(CELL, observed=True)["p"].transform(lambda p: holm(np.asarray(p, float)))
    return chosen
