"""A kernel of independent uniform values, then sampling: linear, but nothing like a Gaussian."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from degradations.contract import SCALES, Degraded, check_hr
from degradations.resample import bicubic_kernel, check_phase, correlate, quantise, sample


@dataclass(frozen=True)
class RandomKernel:
    """Kernel of U(0, 1) values, normalised, correlated, border symmetric; drawn anew at every call. Linear.

    Attributes:
        size: side of the kernel in HR pixels, odd; None is 2 s + 1.
        phase: where the filtered image is sampled, see `resample.sample`. For "centre" the kernel returned holds the
            interpolation too: exact, but for the outermost LR pixels at x2, where the interpolation mirrors the
            filtered image and the kernel the HR image.

    Raises:
        ValueError: for an even or non-positive size, an unknown phase.
    """

    version: ClassVar[int] = 1
    summary: ClassVar[str] = "random kernel, new for each image, then every s-th pixel"
    scales: ClassVar[tuple[int, ...]] = SCALES

    # The IKE paper prints no size. nl-v1: with 2 s + 1, bicubic upscaling loses what the paper's EDSR row loses.
    size: int | None = None
    # nl-v1: top-left alone costs bicubic 2.9 dB at x2, the level of the paper's Table 3
    phase: str = "top-left"

    def __post_init__(self) -> None:
        if self.size is not None and (self.size < 1 or self.size % 2 == 0):
            raise ValueError(f"random size must be odd and positive, got {self.size}")
        check_phase(self.phase)

    def __call__(self, hr: NDArray[np.uint8], scale: int, rng: np.random.Generator) -> Degraded:
        """Degrade one image; see `Degradation`."""
        check_hr(hr, scale)
        kernel = self._draw(scale, rng)
        if self.phase == "top-left":
            return Degraded(quantise(correlate(hr, kernel, step=scale)), kernel)
        from scipy import signal

        lr = sample(correlate(hr, kernel), scale, self.phase)
        return Degraded(quantise(lr), signal.convolve2d(kernel, bicubic_kernel(scale, antialias=False)))

    def _draw(self, scale: int, rng: np.random.Generator) -> NDArray[np.float64]:
        size = 2 * scale + 1 if self.size is None else self.size
        kernel = rng.random((size, size))
        return kernel / kernel.sum()
