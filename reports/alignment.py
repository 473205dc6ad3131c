"""How far SR lies off its HR, whether that changes over the image, what it costs; and whether SR explains its LR."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd

from reports.comparison import CELL, compare_cells
from reports.listings import Listing, in_order
from reports.naming import cell_name, method_name
from reports.tables import DASH

NEAR = 0.25  # HR px for a shift, and this share of s - 1 for a stretch: nearer than that, it is what it is called
STRAIGHT = 0.4  # HR px: bicubic itself measures 0.2 on a photograph that moves its blocks about
SHIFTS = ["shift_y", "shift_x"]
STRETCHES = ["stretch_y", "stretch_x"]
MEASURES = [*SHIFTS, "psnr_registered"]

ABOUT = (
    "Estimated shift of the SR images against HR in HR pixels (y, x; positive: further down or right), means over "
    "images: of the whole image, and at its corners, from medians of the shift and of its change from end to end. "
    "Registered: what they would score without the shift, RGB PSNR in dB, 6 + s pixels shaved. LR: PSNR in dB of SR, "
    "degraded again as HR was, against the LR image, where that degradation is known: a high one says that SR explains "
    "LR, not that it is right. Both: seeds of an image averaged, over the images that all methods of the cell have; "
    "where a method has others, their number is said. None of this is in a table above."
)


def describe(scale: int, shift: tuple[float, float], stretch: tuple[float, float]) -> str:
    """Name what shift and stretch (y, x; HR px) at a scale come from; `unclear` where it is none of what is known."""
    if any(map(math.isnan, (*shift, *stretch))):
        return "not measured"
    if all(abs(value - (scale - 1)) < NEAR * (scale - 1) for value in stretch):
        half = "" if max(map(abs, shift)) < NEAR else f", and {_place(shift)}"
        return f"aligned corners: stretched by {scale - 1} px over the image{half}"
    if any(abs(value) >= max(NEAR * (scale - 1), STRAIGHT) for value in stretch):
        return "unclear: the shift changes over the image"
    return "aligned" if max(map(abs, shift)) < NEAR else f"the same everywhere: {_place(shift)}"


def alignment_listing(scores: pd.DataFrame) -> Listing:
    """List shift, corners, registered PSNR and the name of it all per set, cell and method, where scores have them."""
    rows: tuple[tuple[str, ...], ...] = ()
    if set(MEASURES) <= set(scores):
        rows = tuple(map(_row, in_order(_measured(scores))))
    names = ("Shift y, x", "Top left", "Bottom right", "Registered PSNR", "LR PSNR", "In words")
    about = ABOUT if rows else "The scores carry no shifts."
    return Listing("Alignment and LR consistency", ("Set", "Cell", "Method", *names), "lllrrrrrl", rows, about)


def _measured(scores: pd.DataFrame) -> pd.DataFrame:
    """Average over images: MEASURES, STRETCHES (medians) and their spread, and how many runs are perfect."""
    values = scores.reindex(columns=[*MEASURES, "psnr_lr", *STRETCHES]).astype(float)
    perfect = np.isposinf(values["psnr_registered"])
    values = values.mask(np.isposinf(values))
    grouped = values.assign(perfect=perfect).groupby([scores[name] for name in (*CELL, "method")], observed=True)
    spread = (grouped[STRETCHES].quantile(0.75) - grouped[STRETCHES].quantile(0.25)).max(axis=1) / 2
    medians = grouped[SHIFTS].median().add_prefix("median_")
    means = grouped[SHIFTS].mean().join(grouped[STRETCHES].median()).join(medians)
    return means.assign(perfect=grouped["perfect"].sum(), spread=spread).join(_compared(scores)).reset_index()


def _compared(scores: pd.DataFrame) -> pd.DataFrame:
    """Average what methods are compared by, over the same images where they have them (`compare_cells`).

    Returns psnr_registered, psnr_lr, n (images) and other_images (than those of the cell's other methods), by set,
    kind, scale and method.
    """
    values = scores.reindex(columns=["psnr_registered", "psnr_lr"]).astype(float)
    values = values.mask(np.isposinf(values)).assign(upper_bound=scores.get("upper_bound", False))
    by_image = values.groupby([scores[name] for name in (*CELL, "method", "image")], observed=True)
    images = by_image[["psnr_registered", "psnr_lr"]].mean().assign(upper_bound=by_image["upper_bound"].any())
    images = images.assign(psnr=images["psnr_registered"], scored=images["psnr_registered"].notna()).reset_index()
    images = compare_cells(images)
    of_method = images[images["in_mean"]].groupby([*CELL, "method"], observed=True)
    means = of_method[["psnr_registered", "psnr_lr"]].mean()
    several = means.groupby(CELL, observed=True)["psnr_lr"].transform("size") > 1
    return means.assign(n=of_method.size(), other_images=several & ~of_method["same_images"].any())


def _row(row: dict[Hashable, Any]) -> tuple[str, ...]:
    shift, stretch = [row[f"median_{name}"] for name in SHIFTS], [row[name] for name in STRETCHES]
    corners = [
        _pair(*(middle + end * change for middle, change in zip(shift, stretch, strict=True))) for end in (-0.5, 0.5)
    ]
    words = describe(row["scale"], (shift[0], shift[1]), (stretch[0], stretch[1]))
    if row["spread"] >= NEAR * (row["scale"] - 1):  # a method that is stopped early is bent otherwise in each image
        words = "unclear: differs from image to image"
    return (
        str(row["set"]),
        cell_name(row["kind"], row["scale"]),
        method_name(row["method"]),
        _pair(*(row[name] for name in SHIFTS)),
        *corners,
        _registered_text(row),
        DASH if math.isnan(row["psnr_lr"]) else f"{row['psnr_lr']:.2f}",
        words,
    )


def _pair(y: float, x: float) -> str:
    return DASH if math.isnan(y) or math.isnan(x) else f"{y:+.2f}, {x:+.2f}"


def _place(shift: tuple[float, float]) -> str:
    y, x = shift
    parts = [f"{abs(y):.1f} px {'down' if y > 0 else 'up'}"] * (abs(y) >= NEAR)
    parts += [f"{abs(x):.1f} px {'right' if x > 0 else 'left'}"] * (abs(x) >= NEAR)
    return " and ".join(parts)


def _registered_text(row: dict[Hashable, Any]) -> str:
    """Print a mean of finite values, and where it is over other images than the rest; ∞ where there are none."""
    psnr, perfect = row["psnr_registered"], row["perfect"]
    if math.isnan(psnr):
        return "∞" if perfect else DASH
    beside = [f"n {row['n']:.0f}"] * bool(row["other_images"]) + [f"{perfect} infinite left out"] * bool(perfect)
    return f"{psnr:.3f}" + f" ({', '.join(beside)})" * bool(beside)
