"""Crops of images: the one in which methods differ most, and a crop's PSNR and SSIM."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ikebench.scoring.metrics import WINDOW, luma, psnr, ssim
from reports.crops import Window
from reports.protocols import PROTOCOLS

Image = NDArray[np.uint8]
SMALLEST = WINDOW
"""px: SSIM's window must fit."""


def measure_crop(sr: Image, hr: Image, window: Window, protocol: str) -> tuple[float, float]:
    """Give PSNR (dB) and SSIM of a crop alone, in the protocol's channels; no border is shaved from it.

    Args:
        sr: (H, W, 3).
        hr: the same shape.
        window: inside both, its side `SMALLEST` px or more.
        protocol: a key of `PROTOCOLS`.
    """
    planes = luma if PROTOCOLS[protocol].channels == "y" else _as_it_is
    pair = [planes(image[window.slices]) for image in (sr, hr)]
    return psnr(*pair), ssim(*pair)


def most_different(images: Sequence[Image], size: int, border: int, step: int) -> Window:
    """Find the square in which images differ most: by the largest mean, over its pixels, of their luma's variance.

    Args:
        images: (H, W, 3) each, two or more.
        size: px a side.
        border: px at the image's rim that it keeps out of, where there is room for that.
        step: its corner is at multiples of so many px, so that the LR image has whole pixels of it.
    """
    mean, squares = np.zeros(images[0].shape[:2]), np.zeros(images[0].shape[:2])
    for image in images:
        plane = luma(image) / len(images)
        mean += plane
        squares += len(images) * plane**2
    variance = squares - mean**2
    # The sum over the square whose upper left corner a pixel is; integral images have a row and a column of 0 in front.
    sums = np.asarray(cv2.integral(variance))
    means = sums[size:, size:] - sums[:-size, size:] - sums[size:, :-size] + sums[:-size, :-size]
    height, width = means.shape
    allowed = np.zeros(means.shape, dtype=bool)
    allowed[_corners(height, border, step), _corners(width, border, step)] = True
    y, x = np.unravel_index(np.argmax(np.where(allowed, means, -np.inf)), means.shape)
    return Window(int(y), int(x), size)


def _corners(count: int, border: int, step: int) -> slice:
    first = -(-border // step) * step
    return slice(first, count - border, step) if first < count - border else slice(0, count, step)


def _as_it_is(image: Image) -> NDArray[Any]:
    return image
