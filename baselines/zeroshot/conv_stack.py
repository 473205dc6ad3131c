"""The plain network of the zero-shot upscalers: ZSSR's, DualSR's G_UP and IKE's U."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines.tiling import tiled

CPU_FORMATS = {"AVX2": torch.contiguous_format}
"""How the images of convs lie in memory, by the CPU's instructions: channels-last but where these lack AVX-512."""

CUDA_FORMATS = {torch.float32: torch.contiguous_format, torch.bfloat16: torch.channels_last}
"""How the images of convs lie in a GPU's memory: a guess for each arithmetic, until benchmarks/gpu.py has been run."""

Draw = Callable[[tuple[int, ...], torch.Generator], Tensor]


class ConvStack(nn.Module):
    """3x3 convs, zero-padded to the same size, with ReLU between; as many channels out as in."""

    def __init__(
        self, channels: int, layers: int, width: int, draw: Draw, generator: torch.Generator, bias: bool = True
    ) -> None:
        """Draw the weights; biases start at 0."""
        super().__init__()
        widths = [channels, *[width] * (layers - 1), channels]
        shapes = [(outputs, inputs, 3, 3) for inputs, outputs in zip(widths, widths[1:], strict=False)]
        self.weights = nn.ParameterList(nn.Parameter(draw(shape, generator)) for shape in shapes)
        self.biases = nn.ParameterList(torch.zeros(shape[0]) for shape in shapes) if bias else [None] * layers
        self.halo = layers

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, h, w) -> the same shape."""
        x = x.contiguous(memory_format=conv_format(x))
        *hidden, last = zip(self.weights, self.biases, strict=True)
        for weight, bias in hidden:
            x = relu(F.conv2d(x, weight, bias, padding=1))
        return F.conv2d(x, *last, padding=1).contiguous()

    def run(self, x: Tensor, how: Callable[[nn.Module, Tensor], Tensor], *, in_tiles: bool) -> Tensor:
        """Run on the whole of x (n, channels, h, w), or `tiled`; `how` as there."""
        return self.tiled(x, how) if in_tiles else how(self, x)

    def tiled(self, x: Tensor, run: Callable[[nn.Module, Tensor], Tensor], tile: int = 512) -> Tensor:
        """Run on tiles of `tile` px with an exact overlap, so that memory does not grow with the image.

        Args:
            x: (n, channels, h, w).
            run: how to run the network on a tile: `baselines.zeroshot.training.run_wide` in some precision, say.
            tile: side in px.
        """
        return tiled(lambda part: run(self, part), x, tile, self.halo)


def conv_format(x: Tensor) -> torch.memory_format:
    """Say how the image x of a stack of convs lies in memory: as is the fastest (`benchmarks/step_seconds.py`)."""
    if not x.is_cuda:
        return CPU_FORMATS.get(torch.backends.cpu.get_cpu_capability(), torch.channels_last)
    arithmetic = torch.get_autocast_dtype("cuda") if torch.is_autocast_enabled("cuda") else x.dtype
    return CUDA_FORMATS.get(arithmetic, torch.contiguous_format)


def relu(x: Tensor) -> Tensor:
    """ReLU of a tensor that nobody needs afterwards: in place, but for bfloat16, where that is several times slower."""
    return F.relu(x, inplace=x.dtype == torch.float32)


def xavier_normal(gain: float) -> Draw:
    """Give Xavier-normal draws (Glorot and Bengio 2010)."""
    return lambda shape, generator: nn.init.xavier_normal_(torch.empty(shape), gain=gain, generator=generator)


def fan_in_normal(variance: float) -> Draw:
    """Give draws of N(0, variance / fan-in): He-normal for a variance of 2."""
    return lambda shape, generator: torch.randn(shape, generator=generator) * math.sqrt(variance / math.prod(shape[1:]))
