"""Layers of [batch norm, ReLU, 1x1 conv] on a CPU, in tiles of pixels that stay in the cache.

Layer by layer, the features of a wide image are written and read whole by every operator, and kept twice a layer.
Here, as in FlashAttention, all that can be done to a tile is done while it is near: a layer's norm and ReLU are applied
where the next conv reads them, the sums of its own norm are taken where it writes. What stays is one matrix a layer, of
values before the norm, written once and read once, forward and backward; what lies between is computed again.

Channels come before pixels: then every product, also that of a weight's gradient, is one that oneDNN takes at its peak.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from baselines.zeroshot.matrix_product import product

TILE = 2048
"""Pixels of a tile at most: measured, of 1024, 2048 and 4096, on 2 MiB of second-level cache."""

EPSILON = 1e-5
"""Added to a variance: PyTorch's batch norm."""


class PixelLayers(torch.autograd.Function):
    """Scores of pixels: n images of p pixels and c channels, L norms, training statistics over all. No double backward.

    For float32 and float64; where the sums of tiles meet, float64.
    """

    @staticmethod
    def forward(ctx: Any, pixels: Tensor, scales: Tensor, shifts: Tensor, weights: Tensor, last: Tensor) -> Tensor:  # noqa: ANN401
        """Give the scores before the sigmoid (n p,), without bias.

        Args:
            ctx: autograd's.
            pixels: (n, c, p), before the first norm.
            scales: of the norms (L, c).
            shifts: of the norms (L, c).
            weights: of the convs between norms (L - 1, c, c), outputs first.
            last: of the last conv (c,).
        """
        work = _Workbench(pixels)
        layers = [work.parts(pixels)]
        norms = [work.norm_of(layers[0], scales[0], shifts[0])]
        for weight, scale, shift in zip(weights, scales[1:], shifts[1:], strict=True):
            layers.append(work.convolve(layers[-1], norms[-1], weight))
            norms.append(work.norm(scale, shift))
        parts = [part for layer in layers[1:] for part in layer]
        ctx.save_for_backward(pixels, last, *weights, *(tensor for norm in norms for tensor in norm), *parts)
        return work.score(layers[-1], norms[-1], last)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        """Give the gradients of what `forward` was given, those of the convs where they are wanted."""
        pixels, last, *saved = ctx.saved_tensors
        work = _Workbench(pixels)
        layers = len(saved) // (1 + len(_Norm._fields) + len(work.tiles)) + 1
        saved = iter(saved)
        weights = [next(saved) for _ in range(layers - 1)]
        norms = [_Norm(*(next(saved) for _ in _Norm._fields)) for _ in range(layers)]
        values = [work.parts(pixels), *([next(saved) for _ in work.tiles] for _ in weights)]
        wanted, last_wanted = ctx.needs_input_grad[3:]
        slopes, of_last = work.unscore(values[-1], norms[-1], last, gradient, last_wanted)
        terms, *of_norm = work.norm_gradient(norms[-1])
        of_norms, of_weights = [of_norm], list[Tensor]()
        for index in range(layers - 1, 0, -1):
            below = values[index - 1], norms[index - 1]
            of_weight = work.unconvolve(*below, values[index], terms, weights[index - 1], slopes, wanted)
            if of_weight is not None:
                of_weights.insert(0, of_weight)
            terms, *of_norm = work.norm_gradient(norms[index - 1])
            of_norms.append(of_norm)
        of_pixels = work.unnorm(values[0], terms, slopes, torch.empty_like(pixels))
        of_scales, of_shifts = (
            torch.stack(gradients[::-1]).to(last.dtype) for gradients in zip(*of_norms, strict=True)
        )
        return of_pixels, of_scales, of_shifts, torch.stack(of_weights) if wanted else None, of_last


class _Norm(NamedTuple):
    """A batch norm with known statistics: x -> scale x + shift. (c, 1) each, mean and deviation (c,) in float64."""

    scale: Tensor
    shift: Tensor
    mean: Tensor
    inverse_deviation: Tensor


