"""Estimated kernels beside the true ones, as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from reports.drawing import DPI
from reports.evidence import KernelRow
from reports.naming import method_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANEL = 1.1  # inches


def kernel_figure(rows: Sequence[KernelRow]) -> Figure:
    """Draw one row per image, one at least: the true kernel first, all in one size.

    Every picture is as bright as its own largest value, which stands for white; what is negative is black.
    """
    from matplotlib.figure import Figure  # only where something is drawn

    methods = list(dict.fromkeys(method for row in rows for method in row.estimated))
    side = max(
        max(kernel.shape) for row in rows for kernel in (*row.estimated.values(), row.true) if kernel is not None
    )
    size = (PANEL * (len(methods) + 1) + 0.8, (PANEL + 0.25) * len(rows) + 0.2)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    axes = figure.subplots(len(rows), len(methods) + 1, squeeze=False)
    for line, row in zip(axes, rows, strict=True):
        kernels = [("true", row.true), *((method, row.estimated.get(method)) for method in methods)]
        for axis, (name, kernel) in zip(line, kernels, strict=True):
            psnr = f"\n{row.psnr[name]:.2f} dB" if name in row.psnr else ""
            axis.set(xticks=[], yticks=[])
            axis.set_title(("true" if name == "true" else method_name(name)) + psnr, fontsize=7)
            if kernel is None:
                axis.text(0.5, 0.5, "none", ha="center", va="center", fontsize=7, transform=axis.transAxes)
            else:
                axis.imshow(_padded(kernel, side), cmap="gray", vmin=0, interpolation="nearest")
        line[0].set_ylabel(row.name, fontsize=7)
    return figure


def _padded(kernel: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """Put a kernel in the middle of zeros, (side, side)."""
    before = [(side - length) // 2 for length in kernel.shape]
    after = [side - length - first for length, first in zip(kernel.shape, before, strict=True)]
    return np.pad(kernel, list(zip(before, after, strict=True)))
