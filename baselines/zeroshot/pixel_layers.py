"""Layers of [batch norm, ReLU, 1x1 conv] on a CPU, in tiles of pixels that stay in the cache.

Layer by layer, the features of a wide image are written and read whole by every operator, and kept twice a layer.
Here, as in FlashAttention, all that can be done to a tile is done while it is near: a layer's norm and ReLU are applied
where the next conv reads them, the sums of its own norm are taken where it writes. What stays is one matrix a layer, of
values before the norm, written once and read once, forward and backward; what lies between is computed again.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

TILE = 2048
"""Pixels of a tile at most: measured, of 1024, 2048 and 4096, on 2 MiB of second-level cache."""

EPSILON = 1e-5
"""Added to a variance: PyTorch's batch norm."""


class PixelLayers(torch.autograd.Function):
    """Scores of pixels: p pixels of c channels, L norms, training statistics over all pixels. No double backward.

    For float32 and float64; where the sums of tiles meet, float64.
    """

    @staticmethod
    def forward(ctx: Any, pixels: Tensor, scales: Tensor, shifts: Tensor, weights: Tensor, last: Tensor) -> Tensor:  # noqa: ANN401
        """Give the scores before the sigmoid (p,), without bias.

        Args:
            ctx: autograd's.
            pixels: (p, c), before the first norm.
            scales: of the norms (L, c).
            shifts: of the norms (L, c).
            weights: of the convs between norms (L - 1, c, c), outputs first.
            last: of the last conv (c,).
        """
        work = _Workbench(pixels)
        layers, norms = [pixels], [work.norm_of(pixels, scales[0], shifts[0])]
        for weight, scale, shift in zip(weights, scales[1:], shifts[1:], strict=True):
            layers.append(torch.empty_like(pixels))
            work.convolve(layers[-2], norms[-1], weight, layers[-1])
            norms.append(work.norm(scale, shift))
        ctx.save_for_backward(*layers, last, *weights, *(tensor for norm in norms for tensor in norm))
        return work.score(layers[-1], norms[-1], last)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        """Give the gradients of what `forward` was given, those of the convs where they are wanted."""
        count = len(ctx.saved_tensors) // (2 + len(_Norm._fields))  # layers
        layers, last, weights = ctx.saved_tensors[:count], ctx.saved_tensors[count], ctx.saved_tensors[count:][1:count]
        norms = [_Norm(*fields) for fields in _groups(ctx.saved_tensors[2 * count :], len(_Norm._fields))]
        wanted, last_wanted = ctx.needs_input_grad[3:]
        work = _Workbench(layers[0])
        slopes, of_last = work.unscore(layers[-1], norms[-1], last, gradient, last_wanted)
        terms, *of_norm = work.norm_gradient(norms[-1])
        of_norms, of_weights = [of_norm], list[Tensor]()
        for index in range(count - 1, 0, -1):
            below = layers[index - 1], norms[index - 1]
            of_weight = work.unconvolve(*below, layers[index], terms, weights[index - 1], slopes, wanted)
            if of_weight is not None:
                of_weights.insert(0, of_weight)
            terms, *of_norm = work.norm_gradient(norms[index - 1])
            of_norms.append(of_norm)
        work.unnorm(layers[0], terms, slopes)
        of_scales, of_shifts = (
            torch.stack(gradients[::-1]).to(last.dtype) for gradients in zip(*of_norms, strict=True)
        )
        return slopes, of_scales, of_shifts, torch.stack(of_weights) if wanted else None, of_last


class _Norm(NamedTuple):
    """A batch norm with known statistics: x -> scale x + shift. (c,) each, mean and deviation in float64."""

    scale: Tensor
    shift: Tensor
    mean: Tensor
    inverse_deviation: Tensor


