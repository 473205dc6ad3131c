"""Noisy anisotropic Gaussian kernels, aligned: the usual blind super-resolution test (KernelGAN, NeurIPS 2019)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from degradations.contract import SCALES, Degraded, check_hr
from degradations.resample import correlate, kernel_centre, quantise, shift_kernel

SIZE = {2: 11, 3: 17, 4: 21}
"""Default kernel side by scale: KernelGAN paper at x2; PROTOCOL nl-v1 at x4; between them at x3."""
VARIANCES = {2: (0.6, 5.0), 3: (0.65, 7.5), 4: (0.7, 10.0)}
"""Default range of the variances by scale, HR pixels squared; sources as for `SIZE`."""


@dataclass(frozen=True)
class Gaussian:
    """Anisotropic Gaussian at a random angle with multiplicative noise, border symmetric, aligned. Linear.

    The noisy kernel is zero-padded and its centre of mass shifted to the half-pixel grid, so that bicubic upscaling is
    registered with the HR image; the kernel returned is therefore a few pixels larger than `size`.

    Attributes:
        size: side of the kernel before the padding, in HR pixels, odd; None is 11, 17, 21 at x2, x3, x4.
        min_variance: lower end of both variances, HR pixels squared; None is 0.6, 0.65, 0.7.
        max_variance: upper end; None is 5, 7.5, 10.
        noise: each value is multiplied by 1 + U(-noise, noise), 0 to 1.

    Raises:
        ValueError: for an even size or one under 3, variances that are not positive or out of order, noise outside
            [0, 1].
    """

    version: ClassVar[int] = 1
    summary: ClassVar[str] = "noisy anisotropic Gaussian, new for each image, aligned"
    scales: ClassVar[tuple[int, ...]] = SCALES

    size: int | None = None
    min_variance: float | None = None
    max_variance: float | None = None
    noise: float = 0.25  # KernelGAN paper: up to 25 % of each value

    def __post_init__(self) -> None:
        if self.size is not None and (self.size < 3 or self.size % 2 == 0):
            raise ValueError(f"gaussian size must be odd and at least 3, got {self.size}")
        for scale in self.scales:
            low, high = self._variances(scale)
            if not 0 < low <= high:
                raise ValueError(f"gaussian variances must be positive and in order, got {low} to {high} at x{scale}")
        if not 0 <= self.noise <= 1:
            raise ValueError(f"gaussian noise must be from 0 to 1, got {self.noise}")

    def __call__(self, hr: NDArray[np.uint8], scale: int, rng: np.random.Generator) -> Degraded:
        """Degrade one image; see `Degradation`."""
        check_hr(hr, scale)
        kernel = self._draw(scale, rng)
        return Degraded(quantise(correlate(hr, kernel, step=scale)), kernel)

    def _variances(self, scale: int) -> tuple[float, float]:
        low, high = VARIANCES[scale]
        return (
            low if self.min_variance is None else self.min_variance,
            high if self.max_variance is None else self.max_variance,
        )

    def _draw(self, scale: int, rng: np.random.Generator) -> NDArray[np.float64]:
        size = SIZE[scale] if self.size is None else self.size
        variances = rng.uniform(*self._variances(scale), size=2)
        angle = rng.uniform(-np.pi, np.pi)
        noise = 1 + rng.uniform(-self.noise, self.noise, (size, size))
        kernel = gaussian_kernel(size, scale, variances, angle) * noise
        return shift_kernel(kernel / kernel.sum(), scale)


def gaussian_kernel(size: int, scale: int, variances: NDArray[np.float64], angle: float) -> NDArray[np.float64]:
    """Give an anisotropic Gaussian around the aligned centre of its grid.

    Args:
        size: side in pixels.
        scale: downscaling factor, for the centre.
        variances: (2,) pixels squared, along and across the axis at `angle`.
        angle: radians, from the columns (x) towards the rows (y).

    Returns:
        (size, size) float64, peak at most 1, not normalised.
    """
    y, x = np.mgrid[:size, :size] - kernel_centre(size, scale, "kernelgan")
    along = np.cos(angle) * x + np.sin(angle) * y
    across = np.cos(angle) * y - np.sin(angle) * x
    return np.exp(-0.5 * (along**2 / variances[0] + across**2 / variances[1]))
