"""Image files into samples: Pillow for 8 bits, and for 16 the reader that gets each format right."""

from contextlib import suppress
from importlib import import_module
from io import BytesIO
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from ikebench.images import jpeg2000, tiff
from ikebench.images.decoded import Decoded, Unsupported

FORMATS = ("AVIF", "BMP", "DIB", "GIF", "HEIF", "JPEG", "JPEG2000", "MPO", "PNG", "PPM", "TIFF", "WEBP")
"""Pillow's names of the formats that are read: those of photographs; tests/test_photo_formats.py goes through them."""

MAX_METADATA = 2**26
"""Bytes of text or of a profile in a PNG. Pillow's own limit of 1 MiB calls intact files damaged."""


def decode(data: bytes) -> Decoded:
    """Decode an image file.

    Raises:
        Unsupported: for an intact file that cannot be read rightly.
        UnidentifiedImageError: for what is of none of `FORMATS`.
        Exception: of the decoders, for a broken file.
    """
    page = tiff.first_page(data)
    if page is not None:
        tiff.refuse_what_is_no_photograph(page)
        if tiff.is_beyond_pillow(page):
            return tiff.decode(page, data)
    PngImagePlugin.MAX_TEXT_CHUNK = max(PngImagePlugin.MAX_TEXT_CHUNK, MAX_METADATA)
    with _opened(data) as photo:
        bits = _bits_per_sample(photo, data)
        if bits not in (8, 16):
            raise Unsupported(f"samples of {bits} bits; 8 and 16 can be read")
        photo.load()  # for 16 bits too: OpenCV fills up truncated files in silence
        samples = _decode_16_bit(photo, data) if bits == 16 else _decode_8_bit(photo)
        return Decoded(samples, _exif(photo), photo.info.get("icc_profile"))


def _opened(data: bytes) -> Image.Image:
    if data[4:8] == b"ftyp":
        with suppress(ImportError):  # without it, `why_unidentified` says so
            import_module("pillow_heif").register_heif_opener()
    Image.init()
    return Image.open(BytesIO(data), formats=[name for name in FORMATS if name in Image.OPEN])


def _bits_per_sample(photo: Image.Image, data: bytes) -> int:
    if photo.format == "PNG":
        return max(8, data[24])  # IHDR, PNG specification section 11.2.1
    if photo.format == "JPEG2000":
        return jpeg2000.bits_per_sample(data)
    if photo.format == "PPM" and photo.mode == "I":
        return 16  # Pillow has stretched them to 65535
    if photo.format == "TIFF" and photo.mode.startswith("I"):
        raise ValueError("tifffile cannot parse it")
    return 32 if photo.mode.startswith(("I", "F")) else 8


def _decode_8_bit(photo: Image.Image) -> NDArray[np.uint8]:
    try:
        return np.array(photo.convert("RGBA" if photo.has_transparency_data else "RGB"))
    except ValueError:
        raise Unsupported(f"the colour mode {photo.mode} cannot be converted to RGB") from None


def _decode_16_bit(photo: Image.Image, data: bytes) -> NDArray[Any]:
    """Decode 16-bit PNG, JPEG 2000 and PGM; of PNG's and JPEG 2000's colours, Pillow keeps 8 bits at most."""
    if photo.mode.startswith("I"):
        return np.array(photo).astype(np.uint16)
    deep = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if deep is None or deep.dtype != np.uint16:
        raise Unsupported("this kind of 16-bit image cannot be read; save it with 8 bits")
    return deep if deep.ndim == 2 else deep[..., [2, 1, 0, 3][: deep.shape[2]]]


def _exif(photo: Image.Image) -> Image.Exif:
    """Give the EXIF tags; Pillow turns TIFF itself and drops the tag."""
    try:
        return photo.getexif()
    except Exception:  # broken EXIF beside sound pixels, by any of the parser's errors
        return Image.Exif()
