"""The plain lists of a report: paired differences, alignment, kernels and failures."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from reports.naming import cell_name, kind_order, method_name, method_order, without_folders
from reports.summary import failures
from reports.tables import DASH


@dataclass(frozen=True)
class Listing:
    """A titled list; `align` has one letter per column, l or r. Texts are plain, renderers escape them."""

    title: str
    header: tuple[str, ...]
    align: str
    rows: tuple[tuple[str, ...], ...]
    about: str


NAMED = 3  # images of a failure that are named


def in_order(rows: pd.DataFrame) -> list[dict[Hashable, Any]]:
    """Sort rows by set, kind (the paper's order), scale and method; stable within."""
    ranked = rows.assign(_kind=_places(rows["kind"], kind_order), _method=_places(rows["method"], method_order))
    return ranked.sort_values(["set", "_kind", "scale", "_method"], kind="stable").to_dict("records")


def _places(names: pd.Series[str], order: Callable[[str], tuple[int, str]]) -> pd.Series[int]:
    """Give each name the number of its place in an order."""
    place = {name: index for index, name in enumerate(sorted(names.unique(), key=order))}
    return names.map(place).astype(int)


def signed(value: float, decimals: int = 3) -> str:
    """Print a difference with its sign, a dash for NaN."""
    return DASH if math.isnan(value) else f"{value:+.{decimals}f}"


def failure_listing(scores: pd.DataFrame, protocol: str) -> Listing:
    """List the reasons of runs without a score, the commonest first, and where each occurred.

    Errors that differ in numbers, names of images or folders alone are one reason, in the words of the first.
    """
    failed = failures(scores, protocol)
    reasons: dict[str, list[dict[Hashable, Any]]] = {}
    for row in in_order(failed.assign(error=failed["error"].map(without_folders))):
        without_image = re.sub(rf"(?<!\w){re.escape(str(row['image']))}(?!\w)", "", str(row["error"]))
        reasons.setdefault(re.sub(r"\d+", "0", without_image), []).append(row)
    rows = tuple(
        (str(len(runs)), str(runs[0]["error"]), _where(runs))
        for runs in sorted(reasons.values(), key=len, reverse=True)
    )
    about = f"{len(failed) or 'None'} of {len(scores)} runs failed."
    if len(rows) < len(failed):
        about += " Errors that differ in numbers or images alone are one reason, in the words of the first."
    return Listing("Failures", ("Runs", "Reason", "Where"), "rll", rows, about)


def _where(runs: list[dict[Hashable, Any]]) -> str:
    """Name the methods and cells of failed runs, and their images: `IKE, set5 Median ×2: a, b, c and 2 more`."""
    images: dict[str, dict[str, None]] = {}
    for row in runs:
        place = f"{method_name(row['method'])}, {row['set']} {cell_name(row['kind'], row['scale'])}"
        images.setdefault(place, {})[str(row["image"])] = None
    places = [f"{place}: {_first(list(names))}" for place, names in images.items()]
    return "; ".join(places)


def _first(names: list[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")
