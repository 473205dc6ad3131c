"""Sizes that are checked before anything is built, and so without torch: of kernels, crops and images."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

DOWNSCALER_SIDES = (7, 5, 3, 1, 1, 1)  # KernelGAN's and DualSR's releases: of the downscaler's layers
KERNEL_SIDE = 1 + sum(side - 1 for side in DOWNSCALER_SIDES)  # 13
SMALLEST_CROP = 40
"""px of a crop to downscale: below, what comes out leaves too few 7x7 patches to judge."""


def crop_side(lr: "Tensor", wanted: int, multiple: int, least: int, method: str) -> int:
    """Give the largest crop up to `wanted` px that `multiple` divides and the image holds.

    Raises:
        ValueError: if a side of the LR image (1, 3, h, w) is under `least` px; names the `method`.
    """
    height, width = lr.shape[-2:]
    if min(height, width) < least:
        raise ValueError(f"the LR image is {width}x{height} px; {method} needs {least} px on each side")
    side = min(wanted, height, width)
    return side - side % multiple


def crop_note(side: int, wanted: int) -> str:
    """Say it where the crops had to be smaller than wanted."""
    return f"trained on crops of {side} px: the image is small" if side < wanted else ""