class _Workbench:
    """The passes over (p, c) matrices, tile by tile. One for a forward or a backward."""

    def __init__(self, pixels: Tensor) -> None:
        self.count, channels = pixels.shape
        self.side = math.ceil(self.count / math.ceil(self.count / TILE))
        sizes = [len(tile) for tile in pixels.split(self.side)]
        self.sizes = pixels.new_full((len(sizes), 1), self.side, dtype=torch.float64)
        self.sizes[-1] = sizes[-1]
        self.sums = pixels.new_empty(len(sizes), 2, channels)
        whole = pixels.new_empty(2, self.side, channels)
        rooms = [whole[:, :size].unbind() for size in sizes]
        self.tiles = [_Tile(*room, *row.unbind()) for room, row in zip(rooms, self.sums, strict=True)]

    def norm_of(self, pixels: Tensor, scale: Tensor, shift: Tensor) -> _Norm:
        """Take the statistics of pixels (p, c) that are there already."""
        for tile, x in self._split(pixels):
            tile.sum(x, x)
        return self.norm(scale, shift)

    def norm(self, scale: Tensor, shift: Tensor) -> _Norm:
        """Make a norm of the tiles' sums and sums of squares, added as by Chan et al. (1979)."""
        total, squares = self.sums.double().unbind(1)  # (tiles, c) each
        mean, means = total.sum(0) / self.count, total / self.sizes
        deviations = squares - total * means + self.sizes * (means - mean).square()
        inverse_deviation = (deviations.sum(0) / self.count + EPSILON).rsqrt()
        factor = scale * inverse_deviation
        return _Norm(factor.to(scale), (shift - factor * mean).to(scale), mean, inverse_deviation)

    def convolve(self, pixels: Tensor, norm: _Norm, weight: Tensor, out: Tensor) -> None:
        """Norm, ReLU, 1x1 conv: (p, c) into `out` (p, c), whose sums are taken for the next norm."""
        transposed = weight.T
        for tile, x, y in self._split(pixels, out):
            torch.mm(tile.normed(x, norm).clamp_min_(0), transposed, out=y)
            tile.sum(y, y)

    def score(self, pixels: Tensor, norm: _Norm, last: Tensor) -> Tensor:
        """Norm, ReLU, conv to one channel: (p, c) -> (p,)."""
        scores = pixels.new_empty(self.count)
        for tile, x, score in self._split(pixels, scores):
            torch.mv(tile.normed(x, norm).clamp_min_(0), last, out=score)
        return scores

    def unscore(
        self, pixels: Tensor, norm: _Norm, last: Tensor, gradient: Tensor, wanted: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Go back through `score`, from (p,).

        Returns:
            The gradient of what the norm gives (p, c), with its sums taken, and that of `last`, if wanted.
        """
        slopes, of_last = torch.empty_like(pixels), torch.zeros_like(last) if wanted else None
        for tile, x, slope, g in self._split(pixels, slopes, gradient):
            active = tile.normed(x, norm)
            if of_last is not None:
                of_last.addmv_(active.clamp_min_(0).T, g)
            torch.mul(g[:, None], last, out=slope)
            tile.mask(slope, active, x)
        return slopes, of_last

    def unconvolve(
        self,
        below: Tensor,
        norm: _Norm,
        above: Tensor,
        terms: Sequence[Tensor],
        weight: Tensor,
        slopes: Tensor,
        wanted: bool,
    ) -> Tensor | None:
        """Go back through a norm, the conv before it and the ReLU before that.

        Args:
            below: what the norm before the ReLU was given (p, c).
            norm: that norm.
            above: what the conv gave, and the norm after it was given (p, c).
            terms: the gradient of that norm (`norm_gradient`).
            weight: of the conv (c, c).
            slopes: gradient of what the norm after gives (p, c); becomes that of what the norm before gives, its sums
                taken.
            wanted: whether the conv's gradient is.

        Returns:
            The gradient of `weight`, if wanted.
        """
        of_weight = torch.zeros_like(weight) if wanted else None
        for tile, x, y, slope in self._split(below, above, slopes):
            down = tile.unnormed(y, slope, terms)
            active = tile.normed(x, norm)
            if of_weight is not None:
                of_weight.addmm_(down.T, active.clamp_min_(0))
            torch.mm(down, weight, out=slope)
            tile.mask(slope, active, x)
        return of_weight

    def norm_gradient(self, norm: _Norm) -> tuple[list[Tensor], Tensor, Tensor]:
        """Make of the tiles' sums of slopes, and of slopes x values, what a norm's gradient wants.

        Returns:
            three terms (c,), such that the gradient of a value is terms[0] + terms[1] value + terms[2] slope; the
            gradients of scale and shift (c,) in float64.
        """
        total, products = self.sums.sum(0, dtype=torch.float64)
        of_scale = norm.inverse_deviation * (products - norm.mean * total)
        per_value = norm.scale * norm.inverse_deviation * of_scale / -self.count
        constant = norm.scale * total / -self.count - per_value * norm.mean
        return [constant.to(norm.scale), per_value.to(norm.scale), norm.scale], of_scale, total

    def unnorm(self, pixels: Tensor, terms: Sequence[Tensor], slopes: Tensor) -> None:
        """Turn `slopes` (p, c), gradient of what a norm gives, into that of the pixels that it was given."""
        for tile, x, slope in self._split(pixels, slopes):
            slope.copy_(tile.unnormed(x, slope, terms))

    def _split(self, *matrices: Tensor) -> Iterator[tuple[Any, ...]]:
        return zip(self.tiles, *(matrix.split(self.side) for matrix in matrices), strict=True)


@dataclass(frozen=True)
class _Tile:
    """What is done to a tile (t, c).

    Attributes:
        active: room (t, c) for normed values, used again by the next tile.
        scratch: room (t, c) for anything else.
        total: sums (c,), this tile's own.
        products: sums of products (c,).
    """

    active: Tensor
    scratch: Tensor
    total: Tensor
    products: Tensor

    def normed(self, x: Tensor, norm: _Norm) -> Tensor:
        """Scale and shift."""
        return torch.addcmul(norm.shift, x, norm.scale, out=self.active)

    def unnormed(self, x: Tensor, slope: Tensor, terms: Sequence[Tensor]) -> Tensor:
        """Go back through a norm; see `_Workbench.norm_gradient`."""
        constant, per_value, per_slope = terms
        return torch.addcmul(constant, x, per_value, out=self.scratch).addcmul_(slope, per_slope)

    def mask(self, slope: Tensor, active: Tensor, x: Tensor) -> None:
        """Go back through a ReLU, in place, and sum the slopes, and their products with the values before the norm."""
        torch.ops.aten.threshold_backward.grad_input(slope, active, 0, grad_input=slope)
        self.sum(slope, x)

    def sum(self, values: Tensor, factors: Tensor) -> None:
        """Sum the values, and their products with the factors, over the pixels."""
        torch.sum(values, 0, out=self.total)
        torch.sum(torch.mul(values, factors, out=self.scratch), 0, out=self.products)


def _groups(values: Sequence[Any], size: int) -> Iterator[tuple[Any, ...]]:
    return zip(*[iter(values)] * size, strict=True)
