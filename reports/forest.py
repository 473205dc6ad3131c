"""A forest plot of paired differences: each method's mean and 95 % interval against the reference, a panel per cell."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd

from reports.comparison import cells_of
from reports.drawing import DPI, STYLE, draw_bytes
from reports.naming import cell_name, method_name, method_order

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANELS_PER_ROW = 3
PANEL_WIDTH, ROW_HEIGHT, FRAME_HEIGHT = 3.1, 0.24, 0.85  # inches
ABOVE, BELOW, OPEN = "#0b6e4f", "#b3261e", "#5f6368"  # interval above 0, below 0, neither
BOUND = "#9aa0a6"  # of an upper bound: gray, as in the tables


def draw(differences: pd.DataFrame, reference: str, file_format: str = "svg") -> bytes:
    """Draw the differences of one set from `reference` as svg, png or pdf, the same bytes for the same numbers.

    `differences` is as of `Results.against_reference`: one row per kind, scale and method, mean_difference, low, high
    in dB (NaN: a point without an interval), upper_bound.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    cells = cells_of(differences)
    methods = sorted(set(differences["method"]), key=method_order, reverse=True)  # the first on top
    columns = min(len(cells), PANELS_PER_ROW)
    rows = math.ceil(len(cells) / columns)
    size = (1.4 + PANEL_WIDTH * columns, (FRAME_HEIGHT + ROW_HEIGHT * len(methods)) * rows)
    with rc_context(STYLE | {"font.size": 8}):
        figure = Figure(figsize=size, dpi=DPI, layout="constrained")
        grid = figure.subplots(rows, columns, sharey=True, sharex=True, squeeze=False)
        for axes, (key, of_cell) in zip(grid.flat, cells.items(), strict=False):
            axes.set_title(cell_name(*key[1:]), fontsize=9)
            _panel(axes, of_cell, methods)
        for axes in grid.flat[len(cells) :]:
            axes.set_axis_off()
        figure.supxlabel(f"PSNR minus that of {method_name(reference)} (dB), 95 % interval", fontsize=8)
    return draw_bytes(figure, file_format)


def _panel(axes: Axes, of_cell: pd.DataFrame, methods: list[str]) -> None:
    axes.axvline(0, color="#9aa0a6", linewidth=0.8)
    for row in of_cell.to_dict("records"):
        place, low, high = methods.index(row["method"]), row["low"], row["high"]
        colour = BOUND if row["upper_bound"] else ABOVE if low > 0 else BELOW if high < 0 else OPEN
        if not math.isnan(low):
            axes.plot([low, high], [place, place], color=colour, linewidth=1.6, solid_capstyle="butt")
        filled = colour if low > 0 or high < 0 else "white"
        axes.plot(row["mean_difference"], place, "o", color=colour, markerfacecolor=filled, markersize=4.5)
    axes.set_yticks(range(len(methods)), [method_name(method) for method in methods])
    axes.set_ylim(-0.6, len(methods) - 0.4)
    axes.locator_params(axis="x", nbins=5)
    axes.tick_params(length=2)
    axes.tick_params(axis="x", labelbottom=True)
    axes.grid(axis="y", color="#eeeeee", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
