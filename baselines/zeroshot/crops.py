"""Where the training crops are taken: mostly where the image has strong gradients (KernelGAN, section 4 of its paper).

All positions are drawn before training. Facts of the sampling: KernelGAN's release, shared by DualSR and IKE.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter
from torch import Tensor

from baselines.zeroshot.training import chunk_generator, chunk_span
from degradations.resample import cut_to_multiple, imresize

FloatMap = NDArray[np.floating]
Corners = NDArray[np.int64]

NOISE_STREAM = 1  # of random numbers: the training's own noise of the same chunk is another one
FRAME = 10  # px of the LR image's border that KernelGAN and DualSR do not train on

GRADIENT_FRAME = 5  # px of the border whose gradients do not count
GRADIENT_QUANTILE = 0.97  # gradients below it count nothing; those above count alike


def as_array(lr: Tensor) -> FloatMap:
    """Give an LR image (1, 3, h, w) in [0, 1] as (h, w, 3) float64; 8-bit values are k / 255 again, to the last bit."""
    return np.round(lr[0].permute(1, 2, 0).double().cpu().numpy() * 255, 4) / 255


def gray(image: FloatMap) -> FloatMap:
    """Weigh R, G and B of (h, w, 3): (h, w).

    The releases' weights, and their order of additions: gradients of 8-bit images are often equal but for the last
    bit, which then decides what is above the quantile of `sharpness_map`.
    """
    return 0.299 * image[..., 0] + 0.587 * image[..., 1] + 0.114 * image[..., 2]


def sharpness_map(image: FloatMap) -> FloatMap:
    """Rate every pixel by the strong gradients near it.

    Args:
        image: (h, w, 3) RGB in [0, 1].

    Returns:
        (h, w), mean 1.
    """
    along_y, along_x = np.gradient(gray(image))
    parts = [framed(part, GRADIENT_FRAME) for part in (np.abs(along_x), np.abs(along_y), np.hypot(along_x, along_y))]
    # The releases clip the magnitude too, but go on with the unclipped one.
    rated = [_strong(parts[0]), _strong(parts[1]), parts[2]]
    blurred = _box(np.sum([_of_sum_one(part) for part in rated], axis=0), 5)
    return blurred / blurred.mean() if blurred.any() else np.ones_like(blurred)


def crop_probability(image: FloatMap, side: int, coarser: int = 1) -> FloatMap:
    """Give the probability of every pixel to be the centre of a crop.

    Args:
        image: (h, w, 3) RGB in [0, 1].
        side: of a crop, in px.
        coarser: rate the pixels of the image shrunk by this factor, which divides its sides.

    Returns:
        (h, w), sum 1; where no crop of high rating fits, all are alike.
    """
    rating = sharpness_map(imresize(image, 1 / coarser)) if coarser > 1 else sharpness_map(image)
    rating = np.kron(rating, np.ones((coarser, coarser)))[: image.shape[0], : image.shape[1]]
    probability = _of_sum_one(framed(_box(rating, max(side // 2, 1)), side // 2))
    return probability if probability.any() else np.full(rating.shape, 1 / rating.size)


def draw_crops(image: FloatMap, side: int, count: int, rng: np.random.Generator, coarser: int = 1) -> Corners:
    """Draw the top-left corners of `count` square crops.

    Args:
        image: (h, w, 3) RGB in [0, 1], h and w at least `side`.
        side: of a crop, in px.
        count: how many.
        rng: source of randomness.
        coarser: rate the pixels of the image shrunk by this factor (the downscaler's crops: what counts is the
            sharpness that is left after downscaling).

    Returns:
        (count, 2) rows and columns, even.

    Raises:
        ValueError: for an image smaller than the crop.
    """
    height, width = image.shape[:2]
    if min(height, width) < side:
        raise ValueError(f"an image of {width}x{height} px holds no crop of {side} px")
    probability = crop_probability(image, side, coarser)
    centres = np.stack(np.divmod(rng.choice(probability.size, count, p=probability.ravel()), width), axis=1)
    corners = np.clip(centres - side // 2, 0, [height - side, width - side])
    return corners - corners % 2


@dataclass(frozen=True)
class CropPairs:
    """Where the two crops of every iteration lie: a large one for the downscaler, a small one as a real sample.

    Attributes:
        large_side: px.
        small_side: px.
        large: (n, 2) rows and columns of the top-left corners.
        small: (n, 2).
    """

    large_side: int
    small_side: int
    large: Corners
    small: Corners

    @classmethod
    def draw(
        cls, lr: Tensor, sides: tuple[int, int], count: int, seed: int, *, coarser: int, frame: int = FRAME
    ) -> Self:
        """Draw `count` pairs.

        Args:
            lr: (1, 3, h, w) in [0, 1].
            sides: of the large and the small crops.
            count: how many.
            seed: of the positions.
            coarser: see `draw_crops`; for the large crops.
            frame: px of the image's border that no crop touches; less where the large crop would not fit. What is
                left is cut to a multiple of `coarser`; without a frame (IKE, which pads instead) it is not.
        """
        large, small = sides
        multiple = coarser if frame else 1
        frame = max(min(frame, (min(lr.shape[-2:]) - large) // 2), 0)
        pixels = as_array(lr)
        pixels = pixels[frame : len(pixels) - frame, frame : pixels.shape[1] - frame]
        pixels = cut_to_multiple(pixels, multiple)
        rng = np.random.default_rng(seed)
        first = draw_crops(pixels, large, count, rng, coarser) + frame
        return cls(large, small, first, draw_crops(pixels, small, count, rng) + frame)

    def cut(self, image: Tensor, span: slice) -> tuple[Tensor, Tensor]:
        """Cut the pairs of `span` out of (1, c, h, w): (n, c, large_side, large_side), and as many small ones."""
        large, small = self.large[span], self.small[span]
        return cut_crops(image, large, self.large_side), cut_crops(image, small, self.small_side)


class NoisyCrops:
    """The crop pairs of a training chunk, the small ones with noise.

    In place (quirk `noise-in-place`), the noise of every small crop stays in the image that later crops are cut from.
    """

    def __init__(self, image: Tensor, pairs: CropPairs, noise: float, seed: int, *, in_place: bool) -> None:
        """Prepare.

        Args:
            image: (1, 3, h, w), in any range.
            pairs: where the crops lie.
            noise: standard deviation, in the image's range.
            seed: of the noise.
            in_place: let it accumulate.
        """
        self.image, self.pairs, self.noise, self.seed, self.in_place = image, pairs, noise, seed, in_place
        self._noisy, self._next_chunk = image.clone(), 0

    def cut(self, chunk: int) -> tuple[Tensor, Tensor]:
        """Give the large and the noisy small crops of a chunk: (n, 3, c, c), (n, 3, c', c')."""
        if not self.in_place:
            large, small = self.pairs.cut(self.image, chunk_span(chunk))
            return large, small + self._draw_noise(chunk, small.shape)
        if chunk < self._next_chunk:
            self._noisy, self._next_chunk = self.image.clone(), 0
        while self._next_chunk < chunk:  # a resumed training: the noise until here
            self._cut_in_place(self._next_chunk)
        return self._cut_in_place(chunk)

    def _cut_in_place(self, chunk: int) -> tuple[Tensor, Tensor]:
        pairs, span = self.pairs, chunk_span(chunk)
        side = pairs.small_side
        noise = self._draw_noise(chunk, torch.Size([len(pairs.small[span]), self.image.shape[1], side, side]))
        crops = []
        for large, small, added in zip(pairs.large[span], pairs.small[span], noise, strict=True):
            large_crop = cut_crops(self._noisy, large[None], pairs.large_side)
            self._noisy[0, :, small[0] : small[0] + side, small[1] : small[1] + side] += added
            crops.append((large_crop, cut_crops(self._noisy, small[None], side).clone()))
        self._next_chunk = chunk + 1
        large_crops, small_crops = zip(*crops, strict=True)
        return torch.cat(large_crops), torch.cat(small_crops)

    def _draw_noise(self, chunk: int, shape: torch.Size) -> Tensor:
        device = self.image.device
        generator = chunk_generator(self.seed, chunk, device, NOISE_STREAM)
        return self.noise * torch.randn(shape, generator=generator, device=device)


def cut_crops(image: Tensor, corners: Corners, side: int) -> Tensor:
    """Cut square crops out of (1, c, h, w) at `corners` (n, 2): (n, c, side, side)."""
    return torch.cat([image[..., y : y + side, x : x + side] for y, x in corners])


def _strong(gradient: FloatMap) -> FloatMap:
    """Keep what is above the quantile, clipped to the next larger value."""
    ordered = np.sort(gradient, axis=None)
    index = int(GRADIENT_QUANTILE * ordered.size)
    low = ordered[index]
    following = ordered[min(index + 1, ordered.size - 1)]
    high = following if following > low else low + 1e-5
    return np.clip(gradient, low, high) - low


def _of_sum_one(values: FloatMap) -> FloatMap:
    """Divide by the sum; zeros stay zeros."""
    total = values.sum()
    return values / total if total > 0 else np.zeros_like(values)


def framed(values: FloatMap, frame: int) -> FloatMap:
    """Zero a frame of `frame` px."""
    inner = np.zeros_like(values)
    if frame == 0:
        return values
    inner[frame:-frame, frame:-frame] = values[frame:-frame, frame:-frame]
    return inner


def _box(values: FloatMap, side: int) -> FloatMap:
    return np.maximum(uniform_filter(values, side, mode="constant"), 0)  # running sums leave -1e-20 where 0 is meant
