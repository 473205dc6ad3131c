"""Images on disk: any photograph in as 8-bit upright RGB, PNG out."""

import os
import re
import warnings
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError
from PIL.TiffImagePlugin import BITSPERSAMPLE, TiffImageFile

from ikebench.errors import UserError
from ikebench.files import write_atomic

IMAGE_SUFFIXES = frozenset(".bmp .gif .jp2 .jpeg .jpg .pbm .pgm .png .pnm .ppm .tif .tiff .webp".split())
"""Lower-case suffixes of the files that `image_paths` lists."""

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


def read_image(path: str | os.PathLike[str]) -> NDArray[np.uint8]:
    """Read an image file as a person sees it.

    Gray and palette images become RGB; alpha is dropped; 16-bit PNG and TIFF samples become round(v / 257); EXIF
    orientation is applied; of an animation or a multi-page file the first picture is taken. Colour profiles are
    ignored, CMYK is converted by Pillow's plain formula. Images over 178 956 970 pixels (Pillow's own guard against
    decompression bombs) are refused.

    Returns:
        (H, W, 3) uint8 RGB, contiguous, writable.

    Raises:
        ValueError: one line with the file and what is wrong with it: missing, empty, not an image, truncated, too
            large, or of samples with neither 8 nor 16 bits.
    """
    data = _read_bytes(Path(path))
    try:
        with warnings.catch_warnings():  # large photographs, odd metadata: nothing for the user to mend
            warnings.simplefilter("ignore")
            return _decode(data)
    except UnidentifiedImageError:
        raise ValueError(f"{path}: not an image, or of a format that cannot be read") from None
    except Image.DecompressionBombError:
        raise ValueError(f"{path}: too large, over {2 * (Image.MAX_IMAGE_PIXELS or 0)} pixels") from None
    except _Unsupported as error:
        raise ValueError(f"{path}: {error}") from None
    except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, struct.error and more on broken files
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{path}: truncated or damaged ({reason})") from None


def png_bytes(image: NDArray[np.uint8]) -> bytes:
    """Encode (H, W, 3) uint8 RGB as PNG; equal pixels give equal bytes (with one version of OpenCV).

    Raises:
        ValueError: for another shape or dtype.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise ValueError(f"a PNG is written from uint8 (H, W, 3), not {image.dtype} {image.shape}")
    # Run-length matching is the quickest on photographs, and here the smallest too: 0.17 s and 3.4 MB for a DIV2K
    # image, against 1.2 s and 3.6 MB for zlib's default.
    options = [cv2.IMWRITE_PNG_COMPRESSION, 6, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
    return cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)[1].tobytes()


def write_png(path: str | os.PathLike[str], image: NDArray[np.uint8]) -> None:
    """Write (H, W, 3) uint8 RGB as PNG: `png_bytes` by `write_atomic`."""
    write_atomic(path, png_bytes(image))


def image_paths(folder: str | os.PathLike[str]) -> list[Path]:
    """List the image files of a folder by suffix, `img_2.png` before `img_10.png`.

    Sub-folders are not entered; hidden files are skipped, and so are files still being written.

    Raises:
        ValueError: when there is no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder")
    paths = [path for path in folder.iterdir() if _is_image_name(path.name) and path.is_file()]
    return sorted(paths, key=lambda path: (natural_order(path.name), path.name))


def by_stem(folder: Path, suffix: str = "") -> dict[str, Path]:
    """Give image name -> file of a folder; a name is the file's stem without `suffix`.

    Raises:
        UserError: if there are no images, or two share a name.
    """
    files: dict[str, Path] = {}
    for path in image_paths(folder):
        name = path.stem.removesuffix(suffix)
        if name in files:
            raise UserError(f"{folder}: {files[name].name} and {path.name} share a name: rename one of them")
        files[name] = path
    if not files:
        raise UserError(f"{folder}: no images in it")
    return files


class _Unsupported(Exception):
    """An intact image that cannot be turned into 8-bit RGB without a guess."""


def _is_image_name(name: str) -> bool:
    return not name.startswith(".") and Path(name).suffix.lower() in IMAGE_SUFFIXES


def natural_order(name: str) -> list[str | int]:
    """Give the key that sorts `img_2` before `img_10`."""
    parts = re.split(r"([0-9]+)", name.casefold())  # text, digits, text, ...: like compares with like
    return [int(part) if part.isdecimal() else part for part in parts]


def _read_bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror or error}") from None
    if not data:
        raise ValueError(f"{path}: empty file (0 bytes)")
    return data


def _decode(data: bytes) -> NDArray[np.uint8]:
    with Image.open(BytesIO(data)) as photo:
        bits = _bits_per_sample(photo, data)
        if bits > 8 and bits != 16:
            raise _Unsupported(f"samples of {bits} bits; 8 and 16 can be read")
        photo.load()  # for 16 bits too: OpenCV fills up truncated files in silence
        # Pillow keeps the high byte of 16-bit colour, so OpenCV decodes it; 16-bit CMYK and Lab it would take for RGB.
        deep = bits == 16 and photo.mode not in ("CMYK", "LAB")
        rgb = _decode_16_bit(data) if deep else _to_rgb(photo)
        return np.ascontiguousarray(_upright(rgb, _orientation(photo)))


def _bits_per_sample(photo: Image.Image, data: bytes) -> int:
    if photo.format == "PNG":
        return data[24]  # IHDR, PNG specification section 11.2.1
    if isinstance(photo, TiffImageFile):
        return max(photo.tag_v2.get(BITSPERSAMPLE, (1,)))
    if photo.mode.startswith(("I", "F")):
        raise _Unsupported(f"{photo.format} with more than 8 bits per sample; PNG and TIFF can be read so")
    return 8


def _decode_16_bit(data: bytes) -> NDArray[np.uint8]:
    deep = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if deep is None or deep.dtype != np.uint16:
        raise _Unsupported("this kind of 16-bit image cannot be read; save it with 8 bits")
    planes = np.atleast_3d(((deep.astype(np.uint32) + 128) // 257).astype(np.uint8))  # 257 is odd: no ties
    return np.repeat(planes, 3, axis=2) if planes.shape[2] < 3 else planes[..., 2::-1]  # BGR or BGRA to RGB


def _to_rgb(photo: Image.Image) -> NDArray[np.uint8]:
    try:
        return np.array(photo.convert("RGB"))
    except ValueError:
        raise _Unsupported(f"the colour mode {photo.mode} cannot be converted to RGB") from None


def _orientation(photo: Image.Image) -> int:
    """Return the EXIF orientation still to apply: decoders turn TIFF themselves, and Pillow then drops the tag."""
    try:
        return int(photo.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # broken EXIF beside sound pixels, by any of the parser's errors
        return 1


def _upright(image: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    turns, mirrored = UPRIGHT.get(orientation, (0, False))
    image = np.rot90(image, turns)
    return image[:, ::-1] if mirrored else image
