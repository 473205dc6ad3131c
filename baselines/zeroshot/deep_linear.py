"""Stacks of convolutions without activations are one convolution: compose the kernel, then convolve the image once."""

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

PHASES = 4
"""Side of the squares of px that `convolution` turns into channels: measured, of 2, 4 and 8."""


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


def convolution(kernel: Tensor, bias: Tensor) -> Callable[[Tensor], Tensor]:
    """Give the convolution with a composed kernel, zero-padded to the same size; for images (n, inputs, h, w).

    The mathematics of `F.conv2d`, three times as fast on a CPU: processors convolve many channels at once, and
    composition leaves one or two. So every PHASES x PHASES px become as many channels, and the kernel follows.

    Args:
        kernel: (outputs, inputs, m, m), m odd.
        bias: (outputs,).
    """
    border = kernel.shape[-1] // 2
    wide, wide_bias = _between_phases(kernel), bias.repeat_interleave(PHASES**2)

    def convolve(image: Tensor) -> Tensor:
        height, width = image.shape[-2:]
        more = (wide.shape[-1] - 1) * PHASES - border  # px that the last outputs see beyond the image
        padding = (border, more + -width % PHASES, border, more + -height % PHASES)
        phases = F.pixel_unshuffle(F.pad(image, padding), PHASES).contiguous(memory_format=torch.channels_last)
        return F.pixel_shuffle(F.conv2d(phases, wide, wide_bias), PHASES)[..., :height, :width]

    return convolve


def _between_phases(kernel: Tensor) -> Tensor:
    """Give the kernel from every phase of the image to every phase of the result.

    Result px PHASES j + r sees image px from PHASES j + r on: the kernel, moved r px on, in steps of PHASES.

    Args:
        kernel: (outputs, inputs, m, m).

    Returns:
        (outputs PHASES^2, inputs PHASES^2, t, t), t the taps of side PHASES that hold m + PHASES - 1 px.
    """
    outputs, inputs, side, _ = kernel.shape
    taps = math.ceil((side + PHASES - 1) / PHASES)
    span = taps * PHASES
    padded = F.pad(kernel, (PHASES - 1, span - side) * 2)  # the window of span px from PHASES - 1 - r on is moved by r
    moved = padded.unfold(2, span, 1).unfold(3, span, 1).flip(2, 3)  # (outputs, inputs, r, c, span, span)
    moved = moved.permute(0, 2, 3, 1, 4, 5).reshape(outputs * PHASES**2, inputs, span, span)
    return F.pixel_unshuffle(moved, PHASES)
