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
from baselines.zeroshot.deep_linear import PHASES, compose_dense, fold, folded_kernels, unfold
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


def folded_maps(blocks: Sequence[DenseBlock]) -> list[tuple[Tensor, Tensor]]:
    """Compose linear dense blocks into convolutions of images that are folded (`fold`): a kernel and a bias each.

    Blocks of one shape are composed together; and here, once, so that a step that uses them in several places pays
    once.
    """
    groups = _of_one_shape(blocks)
    composed = [compose_dense([(list(block.weights), list(block.biases)) for block in alike]) for alike in groups]
    kernels = folded_kernels([kernels for kernels, _ in composed])
    found: dict[DenseBlock, tuple[Tensor, Tensor]] = {}
    for alike, folded, (_, biases) in zip(groups, kernels, composed, strict=True):
        of_phases = biases.repeat_interleave(PHASES**2, dim=1)
        found |= zip(alike, zip(folded.unbind(), of_phases.unbind(), strict=True), strict=True)
    return [found[block] for block in blocks]


def convolve(x: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    """Convolve, zero-padded to the same size."""
    return F.conv2d(x, kernel, bias, padding=kernel.shape[-1] // 2)


def _of_one_shape(blocks: Sequence[DenseBlock]) -> list[list[DenseBlock]]:
    groups: dict[tuple[int, int], list[DenseBlock]] = {}
    for block in blocks:
        groups.setdefault((block.weights[0].shape[1], block.weights[-1].shape[0]), []).append(block)
    return list(groups.values())


@dataclass(frozen=True)
class Coupling:
    """One invertible block, ready to run (paper, Table 1), on x_a (n, 1, h, w) and x_b.

    Attributes:
        phi: of x_b.
        sigma: of y_a.
        shift: rho of x_res, which no block changes; None without rho, in the plain additive coupling.
    """

    phi: Map
    sigma: Map
    shift: Tensor | None

    def forward(self, x_a: Tensor, x_b: Tensor) -> tuple[Tensor, Tensor]:
        """Encode."""
        y_a = x_a + self.phi(x_b)
        y_b = x_b + self.sigma(y_a)
        return y_a if self.shift is None else y_a + self.shift, y_b

    def inverse(self, y_a: Tensor, y_b: Tensor) -> tuple[Tensor, Tensor]:
        """Decode: `forward` backwards, rho first."""
        if self.shift is not None:
            y_a = y_a - self.shift
        x_b = y_b - self.sigma(y_a)
        return y_a - self.phi(x_b), x_b

    def released_reverse(self, y_a: Tensor, y_b: Tensor) -> tuple[Tensor, Tensor]:
        """Decode as the IKE release does, with rho still inside y_a when sigma is taken of it: not the inverse."""
        x_b = y_b - self.sigma(y_a)
        x_a = y_a - self.phi(x_b)
        return x_a if self.shift is None else x_a - self.shift, x_b


Shifts = Callable[[Tensor], Sequence[Tensor]]


@dataclass(frozen=True)
class Stage:
    """The couplings of one stage with their maps ready to run, for `encode` and `decode`.

    Attributes:
        maps: phi and sigma of each block.
        shifts: rho of all blocks, of x_res; None without.
        folded: whether they are convolutions of folded images.
    """

    maps: Sequence[tuple[Map, Map]]
    shifts: Shifts | None
    folded: bool

    def run(self, x: Tensor, each: Callable[[Coupling, Tensor, Tensor], tuple[Tensor, Tensor]], step: int) -> Tensor:
        """Take (n, C, h, w) through `each` of the couplings, `step` -1 for backwards: the same shape."""
        size, sides = x.shape[-2:], [1, x.shape[1] - 1]
        if self.shifts is not None:
            sides[1:] = [x.shape[1] - 2, 1]
        within: Map = _kept
        if self.folded:
            margins = (0, -size[1] % PHASES, 0, -size[0] % PHASES)
            if any(margins):
                within = _inside(F.pad(x.new_ones(1, 1, *size), margins))
                x = F.pad(x, margins)
            x, sides = fold(x), [side * PHASES**2 for side in sides]
        x_a, x_b, *kept = x.split(sides, dim=1)
        for coupling in self._couplings(kept, within)[::step]:
            x_a, x_b = each(coupling, x_a, x_b)
        x = torch.cat([x_a, x_b, *kept], dim=1)
        return unfold(x)[..., : size[0], : size[1]] if self.folded else x

    def _couplings(self, kept: Sequence[Tensor], within: Map) -> list[Coupling]:
        shifts: Sequence[Tensor | None] = [None] * len(self.maps)
        if self.shifts is not None:
            shifts = [within(shift) for shift in self.shifts(kept[0])]
        return [
            Coupling(_then(phi, within), _then(sigma, within), shift)
            for (phi, sigma), shift in zip(self.maps, shifts, strict=True)
        ]


def _kept(found: Tensor) -> Tensor:
    return found


def _then(first: Map, second: Map) -> Map:
    return lambda x: second(first(x))


def _inside(ones: Tensor) -> Map:
    """Give what keeps folded images 0 beyond the image, where `ones` (1, 1, h, w) is 0, whatever a map finds there."""
    mask = fold(ones)[:, None]  # (1, 1, PHASES^2, h / PHASES, w / PHASES)
    return lambda found: (found.unflatten(1, (-1, PHASES**2)) * mask).flatten(1, 2)


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

    def composed(self) -> list[Stage]:
        """Compose the maps of every block, stage by stage, for `encode` and `decode`. Once per change of weights."""
        if self.blocks[0][0].phi.activation != "none":
            return [_layered(stage) for stage in self.blocks]
        blocks = [block for stage in self.blocks for block in stage]
        maps = iter(folded_maps([dense for block in blocks for dense in block.dense_blocks()]))
        return [_folded([[next(maps) for _ in block.dense_blocks()] for block in stage]) for stage in self.blocks]


def _layered(stage: Sequence[CouplingBlock]) -> Stage:
    maps = [(block.phi.layered, block.sigma.layered) for block in stage]
    rhos = [block.rho.layered for block in stage if block.rho]
    return Stage(maps, (lambda x: [rho(x) for rho in rhos]) if rhos else None, folded=False)


def _folded(stage: Sequence[Sequence[tuple[Tensor, Tensor]]]) -> Stage:
    """Make a stage of convolutions; those of rho, of what no block changes, are one."""

    def of(kernel: Tensor, bias: Tensor) -> Map:
        return lambda x: convolve(x, kernel, bias)

    maps = [(of(*phi), of(*sigma)) for phi, sigma, *_ in stage]
    rhos = [torch.cat(parts) for parts in zip(*(rho for _, _, *rhos in stage for rho in rhos), strict=True)]
    return Stage(maps, (lambda x: convolve(x, *rhos).chunk(len(stage), dim=1)) if rhos else None, folded=True)


def encode(x: Tensor, stages: Sequence[Stage]) -> Tensor:
    """Encode (n, 1, s h, s w) -> (n, s^2, h, w)."""
    for stage in stages:
        x = stage.run(space_to_depth(x), Coupling.forward, 1)
    return x


def decode(
    y: Tensor,
    stages: Sequence[Stage],
    inverse: Callable[[Coupling, Tensor, Tensor], tuple[Tensor, Tensor]] = Coupling.inverse,
) -> Tensor:
    """Decode (n, s^2, h, w) -> (n, 1, s h, s w): the inverse of `encode`, if `inverse` is that of a coupling."""
    for stage in reversed(stages):
        y = depth_to_space(stage.run(y, inverse, -1))
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
