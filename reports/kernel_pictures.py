"""Estimated kernels beside the true ones, as pictures; and the list of LR consistency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from reports.comparison import CELL
from reports.listings import Listing, _in_order
from reports.naming import cell_name, method_name

PANEL = 1.1  # inches

ABOUT_CONSISTENCY = (
    "PSNR in dB of SR, degraded again as HR was, against the LR image it was made from: RGB, no pixel shaved, means "
    "over images. Where that degradation is not known there is none. A high one says that SR explains LR, not that "
    "it is right."
)


@dataclass(frozen=True)
class KernelRow:
    """A row of pictures.

    Attributes:
        name: of the image and its cell.
        true: (n, n), or None where it is not known.
        estimated: method -> (m, m).
        psnr: method -> dB, where there is one.
    """

    name: str
    true: NDArray[np.float64] | None
    estimated: Mapping[str, NDArray[np.float64]]
    psnr: Mapping[str, float]


def draw_kernels(rows: Sequence[KernelRow], path: Path) -> bool:
    """Draw one row per image, the true kernel first, all in one size; False where there are none.

    Every picture is as bright as its own largest value, which stands for white; what is negative is black.
    """
    if not rows:
        return False
    from matplotlib.figure import Figure  # only where something is drawn

    methods = list(dict.fromkeys(method for row in rows for method in row.estimated))
    side = max(
        max(kernel.shape) for row in rows for kernel in (*row.estimated.values(), row.true) if kernel is not None
    )
    size = (PANEL * (len(methods) + 1) + 0.8, (PANEL + 0.25) * len(rows) + 0.2)
    figure = Figure(figsize=size, layout="constrained")
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
    figure.savefig(path, dpi=200)
    return True


def consistency_listing(scores: pd.DataFrame) -> Listing:
    """List the mean `psnr_lr` of every method, where scores have it."""
    rows: tuple[tuple[str, ...], ...] = ()
    if "psnr_lr" in scores:
        finite = scores[np.isfinite(scores["psnr_lr"].astype(float))]
        means = finite.groupby([*CELL, "method"], observed=True)["psnr_lr"].agg(["mean", "count"]).reset_index()
        rows = tuple(
            (
                str(row["set"]),
                cell_name(row["kind"], row["scale"]),
                method_name(row["method"]),
                str(row["count"]),
                f"{row['mean']:.2f}",
            )
            for row in _in_order(means)
        )
    header = ("Set", "Cell", "Method", "n", "LR PSNR")
    return Listing("LR consistency", header, "lllrr", rows, ABOUT_CONSISTENCY if rows else "The scores carry none.")


def _padded(kernel: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """Put a kernel in the middle of zeros, (side, side)."""
    before = [(side - length) // 2 for length in kernel.shape]
    after = [side - length - first for length, first in zip(kernel.shape, before, strict=True)]
    return np.pad(kernel, list(zip(before, after, strict=True)))
