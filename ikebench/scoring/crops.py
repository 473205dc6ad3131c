"""PSNR and SSIM of a crop."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ikebench.scoring.metrics import WINDOW, luma, psnr, ssim
from reports.protocols import PROTOCOLS
from reports.windows import Window

Image = NDArray[np.uint8]
SMALLEST = WINDOW
"""px: SSIM's window must fit."""


def measure_crop(sr: Image, hr: Image, window: Window, protocol: str) -> tuple[float, float]:
    """Give PSNR (dB) and SSIM of a crop alone, in the protocol's channels; no border is shaved from it.

    Args:
        sr: (H, W, 3).
        hr: the same shape.
        window: inside both, its sides `SMALLEST` px or more.
        protocol: a key of `PROTOCOLS`.
    """
    planes = luma if PROTOCOLS[protocol].channels == "y" else _as_it_is
    pair = [planes(window.of(image)) for image in (sr, hr)]
    return psnr(*pair), ssim(*pair)


def _as_it_is(image: Image) -> NDArray[Any]:
    return image