Parts = list[Tensor]
"""The values of all pixels, tile by tile: (c, t) each."""


class _Workbench:
    """The passes over all pixels, tile by tile. One for a forward or a backward."""

    def __init__(self, pixels: Tensor) -> None:
        images, channels, count = pixels.shape
        self.count = images * count
        self.side = math.ceil(count / math.ceil(count / TILE))
        sizes = [part.shape[1] for part in self.parts(pixels)]
        self.sizes = pixels.new_full((len(sizes), 1), self.side, dtype=torch.float64)
        each = len(sizes) // images
        self.sizes[each - 1 :: each].fill_(sizes[-1])
        self.sums = pixels.new_empty(len(sizes), 2, channels)
        rooms = {size: pixels.new_empty(2, channels, size).unbind() for size in set(sizes)}
        self.tiles = [_Tile(*rooms[size], *row.unbind()) for size, row in zip(sizes, self.sums, strict=True)]

    def parts(self, pixels: Tensor) -> Parts:
        """Cut (n, c, p) into tiles."""
        return [part for image in pixels for part in image.split(self.side, dim=1)]

    def norm_of(self, pixels: Parts, scale: Tensor, shift: Tensor) -> _Norm:
        """Take the statistics of pixels that are there already."""
        for tile, x in self._each(pixels):
            tile.measure(x)
        return self.norm(scale, shift)

    def norm(self, scale: Tensor, shift: Tensor) -> _Norm:
        """Make a norm of the tiles' sums and sums of squares, added as by Chan et al. (1979)."""
        total, squares = self.sums.double().unbind(1)  # (tiles, c) each
        mean, means = total.sum(0) / self.count, total / self.sizes
        deviations = squares - total * means + self.sizes * (means - mean).square()
        inverse_deviation = (deviations.sum(0) / self.count + EPSILON).rsqrt()
        factor = scale * inverse_deviation
        factors, offsets = (row.to(scale)[:, None] for row in (factor, shift - factor * mean))
        return _Norm(factors, offsets, mean, inverse_deviation)

    def convolve(self, pixels: Parts, norm: _Norm, weight: Tensor) -> Parts:
        """Norm, ReLU, 1x1 conv; sums are taken of the result for the next norm."""
        results = []
        for tile, x in self._each(pixels):
            results.append(product(weight, tile.normed(x, norm).relu_()))
            tile.measure(results[-1])
        return results

    def score(self, pixels: Parts, norm: _Norm, last: Tensor) -> Tensor:
        """Norm, ReLU, conv to one channel: (n p,)."""
        return torch.cat([tile.normed(x, norm).relu_().T @ last for tile, x in self._each(pixels)])

    def unscore(
        self, pixels: Parts, norm: _Norm, last: Tensor, gradient: Tensor, wanted: bool
    ) -> tuple[Parts, Tensor | None]:
        """Go back through `score`, from (n p,).

        Returns:
            The gradient of what the norm gives, with its sums taken, and that of `last`, if wanted.
        """
        slopes, of_last = Parts(), torch.zeros_like(last) if wanted else None
        gradients = gradient.split([x.shape[1] for x in pixels])
        for tile, x, g in self._each(pixels, gradients):
            active = tile.normed(x, norm)
            slopes.append(last[:, None] * g)
            tile.mask(slopes[-1], active, x)
            if of_last is not None:
                of_last.addmv_(active.relu_(), g)
        return slopes, of_last

    def unconvolve(
        self,
        below: Parts,
        norm: _Norm,
        above: Parts,
        terms: Sequence[Tensor],
        weight: Tensor,
        slopes: Parts,
        wanted: bool,
    ) -> Tensor | None:
        """Go back through a norm, the conv before it and the ReLU before that.

        Args:
            below: what the norm before the ReLU was given.
            norm: that norm.
            above: what the conv gave, and the norm after it was given.
            terms: the gradient of that norm (`norm_gradient`).
            weight: of the conv (c, c).
            slopes: gradient of what the norm after gives; becomes that of what the norm before gives, its sums taken.
            wanted: whether the conv's gradient is.

        Returns:
            The gradient of `weight`, if wanted.
        """
        of_weight = torch.zeros_like(weight) if wanted else None
        transposed = weight.T.contiguous()
        for index, (tile, x, y) in enumerate(self._each(below, above)):
            down = tile.unnormed(y, slopes[index], terms)
            slopes[index] = product(transposed, down)
            active = tile.normed(x, norm)
            if of_weight is None:
                tile.mask(slopes[index], active, x)
                continue
            torch.ops.aten.threshold_backward.grad_input(slopes[index], active, 0, grad_input=slopes[index])
            of_weight += product(down, active.relu_().T)
            tile.sum(slopes[index], x)
        return of_weight

    def norm_gradient(self, norm: _Norm) -> tuple[list[Tensor], Tensor, Tensor]:
        """Make of the tiles' sums of slopes, and of slopes x values, what a norm's gradient wants.

        Returns:
            three terms (c, 1), such that the gradient of a value is terms[0] + terms[1] value + terms[2] slope; the
            gradients of scale and shift (c,) in float64.
        """
        total, products = self.sums.sum(0, dtype=torch.float64)
        factor = norm.scale[:, 0]
        of_scale = norm.inverse_deviation * (products - norm.mean * total)
        per_value = factor * norm.inverse_deviation * of_scale / -self.count
        constant = factor * total / -self.count - per_value * norm.mean
        return [*(term.to(factor)[:, None] for term in (constant, per_value)), norm.scale], of_scale, total

    def unnorm(self, pixels: Parts, terms: Sequence[Tensor], slopes: Parts, out: Tensor) -> Tensor:
        """Turn the gradient of what a norm gives into that of the pixels that it was given, in `out` (n, c, p)."""
        for tile, x, slope, place in self._each(pixels, slopes, self.parts(out)):
            place.copy_(tile.unnormed(x, slope, terms))
        return out

    def _each(self, *values: Sequence[Tensor]) -> Iterator[tuple[Any, ...]]:
        return zip(self.tiles, *values, strict=True)


