"""What image files are decoded into."""

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from PIL import Image


class Unsupported(Exception):
    """An intact image that cannot be turned into 8-bit RGB without a guess."""


@dataclass(frozen=True)
class Decoded:
    """What a file holds.

    Attributes:
        samples: (H, W) gray, or (H, W, C) gray and alpha, RGB or RGBA for C = 2, 3, 4; uint8 or uint16; colours not
            multiplied by alpha; as stored, not turned.
        exif: with the orientation still to apply.
        icc_profile: as stored.
    """

    samples: NDArray[Any]
    exif: Image.Exif
    icc_profile: bytes | None
