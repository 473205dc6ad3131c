"""Stacks of convolutions without activations are one convolution: compose the kernel, then convolve the image once."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.grad import conv2d_weight


def compose_chain(weights: Sequence[Tensor]) -> Tensor:
    """Compose a chain of bias-free convolutions from one channel to one: KernelGAN's G, DualSR's G_DN.

    Goes from the output to the input, as `compose_dense` does. Differentiable.

    Args:
        weights: of layer i, (channels of i, channels of i - 1, k_i, k_i); the first has one input, the last one output.

    Returns:
        (1, 1, m, m), m = 1 + sum of k_i - 1. Without padding, and with the strides of all layers multiplied together,
        it gives what the layers give, if no layer after a strided one is larger than 1x1.
    """
    kernel = weights[-1]
    for weight in reversed(weights[:-1]):
        kernel = F.conv_transpose2d(kernel, weight)
    return kernel


def compose_dense(weights: Sequence[Tensor], biases: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Compose a linear dense block: layer i sees the input and the outputs of all layers before it.

    Goes from the output to the input, because there are only few output channels: each layer's part of the kernel is
    replaced by its convolution with that layer's weights. Differentiable.

    Args:
        weights: of layer i, (growth, inputs + i growth, k, k); of the last, (outputs, ..., k, k); k odd.
        biases: (growth,) each; of the last, (outputs,).

    Returns:
        kernel (outputs, inputs, m, m), m = layers (k - 1) + 1, and bias (outputs,). With zero padding m // 2 the result
        equals the layers' own (zero-padded by k // 2 each) except in a frame of m // 2 px.
    """
    kernel, bias = weights[-1], biases[-1]
    border = weights[0].shape[-1] // 2
    for weight, layer_bias in zip(reversed(weights[:-1]), reversed(biases[:-1]), strict=True):
        direct, through_layer = kernel.split([weight.shape[1], weight.shape[0]], dim=1)
        bias = bias + through_layer.sum(dim=(2, 3)) @ layer_bias
        kernel = F.pad(direct, [border] * 4) + F.conv_transpose2d(through_layer, weight)
    return kernel, bias


def convolve(image: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    """Convolve with a composed kernel, zero-padded to the same size.

    Equals `F.conv2d`, but its gradient for the image runs as one more small convolution: the library's own is 15 times
    slower on a CPU for the few channels and large kernels that composition gives.

    Args:
        image: (n, inputs, h, w).
        kernel: (outputs, inputs, m, m), m odd.
        bias: (outputs,).

    Returns:
        (n, outputs, h, w).
    """
    return _SameConvolution.apply(image, kernel, bias)


class _SameConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, image: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:  # noqa: ANN401
        ctx.save_for_backward(image, kernel)
        return F.conv2d(image, kernel, bias, padding=kernel.shape[-1] // 2)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:  # noqa: ANN401
        image, kernel = ctx.saved_tensors
        padding = kernel.shape[-1] // 2
        for_image = None
        if ctx.needs_input_grad[0]:
            for_image = F.conv2d(gradient, kernel.flip(2, 3).transpose(0, 1), padding=padding)
        for_kernel = conv2d_weight(image, kernel.shape, gradient, padding=padding)
        return for_image, for_kernel, gradient.sum((0, 2, 3))
