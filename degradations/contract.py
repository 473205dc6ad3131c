"""What a degradation is: a frozen dataclass of parameters that, called, turns an HR image into an LR image."""

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

PRESET = "nl-v1"
"""Version of the default parameters of every kind; a change of any default needs a new name."""

SCALES = (2, 3, 4)
"""How many times smaller an LR image can be."""


@dataclass(frozen=True)
class Degraded:
    """What a degradation gives.

    Attributes:
        lr: (H / s, W / s, 3) uint8 RGB.
        kernel: (n, n) float64, n odd, sum 1, where the degradation is linear, else None. It is applied by correlation:
            LR[i, j] = sum over u, v of kernel[u, v] * HR[s i + u - n // 2, s j + v - n // 2].
    """

    lr: NDArray[np.uint8]
    kernel: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Given:
    """What a kind that is made of files gives.

    Attributes:
        data: of the LR file, to be copied byte for byte: 8-bit RGB PNG.
        kernel: see `Degraded`; None where it is not known.
        preset: which files these are.
        remark: what is wrong beside, in a line, or "".
    """

    data: bytes
    kernel: NDArray[np.float64] | None = None
    preset: str = ""
    remark: str = ""


class Imported(Protocol):
    """A kind whose LR images are somebody else's files: found and checked, never made."""

    version: ClassVar[int]
    summary: ClassVar[str]
    scales: ClassVar[tuple[int, ...]]

    def given(self, image: str, scale: int, hr: NDArray[np.uint8]) -> Given:
        """Give the LR image that belongs to `hr` (H, W, 3) uint8, the whole HR image named `image`.

        Raises:
            ValueError: for files that are not what they should be; one line that says what to do.
        """
        ...


class Degradation(Protocol):
    """HR -> LR. Deterministic: equal images, scales and generators give equal bytes.

    Attributes:
        summary: what it does to the image, in one line.
        scales: the scales it can be called with.
        version: raised when equal parameters no longer give equal bytes; LR images of older ones are made anew.
    """

    version: ClassVar[int]
    summary: ClassVar[str]
    scales: ClassVar[tuple[int, ...]]

    def __call__(self, hr: NDArray[np.uint8], scale: int, rng: np.random.Generator) -> Degraded:
        """Degrade one image.

        Args:
            hr: (H, W, 3) uint8 RGB, H and W multiples of `scale`.
            scale: how many times smaller the LR image is: 2, 3 or 4.
            rng: the only source of randomness.

        Raises:
            ValueError: for sides that `scale` does not divide, an unsupported scale or impossible parameters.
        """
        ...


def is_imported(kind: object) -> bool:
    """Say whether a kind, or its class, is one of files (`Imported`)."""
    return hasattr(kind, "given")


def check_hr(hr: NDArray[np.uint8], scale: int) -> None:
    """Refuse an HR image that breaks the contract: the first line of every degradation.

    Raises:
        ValueError: for a scale not in `SCALES`, an image that is not (H, W, 3) uint8, or sides that `scale` does not
            divide.
    """
    if scale not in SCALES:
        raise ValueError(f"scale must be one of {', '.join(map(str, SCALES))}, got {scale}")
    if hr.dtype != np.uint8 or hr.ndim != 3 or hr.shape[2] != 3:
        raise ValueError(f"an HR image is (H, W, 3) uint8, got {hr.shape} {hr.dtype}")
    height, width = hr.shape[:2]
    if min(height, width) == 0 or height % scale or width % scale:
        raise ValueError(f"HR sides must be multiples of {scale}, got {height}x{width}: cut the image first")