@dataclass(frozen=True)
class _Tile:
    """What is done to a tile (c, t).

    Attributes:
        active: room (c, t) for normed values, used again by the next tile.
        scratch: room (c, t) for anything else.
        total: sums (c,), this tile's own.
        products: sums of products (c,).
    """

    active: Tensor
    scratch: Tensor
    total: Tensor
    products: Tensor

    def normed(self, x: Tensor, norm: _Norm) -> Tensor:
        """Scale and shift."""
        return torch.mul(x, norm.scale, out=self.active).add_(norm.shift)

    def unnormed(self, x: Tensor, slope: Tensor, terms: Sequence[Tensor]) -> Tensor:
        """Go back through a norm; see `_Workbench.norm_gradient`."""
        constant, per_value, per_slope = terms
        return torch.mul(x, per_value, out=self.scratch).add_(constant).addcmul_(slope, per_slope)

    def measure(self, values: Tensor) -> None:
        """Sum the values and their squares over the pixels."""
        torch.sum(values, 1, out=self.total)
        torch.linalg.vector_norm(values, dim=1, out=self.products).square_()

    def mask(self, slope: Tensor, active: Tensor, x: Tensor) -> None:
        """Go back through a ReLU, in place, and sum the slopes, and their products with the values before the norm."""
        torch.ops.aten.threshold_backward.grad_input(slope, active, 0, grad_input=slope)
        self.sum(slope, x)

    def sum(self, slopes: Tensor, values: Tensor) -> None:
        """Sum the slopes, and their products with the values, over the pixels."""
        torch.sum(slopes, 1, out=self.total)
        torch.sum(torch.mul(slopes, values, out=self.scratch), 1, out=self.products)
