"""Horizontal strips: sums over the pixels of an image, in a core's cache and in memory that no image outgrows."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


def strips(height: int, width: int, pixels: int, *, least: int = 1) -> Iterator[slice]:
    """Yield the rows of each strip, top to bottom: as many as `pixels` fill, but `least` where the image has them."""
    rows = max(pixels // max(width, 1), least)
    for top in range(0, height, rows):
        yield slice(top, min(top + rows, height))


def widened(rows: slice, halo: int, height: int) -> slice:
    """Return the rows with `halo` more at either side, as far as an image of `height` rows has them."""
    return slice(max(rows.start - halo, 0), min(rows.stop + halo, height))


def within(rows: slice, outer: slice) -> slice:
    """Return where the rows lie in a strip that holds the rows `outer`."""
    return slice(rows.start - outer.start, rows.stop - outer.start)


class Mean:
    """The mean of values that come strip by strip; NaN of none."""

    def __init__(self) -> None:
        self.total, self.count = 0.0, 0

    def add(self, values: NDArray[np.float64]) -> None:
        """Take in the values of one more strip."""
        self.total += float(values.sum())
        self.count += values.size

    @property
    def value(self) -> float:
        """The mean of all values so far."""
        return self.total / self.count if self.count else float("nan")
