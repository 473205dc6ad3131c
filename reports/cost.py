"""Quality against cost: what a method gains over bicubic, and the seconds that it takes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from reports.comparison import CELL, cells_of
from reports.drawing import DPI, legend_below, panel_title
from reports.naming import cell_name, method_name, method_order

if TYPE_CHECKING:
    from matplotlib.figure import Figure

REFERENCE = "bicubic"
PANEL_WIDTH, PANEL_HEIGHT, LEGEND_HEIGHT = 2.4, 2.2, 0.7  # inches
PANELS_PER_ROW = 3


def costs(scores: pd.DataFrame, protocol: str) -> pd.DataFrame:
    """Give the gain and the cost of each method in each cell.

    `scores` is as `scores.parquet`; failed rows count for nothing. A row per set, kind, scale, method and device with
    `n`, `gain` in dB under the protocol (NaN without bicubic on the same images) and `seconds` per image.
    """
    image = [*CELL, "image"]
    psnr = f"psnr_{protocol}"
    done = scores[(scores["status"] == "ok") & np.isfinite(scores[psnr].astype(float))]
    reference = done[done["method"] == REFERENCE].groupby(image, observed=True)[psnr].mean().rename("reference")
    done = done.join(reference, on=image)
    done = done.assign(gain=done[psnr] - done["reference"])
    grouped = done.groupby([*CELL, "method", "device"], observed=True)
    return grouped[["gain", "seconds"]].mean().assign(n=grouped.size()).reset_index()


def cost_figure(scores: pd.DataFrame, protocol: str) -> Figure | None:
    """Draw gain against seconds per image, a panel per cell; None where there is nothing to draw.

    Bicubic is the line at 0: it stands for no gain. What lies more than 3 dB below it is drawn at the lower edge.
    """
    points = _drawn(costs(scores, protocol))
    if points.empty:
        return None
    from matplotlib.figure import Figure  # only where something is drawn
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    cells = cells_of(points)
    columns = min(len(cells), PANELS_PER_ROW)
    rows = math.ceil(len(cells) / columns)
    size = (PANEL_WIDTH * columns + 0.4, PANEL_HEIGHT * rows + LEGEND_HEIGHT)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    methods = sorted(points["method"].unique(), key=method_order)
    lowest = max(points["gain"].min(), -3.0)
    for axis, ((set_name, kind, scale), of_cell) in zip(axes, cells.items(), strict=False):
        for place, method in enumerate(methods):
            one = of_cell[of_cell["method"] == method]
            if one.empty:
                continue  # an unclipped line of no points takes the room of the panel
            marker = "osD^vPX*<>"[place % 10]
            gain = one["gain"].clip(lower=lowest)
            axis.plot(one["seconds"], gain, marker, color=f"C{place % 10}", label=method_name(method), clip_on=False)
        axis.axhline(0, color="0.6", linewidth=0.8)
        axis.set_title(panel_title(set_name, cell_name(kind, scale)), fontsize=8)
        axis.set_xscale("log")
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.tick_params(labelsize=7)
    for axis in axes[len(cells) :]:
        axis.set_visible(False)
    figure.supxlabel("seconds per image", fontsize=8)
    figure.supylabel("PSNR gain over bicubic (dB)", fontsize=8)
    legend_below(figure, axes, map(method_name, methods), 4, fontsize=7)
    return figure


def _drawn(found: pd.DataFrame) -> pd.DataFrame:
    """Take the rows of `costs` that have a place in the figure."""
    found = found.dropna(subset=["gain", "seconds"])
    return found[(found["method"] != REFERENCE) & (found["seconds"] > 0)]


def can_be_drawn(scores: pd.DataFrame, protocol: str) -> bool:
    """Say whether `cost_figure` has something to draw."""
    return {"seconds", "device"} <= set(scores) and not _drawn(costs(scores, protocol)).empty
