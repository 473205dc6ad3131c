"""Estimated kernels beside the true ones: their PSNR in a list, and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from reports.cells import in_columns
from reports.comparison import CELL
from reports.drawing import DPI
from reports.evidence import KernelRow
from reports.listings import Listing
from reports.naming import method_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANEL = 1.1  # inches
TRUE = "true"


def kernel_listing(scores: pd.DataFrame) -> Listing:
    """List the mean PSNR of the kernels that methods estimated, where the true ones are known."""
    known = scores[scores["kernel_psnr"].notna()] if "kernel_psnr" in scores else scores[:0]
    cells: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    if len(known):
        means = known.groupby([*CELL, "method"], observed=True)["kernel_psnr"].agg(["mean", "count"]).reset_index()
        cells, found = in_columns(means, ["method"], lambda row: f"{row['mean']:.2f} (n {row['count']})")
        rows = tuple((str(row["set"]), method_name(row["method"]), *texts) for row, texts in found)
    about = "PSNR of the estimated kernels against the true ones in dB, centres of mass aligned; means over n results."
    return Listing("Kernels", ("Set", "Method", *cells), "ll" + "r" * len(cells), rows, about)


def kernel_figure(rows: Sequence[KernelRow]) -> Figure:
    """Draw one row per image, one at least, all in one size: first the true kernel, where any is known.

    Every picture is as bright as its own largest value, which stands for white; what is negative is black.
    """
    from matplotlib.figure import Figure  # only where something is drawn

    names = [TRUE] * any(row.true is not None for row in rows)
    names += dict.fromkeys(method for row in rows for method in row.estimated)
    side = max(
        max(kernel.shape) for row in rows for kernel in (*row.estimated.values(), row.true) if kernel is not None
    )
    size = (PANEL * len(names) + 0.8, (PANEL + 0.25) * len(rows) + 0.2)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    axes = figure.subplots(len(rows), len(names), squeeze=False)
    for line, row in zip(axes, rows, strict=True):
        kernels = {TRUE: row.true, **row.estimated}
        for axis, name in zip(line, names, strict=True):
            kernel = kernels.get(name)
            psnr = f"\n{row.psnr[name]:.2f} dB" if name in row.psnr else ""
            axis.set(xticks=[], yticks=[])
            axis.set_title(method_name(name) + psnr, fontsize=7)
            if kernel is None:
                axis.spines[:].set_visible(False)
                axis.text(0.5, 0.5, "unknown", ha="center", va="center", fontsize=7, transform=axis.transAxes)
            else:
                axis.imshow(_padded(kernel, side), cmap="gray", vmin=0, interpolation="nearest")
        line[0].set_ylabel(row.name, fontsize=7)
    return figure


def _padded(kernel: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """Put a kernel in the middle of zeros, (side, side)."""
    before = [(side - length) // 2 for length in kernel.shape]
    after = [side - length - first for length, first in zip(kernel.shape, before, strict=True)]
    return np.pad(kernel, list(zip(before, after, strict=True)))
