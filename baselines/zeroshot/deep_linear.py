"""Stacks of convolutions without activations are one convolution: compose the kernel, then convolve the image once."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

DenseLayers = tuple[Sequence[Tensor], Sequence[Tensor]]  # weights and biases

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


def compose_dense(blocks: Sequence[DenseLayers]) -> tuple[Tensor, Tensor]:
    """Compose linear dense blocks of one shape, all at once: layer i sees the input and the outputs of all before it.

    Goes from the output to the input, because there are only few output channels: each layer's part of the kernel is
    replaced by its convolution with that layer's weights. A bias is the weight of an input channel of ones.
    Differentiable, once.

    Args:
        blocks: g of them; each the weights of its layers, (growth, inputs + i growth, 3, 3) of layer i and
            (outputs, ..., 3, 3) of the last, and their biases, (growth,) and (outputs,).

    Returns:
        kernels (g, outputs, inputs, m, m), m = 2 layers + 1, and biases (g, outputs). With zero padding m // 2 the
        results equal the layers' own (zero-padded by 1 each) except in a frame of m // 2 px.
    """
    parameters = [parameter for block in blocks for layers in block for parameter in layers]
    kernels = _ComposeDense.apply(len(blocks), *parameters).transpose(0, 1)
    biases, kernels = kernels.split([1, kernels.shape[2] - 1], dim=2)
    return kernels, biases.sum(dim=(2, 3, 4))


class _ComposeDense(torch.autograd.Function):
    """Kernels (outputs, g, 1 + inputs, m, m) of `compose_dense`, the biases' channel first, with few operators."""

    @staticmethod
    def forward(ctx: Any, count: int, *parameters: Tensor) -> Tensor:  # noqa: ANN401
        layers = len(parameters) // (2 * count)
        shapes = [(count, len(weight), 1 + weight.shape[1], 3, 3) for weight in parameters[:layers]]
        whole = parameters[0].new_zeros(sum(map(math.prod, shapes)))
        parts = whole.split([math.prod(shape) for shape in shapes])
        stacked = [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]
        torch._foreach_copy_(_places(stacked), parameters)
        kernels, throughs = stacked[-1].transpose(0, 1), list[Tensor]()
        for weight in reversed(stacked[:-1]):
            growth, inputs = weight.shape[1:3]
            direct, through = kernels.split([inputs, growth], dim=2)
            throughs.insert(0, through.flatten(1, 2))  # (outputs, g growth, m, m)
            wider = F.conv_transpose2d(throughs[0], weight.flatten(0, 1), groups=count)
            kernels = wider.unflatten(1, (count, inputs))  # (outputs, g, 1 + inputs + ..., m + 2, m + 2)
            kernels[..., 1:-1, 1:-1].add_(direct)
        ctx.save_for_backward(*stacked[:-1], *throughs)
        return kernels

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slopes: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        hidden, count = len(ctx.saved_tensors) // 2, slopes.shape[1]
        gradients = list[Tensor]()
        for weight, through in zip(ctx.saved_tensors[:hidden], ctx.saved_tensors[hidden:], strict=True):
            of_through, of_weight, _ = torch.ops.aten.convolution_backward(
                *(slopes.flatten(1, 2), through, weight.flatten(0, 1), None),
                *((1, 1), (0, 0), (1, 1), True, (0, 0), count, (True, True, False)),  # stride, padding, dilation
            )
            gradients.append(of_weight.view(weight.shape))
            direct = slopes[..., 1:-1, 1:-1]
            slopes = torch.cat([direct, of_through.unflatten(1, (count, -1))], dim=2)
        places = _places([*gradients, slopes.transpose(0, 1)])
        found = [torch.empty_like(place, memory_format=torch.contiguous_format) for place in places]
        torch._foreach_copy_(found, places)
        return None, *found


def _places(stacked: Sequence[Tensor]) -> list[Tensor]:
    """Say where in stacked layers (g, growth, 1 + inputs, 3, 3) the parameters lie, block by block."""
    weights = [layer[:, :, 1:].unbind() for layer in stacked]
    biases = [layer[:, :, 0, 1, 1].unbind() for layer in stacked]
    return [place for block in zip(*weights, *biases, strict=True) for place in block]


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
    return partial(
        _convolve_phases,
        kernel=_between_phases(_moved(kernel, stride)),
        bias=None if bias is None else bias.repeat_interleave((PHASES // stride) ** 2),
        side=kernel.shape[-1],
        stride=stride,
        padding=padding,
    )


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


def fold(image: Tensor) -> Tensor:
    """Turn every PHASES x PHASES px into channels: (n, c, h, w) -> (n, c PHASES^2, h / PHASES, w / PHASES).

    Channels-last; h and w are multiples of PHASES.
    """
    n, c, h, w = image.shape
    squares = image.view(n, c, h // PHASES, PHASES, w // PHASES, PHASES).permute(0, 2, 4, 1, 3, 5)
    return squares.flatten(3).permute(0, 3, 1, 2)


def unfold(phases: Tensor) -> Tensor:
    """Undo `fold`."""
    return F.pixel_shuffle(phases, PHASES)


def folded_kernels(groups: Sequence[Tensor]) -> list[Tensor]:
    """Give the kernels that do to folded images what these, with zero padding m // 2, do to images.

    Args:
        groups: of kernels (g, outputs, inputs, m, m), m odd and the same.

    Returns:
        (g, outputs PHASES^2, inputs PHASES^2, t, t) each, t odd; to be used with zero padding t // 2.
    """
    before = -(groups[0].shape[-1] // 2) % PHASES
    moved = _moved(torch.cat([kernels.flatten(0, 2) for kernels in groups]), 1, before)
    shapes = [kernels.shape[:3] for kernels in groups]
    parts = moved.split([shape.numel() for shape in shapes])
    return [_between_phases(part.unflatten(0, shape)) for part, shape in zip(parts, shapes, strict=True)]


def _moved(kernels: Tensor, stride: int, before: int = 0) -> Tensor:
    """Move kernels (..., m, m) by before + stride r px in y and x, for every phase r of the result.

    Result px (PHASES / stride) j + r sees image px from PHASES j + stride r + before on.

    Returns:
        (..., phases in y, in x, span, span), span a multiple of PHASES.
    """
    side = kernels.shape[-1]
    largest = PHASES - stride
    span = math.ceil((side + largest + before) / PHASES) * PHASES
    # the window of span px from largest - d on is moved by d
    padded = F.pad(kernels, (before + largest, span - side - before) * 2)
    return padded.unfold(-2, span, stride).unfold(-2, span, stride).flip(-4, -3)


def _between_phases(moved: Tensor) -> Tensor:
    """Give the kernels from every phase of the image to every phase of the result, channels-last.

    Args:
        moved: (..., outputs, inputs, rows r, columns c, t PHASES, t PHASES).

    Returns:
        (..., outputs r c, inputs PHASES^2, t, t).
    """
    taps = moved.unflatten(-1, (-1, PHASES)).unflatten(-3, (-1, PHASES))  # (..., o, i, r, c, t, p, t, q)
    taps = taps.movedim((-8, -6, -5, -4, -2, -7, -3, -1), tuple(range(-8, 0)))  # (..., o, r, c, t, t, i, p, q)
    return taps.flatten(-8, -6).flatten(-3).movedim(-1, -3)
