"""Parts of images to be shown, and the one in which methods differ most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""(H, W, 3) RGB."""


@dataclass(frozen=True)
class Window:
    """A part of an HR image, in px: its upper left corner, and its sides."""

    y: int
    x: int
    height: int
    width: int

    def of(self, image: Image, scale: int = 1) -> Image:
        """Cut it from an image; `scale` times smaller than HR, where that is the LR image."""
        y, x, height, width = (value // scale for value in (self.y, self.x, self.height, self.width))
        return image[y : y + height, x : x + width]


def most_different(images: Sequence[Image], side: int, step: int, border: int = 0) -> Window:
    """Find the square in which images differ most: where the variance of their luma over images is largest.

    Args:
        images: (H, W, 3) each, two or more.
        side: px of the square, at most; the whole height or width where that is less.
        step: its corner and sides are multiples of it, so that the LR image has whole pixels of it.
        border: px at the image's rim that it keeps out of, where there is room for that.
    """
    mean, squares = np.zeros(images[0].shape[:2], np.float32), np.zeros(images[0].shape[:2], np.float32)
    for image in images:
        luma = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        cv2.accumulate(luma, mean)
        cv2.accumulateSquare(luma, squares)
    variance = squares / len(images) - np.square(mean / len(images))
    height, width = (min(side, length) // step * step for length in variance.shape)
    # Integral images have a row and a column of zeros in front.
    sums = np.asarray(cv2.integral(variance))
    inside = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
    rows, columns = (_corners(count, step, border) for count in inside.shape)
    y, x = np.unravel_index(np.argmax(inside[np.ix_(rows, columns)]), (len(rows), len(columns)))
    return Window(rows[y], columns[x], height, width)


def _corners(count: int, step: int, border: int) -> range:
    """Give where the square may begin along a side with `count` places for it."""
    inner = range(-(-border // step) * step, count - border, step)
    return inner or range(0, count, step)
