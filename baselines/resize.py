"""Resizing as two matrix products, differentiable and on any device: the torch side of `degradations.resample`."""

from dataclasses import dataclass
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor

from baselines.grids import Grid
from degradations.resample import KEYS_A, resize_matrix


@dataclass(frozen=True)
class Resize:
    """A separable linear resize of images of one size.

    Attributes:
        rows: (out_h, h), of the images' dtype.
        columns: (out_w, w).
    """

    rows: Tensor
    columns: Tensor

    @classmethod
    def bicubic(cls, image: Tensor, scale: float, grid: Grid = "half-pixel", a: float = KEYS_A) -> Self:
        """Build the bicubic resize by `scale` for images like `image` (..., h, w): its size, dtype and device.

        `a` is of the cubic (`degradations.resample.keys_cubic`), but on the grid `align-corners`, which is torch's.
        """
        rows, columns = (_matrix(length, scale, grid, a).to(image) for length in image.shape[-2:])
        return cls(rows, columns)

    def __call__(self, image: Tensor) -> Tensor:
        """Resize (..., h, w) to (..., out_h, out_w)."""
        return self.rows @ image @ self.columns.T


def _matrix(length: int, scale: float, grid: Grid, a: float) -> Tensor:
    out_length = round(length * scale)
    if grid != "align-corners":
        low_border, top_left = grid != "half-pixel-cut", grid == "top-left"
        matrix = resize_matrix(length, out_length, scale, low_border=low_border, top_left=top_left, a=a)
        return torch.from_numpy(matrix.toarray())
    # A linear map is known by what it does to the unit vectors: resize the identity along one axis.
    unit = torch.eye(length, dtype=torch.float64)[None, None]  # (1, 1, length, length), one unit vector a column
    return F.interpolate(unit, size=(out_length, length), mode="bicubic", align_corners=True)[0, 0]


def downscale(image: Tensor, kernel: Tensor, step: int) -> Tensor:
    """Filter with a kernel at every `step`-th pixel from the top-left: `degradations.resample.correlate` in torch.

    Args:
        image: (n, c, h, w).
        kernel: (m, m), m odd, correlated.
        step: distance of the wanted pixels.

    Returns:
        (n, c, ceil(h / step), ceil(w / step)).
    """
    radius = len(kernel) // 2
    rows, columns = (_mirrored(length, radius).to(image.device) for length in image.shape[-2:])
    padded = image[..., rows[:, None], columns]
    filtered = F.conv2d(padded.flatten(0, 1)[:, None], kernel[None, None], stride=step)
    return filtered.unflatten(0, image.shape[:2])[:, :, 0]


def _mirrored(length: int, radius: int) -> Tensor:
    """Give the indices of a line with `radius` samples more on each side, the edge sample repeated first."""
    index = torch.arange(-radius, length + radius) % (2 * length)
    return torch.minimum(index, 2 * length - 1 - index)
