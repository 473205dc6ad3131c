"""Median filter, then sampling."""

from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from degradations.contract import SCALES, Degraded, check_hr
from degradations.resample import check_phase, quantise, sample

LARGEST = 255  # beyond, the 16-bit counts of OpenCV's sliding histogram could overflow


@dataclass(frozen=True)
class Median:
    """Square median of each channel, on 8 bit (exact), border replicated. Not linear: no kernel.

    Attributes:
        size: side of the window in HR pixels, odd, at most 255; 1 leaves the image as it is.
        phase: where the filtered image is sampled, see `resample.sample`.

    Raises:
        ValueError: for a size that OpenCV's 8-bit median cannot do, an unknown phase.
    """

    version: ClassVar[int] = 1
    summary: ClassVar[str] = "median filter per channel, then every s-th pixel"
    scales: ClassVar[tuple[int, ...]] = SCALES

    # The IKE paper prints no parameters. nl-v1: with 5, bicubic upscaling loses what the paper's EDSR row loses.
    size: int = 5
    # nl-v1: top-left alone costs bicubic 2.9 dB at x2, the level of the paper's Table 3
    phase: str = "top-left"

    def __post_init__(self) -> None:
        if not 1 <= self.size <= LARGEST or self.size % 2 == 0:
            raise ValueError(f"median size must be odd, from 1 to {LARGEST}, got {self.size}")
        check_phase(self.phase)

    def __call__(self, hr: NDArray[np.uint8], scale: int, rng: np.random.Generator) -> Degraded:
        """Degrade one image; see `Degradation`. `rng` is not used."""
        check_hr(hr, scale)
        filtered = cv2.medianBlur(np.ascontiguousarray(hr), self.size)
        return Degraded(quantise(sample(filtered, scale, self.phase)))
