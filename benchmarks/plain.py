"""The networks as the released codes run them: layer by layer, contiguous, every norm a batch norm of its own.

Same mathematics as ikebench's steps (tests/test_benchmarks.py holds that): what the ratios of
benchmarks/step_seconds.py are measured against, in one run on one machine. What lies around the networks stays
ikebench's: crops cut ahead, only the gradients that are used, fused Adam, memory kept. The official IKE, which has none
of that, takes longer still.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

import torch
import torch.nn.functional as F
from torch import Tensor

import baselines.dualsr
import baselines.kernelgan
from baselines.zeroshot.conv_stack import ConvStack
from baselines.zeroshot.discriminator import HIDDEN, PATCH, PatchDiscriminator
from baselines.zeroshot.downscaler import KERNEL_SIDE, LinearDownscaler
from ikebench.ike.network import DenseBlock

KERNELGAN_STRIDED, DUALSR_STRIDED = 5, 2
"""Index of the downscaler's layer with the stride: the last, the 3x3."""


@contextmanager
def plain_forms() -> Iterator[None]:
    """Run training steps in their plain form for a while."""
    with ExitStack() as stack:
        for owner, name, form in [
            (DenseBlock, "map", lambda block: block.layered),
            (PatchDiscriminator, "forward", _judge),
            (ConvStack, "forward", _convolve),
            (LinearDownscaler, "kernel", _kernel),
            (baselines.kernelgan, "filter_valid", _filter_by_layers(KERNELGAN_STRIDED)),
            (baselines.dualsr, "filter_valid", _filter_by_layers(DUALSR_STRIDED)),
        ]:
            stack.enter_context(patch.object(owner, name, form))
        yield


def _judge(judge: PatchDiscriminator, images: Tensor, together: int = 1) -> Tensor:
    """`PatchDiscriminator.forward`, conv by conv, one batch norm for every `together` images."""
    sides = (PATCH, *[1] * (HIDDEN + 1))
    convs = [
        weight.view(len(weight), -1, side, side)
        for weight, side in zip(judge._normalised_weights(), sides, strict=True)
    ]
    return torch.cat([_judge_group(judge, group, convs) for group in images.split(together)])


def _judge_group(judge: PatchDiscriminator, images: Tensor, convs: list[Tensor]) -> Tensor:
    first, *hidden, last = convs
    x = F.conv2d(images, first)
    for conv, scale, shift in zip(hidden, judge.norm_scales, judge.norm_shifts, strict=True):
        x = F.relu(F.batch_norm(F.conv2d(x, conv), None, None, scale, shift, training=True))
    return torch.sigmoid(F.conv2d(x, last, judge.bias)).flatten()[None]


def _convolve(stack: ConvStack, x: Tensor) -> Tensor:
    """`ConvStack.forward`, contiguous."""
    *hidden, last = zip(stack.weights, stack.biases, strict=True)
    for weight, bias in hidden:
        x = F.relu(F.conv2d(x, weight, bias, padding=1))
    return F.conv2d(x, *last, padding=1)


def _kernel(down: LinearDownscaler) -> Tensor:
    """`LinearDownscaler.kernel` as what the layers make of an impulse; remembers the layers for `filter_valid`."""
    x = down.weights[0].new_zeros(1, 1, 2 * KERNEL_SIDE - 1, 2 * KERNEL_SIDE - 1)
    x[..., KERNEL_SIDE - 1, KERNEL_SIDE - 1] = 1
    for weight in down.weights:
        x = F.conv2d(x, weight)
    kernel = x[0, 0].flip(0, 1)
    kernel.layers = list(down.weights)  # type: ignore[attr-defined]
    return kernel


def _filter_by_layers(strided: int) -> Callable[[Tensor, Tensor, int], Tensor]:
    """Give `filter_valid` as a pass through G's layers."""

    def filter_valid(image: Tensor, kernel: Tensor, step: int) -> Tensor:
        x = image.flatten(0, 1)[:, None]
        for index, weight in enumerate(kernel.layers):  # type: ignore[attr-defined]
            x = F.conv2d(x, weight, stride=step if index == strided else 1)
        return x[:, 0].unflatten(0, image.shape[:2])

    return filter_valid
