"""Which means of a cell (one set, kind and scale) may be held against each other: those over the same images."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import pandas as pd

CELL = ["set", "kind", "scale"]


def compare_cells(images: pd.DataFrame) -> pd.DataFrame:
    """Say for every method of every cell whether it is compared, and for every image whether it is in its mean.

    In each cell, those methods are compared that were run on a common set of images, chosen so that as many results as
    possible are compared. Their means are over those images of it that all of them restored with a finite PSNR. A
    method with no score at all spoils nobody's comparison, and an upper bound that knows the truth takes no part. The
    means of the others are over the same images where they have them all, else over their own finite ones; a method
    that is perfect wherever it has a score has an infinite mean.

    Args:
        images: one row per set, kind, scale, method and image; psnr, scored, upper_bound.

    Returns:
        `images` with the columns compared and in_mean (bool).
    """
    cells = [_compare(cell) for _, cell in images.groupby(CELL, observed=True)]
    return pd.concat(cells).sort_index()


def _compare(cell: pd.DataFrame) -> pd.DataFrame:
    finite = cell["scored"] & np.isfinite(cell["psnr"].astype(float))
    own = _images_by_method(cell[finite])
    methods = cell[~cell["upper_bound"]].groupby("method", observed=True)["scored"].any()
    run = _images_by_method(cell)
    chosen = _common_images({method: run[method] for method in methods.index[methods]})
    compared = [method for method in methods.index[methods] if chosen and chosen <= run[method]]
    common = chosen.intersection(*(own.get(method, frozenset()) for method in compared)) if compared else frozenset()
    if not common:
        compared = []
    means = _images_by_method(cell[cell["scored"]]) | own
    means |= {method: common for method, images in own.items() if common and common <= images}
    in_mean = [image in means.get(method, ()) for method, image in zip(cell["method"], cell["image"], strict=True)]
    return cell.assign(compared=cell["method"].isin(compared), in_mean=in_mean)


def _images_by_method(rows: pd.DataFrame) -> dict[Hashable, frozenset[str]]:
    return rows.groupby("method", observed=True)["image"].agg(frozenset).to_dict()


def _common_images(run: dict[Hashable, frozenset[str]]) -> frozenset[str]:
    """Choose the images of some method on which two methods or more were run, for the most results in all."""

    def results(images: frozenset[str]) -> int:
        return len(images) * sum(images <= others for others in run.values())

    candidates = [images for images in run.values() if sum(images <= others for others in run.values()) > 1]
    return max(candidates, key=lambda images: (results(images), len(images), sorted(images)), default=frozenset())
