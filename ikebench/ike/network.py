"""IKENet, the invertible network of the paper (section 2 and Table 1).

Colours are a batch of three one-channel images with shared weights. Notation of the comments: n images of one channel,
s the scale of one stage (always 2), C channels inside a stage.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines.zeroshot.conv_stack import xavier_normal
from baselines.zeroshot.deep_linear import compose_dense, convolutions
from ikebench.ike.method import Activation

Map = Callable[[Tensor], Tensor]

STAGE_SCALE = 2
ACTIVATIONS: dict[str, Map] = {"relu": F.relu, "leaky-relu": lambda x: F.leaky_relu(x, 0.2)}


@dataclass(frozen=True)
class DenseShape:
    """The hyperparameters that all dense blocks share; see `ikebench.ike.method.IKE` for their sources."""

    layers: int
    growth: int
    gain: float
    activation: Activation


class DenseBlock(nn.Module):
    """phi, sigma or rho: 3x3 convs, each on the input and the outputs of all before it."""

    def __init__(self, inputs: int, outputs: int, shape: DenseShape, generator: torch.Generator) -> None:
        """Draw xavier-normal weights and zero biases."""
        super().__init__()
        self.activation = shape.activation
        widths = [*[shape.growth] * (shape.layers - 1), outputs]
        channels = [inputs + index * shape.growth for index in range(shape.layers)]
        draw = xavier_normal(shape.gain)
        self.weights = nn.ParameterList(
            nn.Parameter(draw((width, channel, 3, 3), generator))
            for width, channel in zip(widths, channels, strict=True)
        )
        self.biases = nn.ParameterList(torch.zeros(width) for width in widths)

    def layered(self, x: Tensor) -> Tensor:
        """Run the block layer by layer: (n, inputs, h, w) -> (n, outputs, h, w)."""
        activate = ACTIVATIONS.get(self.activation, lambda features: features)
        *hidden, last = zip(self.weights, self.biases, strict=True)
        for weight, bias in hidden:
            x = torch.cat([x, activate(F.conv2d(x, weight, bias, padding=1))], dim=1)
        return F.conv2d(x, *last, padding=1)


def dense_maps(blocks: Sequence[DenseBlock]) -> list[Map]:
    """Give the functions of dense blocks: one composed convolution each where they are linear, else layer by layer.

    Blocks of one shape are composed together; and here, once, so that a step that uses them in several places pays
    once.
    """
    if blocks[0].activation != "none":
        return [block.layered for block in blocks]
    maps: dict[DenseBlock, Map] = {}
    for alike in _of_one_shape(blocks):
        weights, biases = (
            [torch.stack(layer) for layer in zip(*parameters, strict=True)]
            for parameters in ([block.weights for block in alike], [block.biases for block in alike])
        )
        kernels, composed_biases = compose_dense(weights, biases)
        found = convolutions(kernels, composed_biases, padding=kernels.shape[-1] // 2)
        maps |= zip(alike, found, strict=True)
    return [maps[block] for block in blocks]


def _of_one_shape(blocks: Sequence[DenseBlock]) -> list[list[DenseBlock]]:
    groups: dict[tuple[int, int], list[DenseBlock]] = {}
    for block in blocks:
        groups.setdefault((block.weights[0].shape[1], block.weights[-1].shape[0]), []).append(block)
    return list(groups.values())


@dataclass(frozen=True)
class Coupling:
    """One invertible block with its maps ready to run (paper, Table 1); without rho the plain additive coupling."""

    phi: Map
    sigma: Map
    rho: Map | None

    def split(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Split C channels into x_a (1), x_b and x_res (the last; none without rho)."""
        kept = 1 if self.rho else 0
        x_a, x_b, x_res = x.split([1, x.shape[1] - 1 - kept, kept], dim=1)
        return x_a, x_b, x_res

    def forward(self, x: Tensor) -> Tensor:
        """Encode (n, C, h, w)."""
        x_a, x_b, x_res = self.split(x)
        y_a = x_a + self.phi(x_b)
        y_b = x_b + self.sigma(y_a)
        if self.rho:
            y_a = y_a + self.rho(x_res)
        return torch.cat([y_a, y_b, x_res], dim=1)

    def inverse(self, y: Tensor) -> Tensor:
        """Decode (n, C, h, w): `forward` backwards, rho first."""
        y_a, y_b, y_res = self.split(y)
        if self.rho:
            y_a = y_a - self.rho(y_res)
        x_b = y_b - self.sigma(y_a)
        x_a = y_a - self.phi(x_b)
        return torch.cat([x_a, x_b, y_res], dim=1)

    def released_reverse(self, y: Tensor) -> Tensor:
        """Decode as the IKE release does, with rho still inside y_a when sigma is taken of it: not the inverse."""
        y_a, y_b, y_res = self.split(y)
        x_b = y_b - self.sigma(y_a)
        x_a = y_a - self.phi(x_b)
        if self.rho:
            x_a = x_a - self.rho(y_res)
        return torch.cat([x_a, x_b, y_res], dim=1)


