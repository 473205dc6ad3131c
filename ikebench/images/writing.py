"""PNG of pixels, and photographs with what belongs to them."""

import os
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ikebench.errors import UserError
from ikebench.files import write_atomic
from ikebench.images.metadata import resized
from ikebench.images.reading import Photo

WRITTEN: dict[str, tuple[str, dict[str, Any]]] = {  # suffix -> Pillow's name of the format, its options
    ".png": ("PNG", {}),
    ".tif": ("TIFF", {}),
    ".tiff": ("TIFF", {}),
    ".webp": ("WEBP", {"lossless": True, "exact": True}),
    **dict.fromkeys((".jpg", ".jpeg", ".jfif"), ("JPEG", {"quality": 95, "subsampling": 0})),
}
"""What `write_photo` writes: without loss, but for JPEG."""


def png_bytes(image: NDArray[np.uint8]) -> bytes:
    """Encode (H, W, 3) uint8 RGB as PNG; equal pixels give equal bytes (with one version of OpenCV).

    Raises:
        ValueError: for another shape or dtype.
    """
    _check(image)
    # Run-length matching is the quickest on photographs, and here the smallest too: 0.17 s and 3.4 MB for a DIV2K
    # image, against 1.2 s and 3.6 MB for zlib's default.
    options = [cv2.IMWRITE_PNG_COMPRESSION, 6, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
    return cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)[1].tobytes()


def write_png(path: str | os.PathLike[str], image: NDArray[np.uint8]) -> None:
    """Write (H, W, 3) uint8 RGB as PNG: `png_bytes` by `write_atomic`."""
    write_atomic(path, png_bytes(image))


def write_photo(path: str | os.PathLike[str], pixels: NDArray[np.uint8], like: Photo) -> None:
    """Write pixels made of a photograph with its EXIF, colour profile and alpha; the suffix decides on the format.

    Args:
        path: ending in one of `WRITTEN`.
        pixels: (H, W, 3) uint8 RGB, of whatever size.
        like: the photograph; its alpha is enlarged by Pillow's bicubic where the size differs.

    Raises:
        UserError: for a format that is not written or cannot hold alpha.
        ValueError: for pixels of another shape or dtype.
    """
    _check(pixels)
    suffix = Path(path).suffix.lower()
    if suffix not in WRITTEN:
        raise UserError(f"{path}: cannot write '{suffix}': name it {', '.join(WRITTEN)}")
    name, options = WRITTEN[suffix]
    image = Image.fromarray(pixels)
    if like.alpha is not None and (name != "JPEG" or like.alpha.min() < 255):
        if name == "JPEG":
            raise UserError(f"{path}: JPEG cannot hold the photo's transparency: name it .png, .webp or .tif")
        image.putalpha(Image.fromarray(like.alpha).resize(image.size, Image.Resampling.BICUBIC))
    if like.exif:
        options = options | {"exif": resized(like.exif, *image.size)}
    if like.icc_profile:
        options = options | {"icc_profile": like.icc_profile}
    buffer = BytesIO()
    try:
        image.save(buffer, name, **options)
    except ValueError as error:  # EXIF over 64 KiB in a JPEG, sides over 16383 px in a WebP
        raise UserError(f"{path}: {name} cannot hold it ({error}): name it .png or .tif") from error
    write_atomic(path, buffer.getvalue())


def _check(image: NDArray[np.uint8]) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise ValueError(f"a PNG is written from uint8 (H, W, 3), not {image.dtype} {image.shape}")
