"""Bilateral filter, then sampling: smooths and keeps edges (Tomasi and Manduchi, ICCV 1998)."""

from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from degradations.contract import SCALES, Degraded, check_hr
from degradations.resample import check_phase, quantise, sample


@dataclass(frozen=True)
class Bilateral:
    """OpenCV's bilateral filter on float32, the three channels jointly, border reflect-101. Not linear: no kernel.

    Attributes:
        d: diameter of the round neighbourhood in HR pixels, odd.
        sigma_color: width of the colour weight, in grey levels of the L1 distance between RGB pixels.
        sigma_space: width of the spatial weight in HR pixels.
        phase: where the filtered image is sampled, see `resample.sample`.

    Raises:
        ValueError: for an even or non-positive `d`, a sigma that is not positive, an unknown phase.
    """

    version: ClassVar[int] = 1
    summary: ClassVar[str] = "bilateral filter, then every s-th pixel"
    scales: ClassVar[tuple[int, ...]] = SCALES

    # The IKE paper prints no parameters. nl-v1 takes those of OpenCV's own examples, with which bicubic upscaling loses
    # what the paper's EDSR row loses, in the same order among the four kinds.
    d: int = 9
    sigma_color: float = 75.0
    sigma_space: float = 75.0
    # nl-v1: top-left alone costs bicubic 2.9 dB at x2, the level of the paper's Table 3
    phase: str = "top-left"

    def __post_init__(self) -> None:
        if self.d < 1 or self.d % 2 == 0:
            raise ValueError(f"bilateral d must be odd and positive, got {self.d}")
        for name in ("sigma_color", "sigma_space"):
            if not getattr(self, name) > 0:
                raise ValueError(f"bilateral {name} must be positive, got {getattr(self, name)}")
        check_phase(self.phase)

    def __call__(self, hr: NDArray[np.uint8], scale: int, rng: np.random.Generator) -> Degraded:
        """Degrade one image; see `Degradation`. `rng` is not used."""
        check_hr(hr, scale)
        filtered = cv2.bilateralFilter(
            hr.astype(np.float32), self.d, self.sigma_color, self.sigma_space, borderType=cv2.BORDER_REFLECT_101
        )
        return Degraded(quantise(sample(filtered, scale, self.phase)))