Couplings = Sequence[Sequence[Coupling]]  # stage by stage


class CouplingBlock(nn.Module):
    """The dense blocks of one coupling."""

    def __init__(self, channels: int, shape: DenseShape, tri_channel: bool, generator: torch.Generator) -> None:
        """Build phi, sigma and, for the tri-channel split of `channels` into 1, C - 2 and 1, rho."""
        super().__init__()
        b_channels = channels - 2 if tri_channel else channels - 1
        self.phi = DenseBlock(b_channels, 1, shape, generator)
        self.sigma = DenseBlock(1, b_channels, shape, generator)
        self.rho = DenseBlock(1, 1, shape, generator) if tri_channel else None

    def dense_blocks(self) -> list[DenseBlock]:
        """Give phi, sigma and, where there is one, rho."""
        return [self.phi, self.sigma, *([self.rho] if self.rho else [])]


class IKENet(nn.Module):
    """Stages of [space-to-depth(2), K couplings]: one stage at x2, two at x4.

    Encoding maps (n, 1, s h, s w) to (n, s^2, h, w): channel 0 the downscaled image, the others the maps Z, the last of
    them x_res. Decoding is its exact inverse.
    """

    def __init__(
        self, scale: int, blocks: int, shape: DenseShape, tri_channel: bool, generator: torch.Generator
    ) -> None:
        """Build the stages for `scale`, a power of 2."""
        super().__init__()
        channels = [STAGE_SCALE ** (2 * (stage + 1)) for stage in range(int(math.log2(scale)))]
        self.blocks = [
            [CouplingBlock(count, shape, tri_channel, generator) for _ in range(blocks)] for count in channels
        ]
        self.stages = nn.ModuleList(nn.ModuleList(stage) for stage in self.blocks)  # makes torch know them

    def couplings(self) -> Couplings:
        """Compose the maps of every block, stage by stage, for `encode` and `decode`. Once per change of weights."""
        blocks = [block for stage in self.blocks for block in stage]
        maps = iter(dense_maps([dense for block in blocks for dense in block.dense_blocks()]))
        return [
            [Coupling(next(maps), next(maps), next(maps) if block.rho else None) for block in stage]
            for stage in self.blocks
        ]


def encode(x: Tensor, stages: Couplings) -> Tensor:
    """Encode (n, 1, s h, s w) -> (n, s^2, h, w)."""
    for couplings in stages:
        x = space_to_depth(x)
        for coupling in couplings:
            x = coupling.forward(x)
    return x


def decode(
    y: Tensor,
    stages: Couplings,
    inverse: Callable[[Coupling, Tensor], Tensor] = Coupling.inverse,
) -> Tensor:
    """Decode (n, s^2, h, w) -> (n, 1, s h, s w): the inverse of `encode`, if `inverse` is that of a coupling."""
    for couplings in reversed(stages):
        for coupling in reversed(couplings):
            y = inverse(coupling, y)
        y = depth_to_space(y)
    return y


def space_to_depth(x: Tensor) -> Tensor:
    """(n, c, 2h, 2w) -> (n, 4c, h, w), phase-major (row, column), previous channels innermost (IKE release)."""
    n, c, h, w = x.shape
    x = x.view(n, c, h // 2, 2, w // 2, 2).permute(0, 3, 5, 1, 2, 4)  # (n, row, column, c, h, w)
    return x.reshape(n, 4 * c, h // 2, w // 2)


def depth_to_space(x: Tensor) -> Tensor:
    """(n, 4c, h, w) -> (n, c, 2h, 2w): the inverse of `space_to_depth`."""
    n, c, h, w = x.shape
    x = x.view(n, 2, 2, c // 4, h, w).permute(0, 3, 4, 1, 5, 2)  # (n, c, h, row, w, column)
    return x.reshape(n, c // 4, 2 * h, 2 * w)


def colours_to_channels(maps: Tensor) -> Tensor:
    """(3, m, h, w) -> (1, 3m, h, w), map-major: z1R, z1G, z1B, z2R, ... (IKE release)."""
    return maps.transpose(0, 1).flatten(0, 1)[None]


def channels_to_colours(channels: Tensor) -> Tensor:
    """(1, 3m, h, w) -> (3, m, h, w): the inverse of `colours_to_channels`."""
    return channels[0].unflatten(0, (-1, 3)).transpose(0, 1)
