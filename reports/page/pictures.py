"""Pictures inside the page: crops and error maps as WebP in data URIs, small enough together."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""(H, W, 3) RGB."""

QUALITIES = (95, 90, 80, 70, 60, 50, 40)  # of WebP; without loss it takes ten times as long, and four times the bytes
ERROR_TOP = 40  # gray levels, of 255, at the bright end of the colours of errors
ERROR_COLOURS = cv2.COLORMAP_INFERNO
WHOLE_SIDE = 320  # px of a reduced whole image, at most


def error_map(sr: Image, hr: Image) -> Image:
    """Colour the absolute error of every pixel, mean over channels, reduced to `WHOLE_SIDE`: dark none, bright much."""
    error = reduced(cv2.absdiff(sr, hr).astype(np.float32)).mean(axis=2)
    return _coloured(np.clip(error * (255 / ERROR_TOP), 0, 255).astype(np.uint8))


def error_key() -> str:
    """Draw the colours of errors from 0 to `ERROR_TOP`, as a data URI."""
    return _uri(_webp(_coloured(np.tile(np.arange(256, dtype=np.uint8), (8, 1))), QUALITIES[0]))


def reduced(image: NDArray[Any]) -> NDArray[Any]:
    """Reduce an image so that its longer side is `WHOLE_SIDE`; a smaller one stays as it is."""
    factor = WHOLE_SIDE / max(image.shape[:2])
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA) if factor < 1 else image


def embed(images: Sequence[Image], most: float, qualities: Sequence[int] = QUALITIES) -> tuple[list[str], int]:
    """Encode images as data URIs, all with one quality so that none looks better by it.

    Args:
        images: pictures that are looked at beside each other.
        most: bytes of WebP that they may take together; where no quality is low enough, they are reduced.
        qualities: to try, best first.

    Returns:
        The data URIs, and the quality.
    """
    for quality in qualities:
        encoded = [_webp(image, quality) for image in images]
        if sum(map(len, encoded)) <= most or max(image.size for image in images) <= 3:
            return [_uri(data) for data in encoded], quality
    halves = [_halved(image) for image in images]
    return embed(halves, most, qualities[-1:])


def _coloured(levels: Image) -> Image:
    """Give (H, W) levels the colours of errors."""
    return np.asarray(cv2.cvtColor(cv2.applyColorMap(levels, ERROR_COLOURS), cv2.COLOR_BGR2RGB), dtype=np.uint8)


def _halved(image: Image) -> Image:
    height, width = (max(1, length // 2) for length in image.shape[:2])
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _webp(image: Image, quality: int) -> bytes:
    options = [cv2.IMWRITE_WEBP_QUALITY, quality]
    return cv2.imencode(".webp", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)[1].tobytes()


def _uri(data: bytes) -> str:
    return "data:image/webp;base64," + base64.b64encode(data).decode("ascii")
