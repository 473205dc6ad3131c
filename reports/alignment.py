"""Alignment in words and as a map: where in the image SR lies beside HR, by how much, and what that is called."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any

import pandas as pd

from reports.comparison import CELL
from reports.listings import Listing, _in_order
from reports.naming import cell_name, method_name
from reports.tables import DASH

NEAR = 0.25  # HR px for a shift, and this share of s - 1 for a stretch: nearer than that, it is what it is called
MEASURES = ["shift_y", "shift_x", "stretch_y", "stretch_x"]

ABOUT = (
    "Shift of SR against HR in HR pixels at the top left, in the middle and at the bottom right (y, x; positive: "
    "further down or right), from the median over images of the whole image's shift and of its change from end to end. "
    "Spread: of that change, half the distance of its quartiles."
)


def describe(scale: int, shift: tuple[float, float], stretch: tuple[float, float]) -> str:
    """Name what shift and stretch (y, x; HR px) at a scale come from; `unclear` where it is none of what is known."""
    if any(map(math.isnan, (*shift, *stretch))):
        return "not measured"
    if all(abs(value - (scale - 1)) < NEAR * (scale - 1) for value in stretch):
        half = "" if max(map(abs, shift)) < NEAR else f", and {_place(shift)}"
        return f"aligned corners: stretched by {scale - 1} px over the image{half}"
    if any(abs(value) >= NEAR * (scale - 1) for value in stretch):
        return "unclear: the shift changes over the image"
    return "aligned" if max(map(abs, shift)) < NEAR else f"the same everywhere: {_place(shift)}"


def map_listing(scores: pd.DataFrame) -> Listing:
    """List the shift at both ends and in the middle of the image per set, cell and method, and its name in words."""
    header = ("Set", "Cell", "Method", "n", "Top left", "Middle", "Bottom right", "Spread", "In words")
    rows: tuple[tuple[str, ...], ...] = ()
    if set(MEASURES) <= set(scores):
        known = scores.dropna(subset=["stretch_y", "stretch_x"])
        grouped = known.groupby([*CELL, "method"], observed=True)[MEASURES]
        spread = (grouped.quantile(0.75) - grouped.quantile(0.25)) / 2
        middle = grouped.median().assign(
            n=grouped.size(), spread=spread[["stretch_y", "stretch_x"]].max(axis=1)
        )  # a method that is stopped early has stretches all over: their spread tells
        rows = tuple(map(_row, _in_order(middle.reset_index())))
    about = ABOUT if rows else "The scores carry no stretches: `ikebench score` measures them."
    return Listing("Shift over the image", header, "lllrrrrrl", rows, about)


def _row(row: dict[Hashable, Any]) -> tuple[str, ...]:
    shift, stretch = ((row[f"{what}_y"], row[f"{what}_x"]) for what in ("shift", "stretch"))
    places = [f"{shift[0] + end * stretch[0]:+.2f}, {shift[1] + end * stretch[1]:+.2f}" for end in (-0.5, 0.0, 0.5)]
    words = describe(row["scale"], shift, stretch)
    if row["spread"] >= NEAR * (row["scale"] - 1):
        words = "unclear: differs from image to image"
    spread = DASH if math.isnan(row["spread"]) else f"{row['spread']:.2f}"
    cell = cell_name(row["kind"], row["scale"])
    return (str(row["set"]), cell, method_name(row["method"]), str(row["n"]), *places, spread, words)


def _place(shift: tuple[float, float]) -> str:
    y, x = shift
    parts = [f"{abs(y):.1f} px {'down' if y > 0 else 'up'}"] * (abs(y) >= NEAR)
    parts += [f"{abs(x):.1f} px {'right' if x > 0 else 'left'}"] * (abs(x) >= NEAR)
    return " and ".join(parts)
