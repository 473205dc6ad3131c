"""What the machine can do at best: the yardstick of benchmarks/bench.py."""

import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from baselines.contract import Precision
from baselines.zeroshot.training import Training

MATRIX_SIDE = 2048
CONV_CHANNELS, CONV_SIDE = 64, 128  # the layer that the upscalers are made of, on the crops that they see
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
SECONDS = 1.0  # for which each is repeated


def _product_flop(left: torch.Size, right: torch.Size, *_: object, **__: object) -> int:
    return 2 * left.numel() * right[0]


_products = [torch.ops.mkldnn._linear_pointwise] if hasattr(torch.ops.mkldnn, "_linear_pointwise") else []
PRODUCTS = dict.fromkeys(_products, _product_flop)
"""What torch's counter does not know of `baselines.zeroshot.matrix_product`; nothing where torch has no oneDNN."""


def machine_peaks(precision: Precision) -> dict[str, float]:
    """Give GFLOP/s of one thread: a square matmul, and a 3x3 convolution with its backward pass."""
    dtype = DTYPES[precision]
    left, right = (torch.randn(MATRIX_SIDE, MATRIX_SIDE).to(dtype) for _ in range(2))
    image = torch.randn(1, CONV_CHANNELS, CONV_SIDE, CONV_SIDE).to(dtype, memory_format=torch.channels_last)
    weight = (torch.randn(CONV_CHANNELS, CONV_CHANNELS, 3, 3) / 24).to(dtype)
    image.requires_grad_()
    weight.requires_grad_()

    def convolve() -> tuple[Tensor, ...]:
        return torch.autograd.grad(F.conv2d(image, weight, padding=1).sum(), [image, weight])

    return {"matmul": _rate(lambda: left @ right), "convolution": _rate(convolve)}


def convolution_work(training: Training) -> float:
    """Count the GFLOP (a multiply-add is two) of the convolutions and matrix products of one training step."""
    inputs = {name: drawn[0] for name, drawn in training.draw(0).items()}
    with FlopCounterMode(display=False, custom_mapping=PRODUCTS) as counter:
        training.step(inputs)
    return counter.get_total_flops() / 1e9


def _rate(work: Callable[[], object]) -> float:
    """Give the GFLOP/s of `work`, the best of what fits into a second."""
    with FlopCounterMode(display=False) as counter:
        work()
    best, ends = float("inf"), time.perf_counter() + SECONDS
    while time.perf_counter() < ends:
        started = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - started)
    return counter.get_total_flops() / best / 1e9
