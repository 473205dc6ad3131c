"""Stacks of convolutions without activations are one convolution: compose the kernel, then convolve the image once."""

import math
from collections.abc import Callable, Sequence
from functools import partial

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
    """Compose linear dense blocks of one shape, all at once: layer i sees the input and the outputs of all before it.

    Goes from the output to the input, because there are only few output channels: each layer's part of the kernel is
    replaced by its convolution with that layer's weights. Differentiable.

    Args:
        weights: of layer i of all g blocks, (g, growth, inputs + i growth, k, k); of the last, (g, outputs, ..., k, k);
            k odd.
        biases: (g, growth) each; of the last, (g, outputs).

    Returns:
        kernels (g, outputs, inputs, m, m), m = layers (k - 1) + 1, and biases (g, outputs). With zero padding m // 2
        the results equal the layers' own (zero-padded by k // 2 each) except in a frame of m // 2 px.
    """
    kernels, bias = weights[-1], biases[-1][..., None]
    border = weights[0].shape[-1] // 2
    for weight, layer_biases in zip(reversed(weights[:-1]), reversed(biases[:-1]), strict=True):
        blocks, growth, inputs = weight.shape[:3]
        direct, through_layer = kernels.split([inputs, growth], dim=2)
        bias = bias + through_layer.sum(dim=(3, 4)) @ layer_biases[..., None]
        channels = through_layer.transpose(0, 1).flatten(1, 2)  # (outputs, g growth, m, m)
        spread = F.conv_transpose2d(channels, weight.flatten(0, 1), groups=blocks)  # (outputs, g inputs, m + 2, m + 2)
        kernels = F.pad(direct, [border] * 4) + spread.unflatten(1, (blocks, inputs)).transpose(0, 1)
    return kernels, bias[..., 0]


def convolution(
    kernel: Tensor, bias: Tensor | None = None, *, stride: int = 1, padding: int = 0
) -> Callable[[Tensor], Tensor]:
    """Give the convolution with one composed kernel (outputs, inputs, m, m) and bias (outputs,); see `convolutions`."""
    [convolve] = convolutions(kernel[None], None if bias is None else bias[None], stride=stride, padding=padding)
    return convolve


def convolutions(
    kernels: Tensor, biases: Tensor | None = None, *, stride: int = 1, padding: int = 0
) -> list[Callable[[Tensor], Tensor]]:
    """Give the convolutions with g composed kernels, as functions of images (n, inputs, h, w).

    The mathematics of `F.conv2d` with this stride and (zero) padding, several times as fast on a CPU where the image
    wants its gradient: processors convolve many channels at once, and composition leaves one or two. So every
    PHASES x PHASES px become as many channels, and the kernel follows.

    Args:
        kernels: (g, outputs, inputs, m, m).
        biases: (g, outputs).
        stride: a divisor of PHASES.
        padding: px on every side.

    Raises:
        ValueError: if PHASES is no multiple of the stride.
    """
    if PHASES % stride:
        raise ValueError(f"stride must divide {PHASES}, not be {stride}")
    wide = _between_phases(kernels.flatten(0, 1), stride).unflatten(0, (len(kernels), -1))
    wide_biases: Sequence[Tensor | None] = [None] * len(kernels)
    if biases is not None:
        wide_biases = biases.repeat_interleave((PHASES // stride) ** 2, dim=1).unbind()
    across = partial(_convolve_phases, side=kernels.shape[-1], stride=stride, padding=padding)
    return [partial(across, kernel=kernel, bias=bias) for kernel, bias in zip(wide.unbind(), wide_biases, strict=True)]


def _convolve_phases(
    image: Tensor, *, kernel: Tensor, bias: Tensor | None, side: int, stride: int, padding: int
) -> Tensor:
    """Convolve an image (n, inputs, h, w) with a kernel of `_between_phases`, once m px a side."""
    phases_out = PHASES // stride
    span = kernel.shape[-1] * PHASES
    height, width = ((length + 2 * padding - side) // stride + 1 for length in image.shape[-2:])
    # px that the last square of results sees, and those before it
    bottom, right = (
        (math.ceil(result / phases_out) - 1) * PHASES + span - length - padding
        for result, length in zip((height, width), image.shape[-2:], strict=True)
    )
    phases = F.pixel_unshuffle(F.pad(image, (padding, right, padding, bottom)), PHASES)
    phases = phases.contiguous(memory_format=torch.channels_last)
    return F.pixel_shuffle(F.conv2d(phases, kernel, bias), phases_out)[..., :height, :width]


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
