"""Which means of a cell (one set, kind and scale) may be held against each other: those over the same images."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

from reports.naming import kind_order

CELL = ["set", "kind", "scale"]
FOUND = {"compared": bool, "in_mean": bool, "same_images": bool, "left_out": object}


def cells_of(rows: pd.DataFrame) -> dict[tuple[str, str, int], pd.DataFrame]:
    """Split rows by (set, kind, scale), in the order of the tables."""
    cells = {(str(key[0]), str(key[1]), int(str(key[2]))): part for key, part in rows.groupby(CELL, observed=True)}
    return dict(sorted(cells.items(), key=lambda cell: (cell[0][0], kind_order(cell[0][1]), cell[0][2])))


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
    scored = images["scored"].to_numpy(dtype=bool)
    facts = {
        "method": pd.factorize(images["method"])[0],
        "image": pd.factorize(images["image"].astype(str), sort=True)[0],
        "scored": scored,
        "finite": scored & np.isfinite(np.asarray(images["psnr"], dtype=float)),
        "upper_bound": images["upper_bound"].to_numpy(dtype=bool),
    }
    found: dict[str, np.ndarray] = {name: np.zeros(len(images), dtype) for name, dtype in FOUND.items()}
    for rows in images.groupby(CELL, observed=True).indices.values():
        for name, values in _compare(**{fact: of_all[rows] for fact, of_all in facts.items()}).items():
            found[name][rows] = values
    return images.assign(**found)


def _compare(
    method: np.ndarray, image: np.ndarray, scored: np.ndarray, finite: np.ndarray, upper_bound: np.ndarray
) -> dict[str, np.ndarray]:
    """Compare the methods of one cell; all arrays are (rows,), methods and images are numbers, images in order."""
    method, image = (np.unique(numbers, return_inverse=True)[1] for numbers in (method, image))

    def grid(where: np.ndarray) -> np.ndarray:
        of_method = np.zeros((method.max() + 1, image.max() + 1), dtype=bool)
        of_method[method[where], image[where]] = True
        return of_method  # (methods, images)

    run, restored, own = grid(np.ones_like(scored)), grid(scored), grid(finite)
    has_own = own.any(axis=1)  # (methods,)
    rivals = has_own & grid(~upper_bound).any(axis=1)
    chosen = _common_images(run[rivals])  # (images,)
    common = chosen & own[rivals & _all_of(chosen, run)].all(axis=0)
    whole = has_own & _all_of(common, own) & common.any()
    means = np.where(own.any(axis=1, keepdims=True), own, restored)
    means[whole] = common
    compared, in_mean = (rivals & whole)[method], means[method, image]
    same_images = (means == common).all(axis=1) & common.any()
    reason = np.where(~scored, "failed", np.where(finite, "", "infinite"))
    reason = np.where(chosen[image], reason, "not run by all")
    return {
        "compared": compared,
        "in_mean": in_mean,
        "same_images": same_images[method],
        "left_out": np.where(compared & ~in_mean, reason, ""),
    }


def _all_of(images: np.ndarray, of_method: np.ndarray) -> np.ndarray:
    """Say for each method whether it has all the images: (images,) and (methods, images) to (methods,)."""
    return ~(images & ~of_method).any(axis=1)


def _common_images(run: np.ndarray) -> np.ndarray:
    """Choose images that two methods or more were run on, for the most results in all; none if there are none.

    Of two sets that are worth as much, the larger, then the later by name. `run` is (methods, images).
    """
    sets, counts = np.unique(run, axis=0, return_counts=True)
    candidates = [*sets[counts > 1], *(one & other for one, other in combinations(sets, 2) if (one & other).any())]

    def worth(images: np.ndarray) -> tuple[int, int, list[int]]:
        size = int(images.sum())
        return size * int(_all_of(images, run).sum()), size, np.flatnonzero(images).tolist()

    return max(candidates, key=worth, default=np.zeros(run.shape[1], dtype=bool))
