"""Quality against cost: what a method gains over bicubic, and the seconds that it takes."""

from __future__ import annotations

import math
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from reports.comparison import CELL
from reports.listings import Listing, _in_order, _signed
from reports.naming import cell_name, method_name, method_order
from reports.tables import DASH

REFERENCE = "bicubic"
WIDTH = 3.5  # inches: a column of a paper
ABOUT = (
    "Mean PSNR gain over bicubic on the same images, and mean seconds of the method alone per image, and per megapixel "
    "of SR where the images' sizes are given. Seconds on different devices do not compare."
)


def costs(scores: pd.DataFrame, protocol: str, megapixels: pd.Series[float] | None = None) -> pd.DataFrame:
    """Give the gain and the cost of each method in each cell.

    Args:
        scores: as `scores.parquet`; failed rows count for nothing.
        protocol: whose PSNR.
        megapixels: of each row's SR, by the index of `scores`.

    Returns:
        A row per set, kind, scale, method and device with `n`, `gain` in dB (NaN without bicubic on the same images),
        `seconds` per image and `seconds_per_mp`.
    """
    image = [*CELL, "image"]
    psnr = f"psnr_{protocol}"
    done = scores.assign(mp=np.nan if megapixels is None else megapixels)
    done = done[(done["status"] == "ok") & np.isfinite(done[psnr].astype(float))]
    reference = done[done["method"] == REFERENCE].groupby(image, observed=True)[psnr].mean().rename("reference")
    done = done.join(reference, on=image)
    done = done.assign(gain=done[psnr] - done["reference"], seconds_per_mp=done["seconds"] / done["mp"])
    grouped = done.groupby([*CELL, "method", "device"], observed=True)
    means = grouped[["gain", "seconds", "seconds_per_mp"]].mean()
    return means.assign(n=grouped.size()).reset_index()


def cost_listing(scores: pd.DataFrame, protocol: str, megapixels: pd.Series[float] | None = None) -> Listing:
    """List gain and cost, as `costs` gives them."""
    rows = tuple(_row(row) for row in _in_order(costs(scores, protocol, megapixels)))
    header = ("Set", "Cell", "Method", "Device", "n", "Gain (dB)", "s/image", "s/megapixel")
    return Listing("Quality against cost", header, "llllrrrr", rows, ABOUT)


def _row(row: dict[Hashable, Any]) -> tuple[str, ...]:
    times = ("" if math.isnan(row[name]) else f"{row[name]:.3g}" for name in ("seconds", "seconds_per_mp"))
    cell = cell_name(row["kind"], row["scale"])
    named = (str(row["set"]), cell, method_name(row["method"]), str(row["device"]), str(row["n"]))
    return (*named, _signed(row["gain"]), *(text or DASH for text in times))


def draw_costs(scores: pd.DataFrame, protocol: str, path: Path) -> bool:
    """Draw gain against seconds per image, a panel per cell, into a PNG or PDF; False where there is nothing to draw.

    Bicubic is the line at 0: it stands for no gain.
    """
    points = costs(scores, protocol).dropna(subset=["gain", "seconds"])
    points = points[(points["method"] != REFERENCE) & (points["seconds"] > 0)]
    if points.empty:
        return False
    from matplotlib.figure import Figure  # only where something is drawn

    cells = list(points.groupby(CELL, observed=True))
    figure = Figure(figsize=(WIDTH * min(len(cells), 3), 2.6 * math.ceil(len(cells) / 3)), layout="constrained")
    axes = figure.subplots(math.ceil(len(cells) / 3), min(len(cells), 3), squeeze=False, sharex=True).ravel()
    methods = sorted(points["method"].unique(), key=method_order)
    for axis, ((set_name, kind, scale), of_cell) in zip(axes, cells, strict=False):
        for place, method in enumerate(methods):
            one = of_cell[of_cell["method"] == method]
            marker = "osD^vPX*<>"[place % 10]
            axis.plot(one["seconds"], one["gain"], marker, color=f"C{place % 10}", label=method_name(method))
        axis.axhline(0, color="0.6", linewidth=0.8)
        axis.set(title=f"{set_name}, {cell_name(kind, scale)}", xscale="log", xlabel="seconds per image")
        axis.title.set_fontsize(9)
    for axis in axes[len(cells) :]:
        axis.set_visible(False)
    axes[0].set_ylabel("PSNR gain over bicubic (dB)")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(len(methods), 5), fontsize=8, frameon=False)
    figure.savefig(path, dpi=200)
    return True
