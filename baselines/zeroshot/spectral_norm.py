"""Spectral norm (Miyato et al. 2018), with few operators."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class SpectrallyNormed(torch.autograd.Function):
    """Weights divided by their largest singular values, of which the singular vectors are known."""

    @staticmethod
    def forward(ctx: Any, weights: Tensor, directions: Tensor) -> Tensor:  # noqa: ANN401
        """Divide.

        Args:
            ctx: autograd's.
            weights: (..., outputs, inputs).
            directions: u v^T of the singular vectors (k, ..., outputs, inputs), by k power iterations; constants.

        Returns:
            (k, ..., outputs, inputs).
        """
        sizes = (weights * directions).sum(dim=(-2, -1), keepdim=True)
        normed = weights / sizes
        ctx.save_for_backward(normed, directions, sizes)
        return normed

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slopes: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        """Give the gradient of the weights."""
        normed, directions, sizes = ctx.saved_tensors
        along = (slopes * normed).sum(dim=(-2, -1), keepdim=True)
        return torch.addcmul(slopes, along, directions, value=-1).div_(sizes).sum(dim=0), None
