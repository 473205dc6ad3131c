"""MATLAB-compatible bicubic downscaling: what most super-resolution networks were trained on."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from degradations.contract import SCALES, Degraded, check_hr
from degradations.resample import bicubic_kernel, imresize, quantise


@dataclass(frozen=True)
class Bicubic:
    """Antialiased Keys cubic (a = -0.5) on the half-pixel grid, symmetric border: MATLAB's `imresize`. Linear."""

    version: ClassVar[int] = 1
    summary: ClassVar[str] = "MATLAB-compatible bicubic: antialiased, aligned"
    scales: ClassVar[tuple[int, ...]] = SCALES

    def __call__(self, hr: NDArray[np.uint8], scale: int, rng: np.random.Generator) -> Degraded:
        """Degrade one image; see `Degradation`. `rng` is not used."""
        check_hr(hr, scale)
        return Degraded(quantise(imresize(hr, 1 / scale)), bicubic_kernel(scale))
