"""Any photograph in, as a person sees it: 8-bit upright RGB, and what the file holds beside the pixels."""

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from ikebench.images.decoded import Decoded, Unsupported
from ikebench.images.decoding import decode
from ikebench.images.metadata import exif_bytes, rgb_profile
from ikebench.images.signatures import why_unidentified

UPRIGHT = {  # EXIF orientation -> (turn by 90 degrees counter-clockwise so many times, then mirror left to right)
    1: (0, False),
    2: (0, True),
    3: (2, False),
    4: (2, True),
    5: (3, True),
    6: (3, False),
    7: (1, True),
    8: (1, False),
}


@dataclass(frozen=True)
class Photo:
    """A photograph, upright.

    Attributes:
        pixels: (H, W, 3) uint8 RGB, contiguous; those that `read_image` gives.
        alpha: (H, W) uint8, 0 = transparent; None where the file has none.
        exif: the EXIF block with its six bytes of header, without orientation (applied) and thumbnail; None without.
        icc_profile: colour profile of the pixels; None without, and where it is of gray or CMYK, which they no longer
            are.
    """

    pixels: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None = None
    exif: bytes | None = None
    icc_profile: bytes | None = None


def read_image(path: str | os.PathLike[str]) -> NDArray[np.uint8]:
    """Read an image file as a person sees it.

    Gray and palette images become RGB; alpha is dropped, and what it was multiplied into is divided by it; 16-bit
    samples become round(v / 257), those of AVIF and HEIC what their decoders give for 8 bits; EXIF orientation is
    applied; of an animation or a multi-page file the first picture is taken. Colour profiles are ignored, CMYK is
    converted by Pillow's plain formula. Images over 178 956 970 pixels (Pillow's own guard against decompression bombs)
    are refused.

    Returns:
        (H, W, 3) uint8 RGB, contiguous, writable.

    Raises:
        ValueError: one line with the file and what is wrong with it: missing, empty, not an image, truncated, too
            large, or of samples that cannot be turned into 8-bit RGB without a guess.
    """
    return _pixels(_decoded(Path(path)))


def read_photo(path: str | os.PathLike[str]) -> Photo:
    """Read an image file with its alpha, EXIF and colour profile; see `read_image` for the pixels and the errors."""
    decoded = _decoded(Path(path))
    alpha = None
    if decoded.samples.ndim == 3 and decoded.samples.shape[2] in (2, 4):
        alpha = np.ascontiguousarray(_upright(to_8_bit(decoded.samples[..., -1]), decoded))
    return Photo(_pixels(decoded), alpha, exif_bytes(decoded.exif), rgb_profile(decoded.icc_profile))


def to_8_bit(samples: NDArray[Any]) -> NDArray[np.uint8]:
    """Give uint8 as it is, and uint16 as round(v / 257)."""
    if samples.dtype == np.uint8:
        return samples
    return ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)  # 257 is odd: no ties


def _decoded(path: Path) -> Decoded:
    data = _read_bytes(path)
    try:
        with warnings.catch_warnings():  # large photographs, odd metadata: nothing for the user to mend
            warnings.simplefilter("ignore")
            return decode(data)
    except UnidentifiedImageError:
        raise ValueError(f"{path}: {why_unidentified(data)}") from None
    except Image.DecompressionBombError:
        raise ValueError(f"{path}: too large, over {2 * (Image.MAX_IMAGE_PIXELS or 0)} pixels") from None
    except Unsupported as error:
        raise ValueError(f"{path}: {error}") from None
    except Exception as error:  # decoders raise OSError, SyntaxError, struct.error and more on broken files
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{path}: truncated or damaged ({reason})") from None


def _read_bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror or error}") from None
    if not data:
        raise ValueError(f"{path}: empty file (0 bytes)")
    return data


def _pixels(decoded: Decoded) -> NDArray[np.uint8]:
    planes = np.atleast_3d(to_8_bit(decoded.samples))
    rgb = planes[..., :3] if planes.shape[2] > 2 else np.repeat(planes[..., :1], 3, axis=2)
    return np.ascontiguousarray(_upright(rgb, decoded))


def _upright(image: NDArray[np.uint8], decoded: Decoded) -> NDArray[np.uint8]:
    try:
        turns, mirrored = UPRIGHT[int(decoded.exif.get(ExifTags.Base.Orientation, 1))]
    except Exception:  # broken EXIF beside sound pixels, by any of the parser's errors
        return image
    image = np.rot90(image, turns)
    return image[:, ::-1] if mirrored else image
