"""Which means of a cell (one set, kind and scale) may be held against each other: those over the same images."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

CELL = ["set", "kind", "scale"]


def compare_cells(images: pd.DataFrame) -> pd.DataFrame:
    """Say for every method of every cell whether it is compared, and for every image whether it is in its mean.

    In each cell a set of images is chosen on which two methods or more were run, so that as many results as possible
    are compared. Of it, those images count that all methods run on it restored with a finite PSNR; and compared are all
    methods that restored these. A method without any finite PSNR, failed or perfect throughout, spoils nobody's
    comparison, and an upper bound that knows the truth takes no part. The means of the others are over the same images
    where they have them all, else over their own finite ones; that of a method perfect wherever it has a score is
    infinite.

    Args:
        images: one row per set, kind, scale, method and image; psnr, scored, upper_bound.

    Returns:
        `images` with the columns compared and in_mean (bool), same_images (bool: the mean is over the compared images)
        and left_out (why an image of a compared method is not in its mean, where that is its own doing: `infinite`,
        `failed`, or `not run by all`; else empty).
    """
    cells = [_compare(cell) for _, cell in images.groupby(CELL, observed=True)]
    return pd.concat(cells).sort_index()


def _compare(cell: pd.DataFrame) -> pd.DataFrame:
    finite = cell["scored"] & np.isfinite(cell["psnr"].astype(float))
    own, run = _images_by_method(cell[finite]), _images_by_method(cell)
    rivals = set(cell["method"][~cell["upper_bound"]]) & set(own)
    chosen = _common_images({method: run[method] for method in rivals})
    common = chosen.intersection(*(own[method] for method in rivals if chosen <= run[method]))
    compared = {method for method in rivals if common and common <= own[method]}
    means = _images_by_method(cell[cell["scored"]]) | own
    means |= {method: common for method, images in own.items() if common and common <= images}
    in_mean = pd.Series([image in means.get(m, ()) for m, image in zip(cell["method"], cell["image"], strict=True)])
    in_mean.index = cell.index
    reason = np.where(~cell["scored"], "failed", np.where(finite, "", "infinite"))
    reason = np.where(cell["image"].isin(chosen), reason, "not run by all")
    is_compared = cell["method"].isin(compared)
    return cell.assign(
        compared=is_compared,
        in_mean=in_mean,
        same_images=cell["method"].isin({m for m, images in means.items() if common and images == common}),
        left_out=np.where(is_compared & ~in_mean, reason, ""),
    )


def _images_by_method(rows: pd.DataFrame) -> dict[str, frozenset[str]]:
    return {str(method): frozenset(of_method) for method, of_method in rows.groupby("method", observed=True)["image"]}


def _common_images(run: dict[str, frozenset[str]]) -> frozenset[str]:
    """Choose images that two methods or more were run on, for the most results in all; empty if there are none.

    Of two sets that are worth as much, the larger, then the later by name.
    """
    sets = set(run.values())
    candidates = {images for images in sets if list(run.values()).count(images) > 1}
    candidates |= {one & other for one, other in combinations(sets, 2)} - {frozenset()}

    def results(images: frozenset[str]) -> int:
        return len(images) * sum(images <= others for others in run.values())

    return max(candidates, key=lambda images: (results(images), len(images), sorted(images)), default=frozenset())
