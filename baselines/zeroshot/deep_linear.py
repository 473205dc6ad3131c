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


def convolution(
    kernel: Tensor, bias: Tensor | None = None, *, stride: int = 1, padding: int = 0
) -> Callable[[Tensor], Tensor]:
    """Give the convolution with a composed kernel, as a function of images (n, inputs, h, w).

    The mathematics of `F.conv2d` with this stride and (zero) padding, several times as fast on a CPU where the image
    wants its gradient: processors convolve many channels at once, and composition leaves one or two. So every
    PHASES x PHASES px become as many channels, and the kernel follows.

    Args:
        kernel: (outputs, inputs, m, m).
        bias: (outputs,).
        stride: a divisor of PHASES.
        padding: px on every side.

    Raises:
        ValueError: if PHASES is no multiple of the stride.
    """
    if PHASES % stride:
        raise ValueError(f"stride must divide {PHASES}, not be {stride}")
    wide, phases_out = _between_phases(kernel, stride), PHASES // stride
    wide_bias = None if bias is None else bias.repeat_interleave(phases_out**2)
    side, span = kernel.shape[-1], wide.shape[-1] * PHASES

    def convolve(image: Tensor) -> Tensor:
        height, width = ((length + 2 * padding - side) // stride + 1 for length in image.shape[-2:])
        # px that the last square of results sees, and those before it
        bottom, right = (
            (math.ceil(result / phases_out) - 1) * PHASES + span - length - padding
            for result, length in zip((height, width), image.shape[-2:], strict=True)
        )
        phases = F.pixel_unshuffle(F.pad(image, (padding, right, padding, bottom)), PHASES)
        phases = phases.contiguous(memory_format=torch.channels_last)
        return F.pixel_shuffle(F.conv2d(phases, wide, wide_bias), phases_out)[..., :height, :width]

    return convolve


def _between_phases(kernel: Tensor, stride: int) -> Tensor:
    """Give the kernel from every phase of the image to every phase of the result.

    Result px (PHASES / stride) j + r sees image px from PHASES j + stride r on: the kernel, moved stride r px on, in
    steps of PHASES.

    Args:
        kernel: (outputs, inputs, m, m).
        stride: a divisor of PHASES.

    Returns:
        (outputs (PHASES / stride)^2, inputs PHASES^2, t, t), t the taps of side PHASES that hold m + PHASES - stride
        px.
    """
    outputs, inputs, side, _ = kernel.shape
    largest = PHASES - stride  # move
    span = math.ceil((side + largest) / PHASES) * PHASES
    padded = F.pad(kernel, (largest, span - side) * 2)  # the window of span px from largest - d on is moved by d
    moved = padded.unfold(2, span, stride).unfold(3, span, stride).flip(2, 3)  # (outputs, inputs, r, c, span, span)
    moved = moved.permute(0, 2, 3, 1, 4, 5).reshape(-1, inputs, span, span)
    return F.pixel_unshuffle(moved, PHASES)
