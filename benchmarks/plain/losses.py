"""Losses that KernelGAN, DualSR and the released IKE share, plainly."""

import math
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


def keys(x: np.ndarray) -> np.ndarray:
    """Keys' cubic, a = -0.5."""
    x = np.abs(x)
    inner, outer = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, inner, np.where(x <= 2, outer, 0))


def bicubic_target(crops: Tensor, side: int, step: int, *, channel_sum: bool) -> Tensor:
    """Downscaled crops: the 8x8 antialiased cubic of x2 at every `step`-th pixel, padded by 3 zeros; its middle."""
    taps = keys((np.arange(8) - 3.5) / 2) / 2
    kernel = torch.from_numpy(np.outer(taps, taps)).to(crops)[None, None]
    planes = F.pad(crops, [3, 3, 3, 3]).flatten(0, 1)[:, None]
    small = F.conv2d(planes, kernel, stride=step)[:, 0].unflatten(0, crops.shape[:2])
    first = (small.shape[-1] - side) // 2
    small = small[..., first : first + side, first : first + side]
    return small.sum(1, keepdim=True).repeat(1, 3, 1, 1) if channel_sum else small


class BicubicSchedule:
    """Weight 5 until the loss was small three times running, then a hundredth of it every 200 iterations."""

    def __init__(self, threshold: float, weight: float = 5.0, in_a_row: int = 0, similar: bool = False) -> None:
        """Start anew, or in the middle of a training."""
        self.threshold, self.weight, self.in_a_row, self.similar = threshold, weight, in_a_row, similar

    def follow(self, iteration: int, loss: float) -> None:
        """At the end of an iteration."""
        if self.similar and iteration % 200 == 0:
            self.weight = max(self.weight / 100, 5e-6)
        self.in_a_row = self.in_a_row + 1 if loss < self.threshold else 0
        self.similar = self.similar or self.in_a_row >= 3


def kernel_loss(kernel: Tensor, *, constrained: bool) -> Tensor:
    """Sum to 1, nothing at the border; once constrained, centred and sparse."""
    place = torch.arange(13).to(kernel)
    distance = (place[:, None] - 6) ** 2 + (place[None] - 6) ** 2
    penalty = 30 * (1 - torch.exp(-distance / (2 * 13**2)))
    penalty[2:-2, 2:-2] = 0
    loss = 0.5 * (1 - kernel.sum()).abs() + 0.5 * (kernel * penalty).abs().mean()
    if constrained:
        centre = torch.stack([(kernel.sum(1) * place).sum(), (kernel.sum(0) * place).sum()]) / kernel.sum()
        loss = loss + F.mse_loss(centre, torch.full_like(centre, 6.5)) + 5 * (kernel.abs() ** 0.2).mean()
    return loss


def resized(images: Tensor, scale: float, *, low_border: bool = True) -> Tensor:
    """Run MATLAB's imresize, Keys' cubic on the half-pixel grid: (..., h, w) -> (..., s h, s w)."""
    rows, columns = (torch.from_numpy(_weights(side, scale, low_border)).to(images) for side in images.shape[-2:])
    return torch.einsum("ih,...hw,jw->...ij", rows, images, columns)


@lru_cache
def _weights(length: int, scale: float, low_border: bool) -> np.ndarray:
    """Give what each pixel weighs in each result: (out_length, length). Without the low border, none has taps before 0.

    Beyond the border the line is mirrored, the edge pixel first.
    """
    weights, stretch = np.zeros((round(length * scale), length)), min(scale, 1.0)
    for result, row in enumerate(weights):
        centre = (result + 0.5) / scale - 0.5
        for tap in range(math.floor(centre - 2 / stretch), math.ceil(centre + 2 / stretch) + 1):
            if tap >= 0 or low_border:
                row[-1 - tap if tap < 0 else min(tap, 2 * length - 1 - tap)] += keys(np.array(stretch * (centre - tap)))
        row /= row.sum()
    return weights


def sobel(images: Tensor) -> Tensor:
    """Magnitude by the 3x3 Sobel of every channel, zeros beyond the border."""
    across = images.new_tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    kernels = torch.stack([across, across.T])[:, None]  # (2, 1, 3, 3)
    gradients = F.conv2d(images.flatten(0, 1)[:, None], kernels, padding=1)
    return gradients.square().sum(1).sqrt().unflatten(0, images.shape[:2])
