"""Losses that several zero-shot methods share: the bicubic start, the kernel's regularisers, the smoothness mask."""

import math
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from degradations.resample import bicubic_kernel, kernel_centre

BICUBIC_SCALE = 2  # the released bicubic loss has one kernel, that of x2


class BicubicLoss(nn.Module):
    """MSE to the bicubic target; weight 5 until that is small, then divided by 100 every 200 iterations (KernelGAN).

    A schedule that depends on the training, kept in tensors, so that no step waits for a value.
    """

    START = 5.0  # KernelGAN release
    PATIENCE = 3  # KernelGAN release: so many losses in a row below the threshold
    EVERY, DIVISOR, FLOOR = 200, 100.0, 5e-6  # KernelGAN release
    CONSTRAINTS_BELOW = 5e-3  # KernelGAN release: weight at which centre and sparsity are switched on

    weight: Tensor
    in_a_row: Tensor
    similar: Tensor

    def __init__(self, threshold: float) -> None:
        """Start with the full weight; `threshold` is what counts as a small loss."""
        super().__init__()
        self.threshold = threshold
        self.register_buffer("weight", torch.tensor(self.START))
        self.register_buffer("in_a_row", torch.tensor(0))
        self.register_buffer("similar", torch.tensor(False))

    def constraints(self) -> Tensor:
        """Give 1 once the weight is low, else 0: ()."""
        return (self.weight < self.CONSTRAINTS_BELOW).to(self.weight)

    def forward(self, image: Tensor, target: Tensor, iteration: Tensor) -> Tensor:
        """Give the weighted loss () of two equal shapes, and let the weight follow it; `iteration` is ()."""
        loss = F.mse_loss(image, target)
        weighted = self.weight.clone() * loss  # a copy: the update below writes where backward would read
        self._follow(loss, iteration)
        return weighted

    def _follow(self, loss: Tensor, iteration: Tensor) -> None:
        decaying = self.similar & (iteration % self.EVERY == 0)
        lower = (self.weight / self.DIVISOR).clamp_min(self.FLOOR)
        self.weight.copy_(torch.where(decaying, lower, self.weight))
        self.in_a_row.copy_(torch.where(loss.detach() < self.threshold, self.in_a_row + 1, 0))
        self.similar.copy_(self.similar | (self.in_a_row >= self.PATIENCE))


def bicubic_targets(crops: Tensor, side: int, *, step: int = BICUBIC_SCALE, channel_sum: bool = False) -> Tensor:
    """Downscale crops bicubically, as the target of the bicubic loss.

    Args:
        crops: (n, 3, c, c).
        side: of the target in px; the middle of the downscaled crop.
        step: distance of the wanted pixels. The kernel stays that of x2, as in the releases.
        channel_sum: every channel of the target is the sum of the three (quirk).

    Returns:
        (n, 3, side, side).
    """
    kernel = torch.from_numpy(bicubic_kernel(BICUBIC_SCALE)[1:, 1:]).to(crops)  # (8, 8); its first row is empty
    planes = crops.flatten(0, 1)[:, None]  # (3 n, 1, c, c)
    small = F.conv2d(planes, kernel[None, None], stride=step, padding=3)[:, 0].unflatten(0, (-1, 3))
    shave = (small.shape[-1] - side) // 2
    small = small[..., shave : shave + side, shave : shave + side]
    return small.sum(dim=1, keepdim=True).expand_as(small) if channel_sum else small


class KernelLoss(nn.Module):
    """Regularisers of a downscaling kernel: sum, border, centre of mass, sparsity (KernelGAN)."""

    SUM, BORDER, CENTRE, SPARSITY = 0.5, 0.5, 1.0, 5.0  # KernelGAN release: weights; the last two once constrained
    BORDER_PENALTY = 30.0  # KernelGAN release
    SPARSITY_POWER = 0.2  # KernelGAN release
    FLOOR = 1e-12  # smaller weights count as it: the slope of |k|^0.2 has no bound towards 0

    border: Tensor
    index: Tensor

    def __init__(self, side: int, scale: int = 2) -> None:
        """Prepare for kernels of `side` px of downscaling by `scale`."""
        super().__init__()
        self.register_buffer("border", _border_penalty(side) * self.BORDER_PENALTY, persistent=False)
        self.register_buffer("index", torch.arange(side).float(), persistent=False)
        self.centre = kernel_centre(side, scale, "kernelgan")

    def forward(self, kernel: Tensor, constraints: Tensor) -> Tensor:
        """Give the loss () of a kernel (m, m); `constraints` () is 1 where centre and sparsity count, else 0."""
        total = kernel.sum()
        centre_y, centre_x = (kernel.sum(1) @ self.index) / total, (kernel.sum(0) @ self.index) / total
        off_centre = ((centre_y - self.centre) ** 2 + (centre_x - self.centre) ** 2) / 2
        density = kernel.abs().clamp_min(self.FLOOR).pow(self.SPARSITY_POWER).mean()
        steady = self.SUM * (1 - total).abs() + self.BORDER * (kernel * self.border).abs().mean()
        return steady + constraints * (self.CENTRE * off_centre + self.SPARSITY * density)


def _border_penalty(side: int) -> Tensor:
    """1 - a wide Gaussian, zero in the middle: nothing may lie near the kernel's border (KernelGAN release)."""
    index = np.arange(side) - side // 2
    gaussian = np.exp(-(index**2) / (2 * side**2))
    penalty = 1 - np.outer(gaussian, gaussian)
    margin = (side - math.ceil(side / 2)) // 2 - 1
    penalty[margin:-margin, margin:-margin] = 0
    return torch.from_numpy(penalty).float()


def smoothness_mask(image: Tensor) -> Tensor:
    """Where an image (n, c, h, w) in [0, 1] is smooth: 1 - Sobel magnitude, clipped to [0, 1] (DualSR).

    No gradient flows through it.
    """
    return 1 - sobel_magnitude(image.detach()).clamp(0, 1)


def sobel_magnitude(image: Tensor, border: Literal["zero", "edge"] = "zero") -> Tensor:
    """Length of the gradient by the 3x3 Sobel (+-1, +-2): (n, c, h, w) -> the same shape.

    Beyond the image lie zeros, or its edge pixels once more (what scipy calls `reflect`).
    """
    padded = F.pad(image, [1, 1, 1, 1], mode="constant" if border == "zero" else "replicate")  # (n, c, h+2, w+2)
    across_y = padded[..., :-2, :] + 2 * padded[..., 1:-1, :] + padded[..., 2:, :]
    across_x = padded[..., :-2] + 2 * padded[..., 1:-1] + padded[..., 2:]
    along_x = across_y[..., 2:] - across_y[..., :-2]
    along_y = across_x[..., 2:, :] - across_x[..., :-2, :]
    return torch.hypot(along_x, along_y)
