"""PSNR and SSIM under the three protocols that super-resolution papers use, in one pass over a pair of images."""

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ikebench.scoring.strips import Mean, strips, widened, within
from reports.protocols import PROTOCOLS

Array = NDArray[Any]

METRICS_VERSION = 1
"""Raised when any number changes that `score_pair`, `registration.register`, `stretch.stretch`, `kernels.kernel_psnr`
or `consistency.lr_psnr` gives: what another version has measured is measured anew."""

WINDOW = 11  # Wang et al. 2004, section III-C: 11x11 Gaussian, sigma 1.5, K1 0.01, K2 0.03
SIGMA = 1.5
K1, K2 = 0.01, 0.03

STRIP_PIXELS = 2**16  # that `score_pair` works on at once: the planes of a window's means stay in a core's cache


def luma(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the BT.601 studio-swing luma, as MATLAB's `rgb2ycbcr` on double, never rounded.

    Args:
        rgb: (H, W, 3) uint8.

    Returns:
        (H, W) float64 in [16, 235].
    """
    return rgb @ (np.array([65.481, 128.553, 24.966]) / 255) + 16


def psnr(a: Array, b: Array, *, data_range: float = 255.0) -> float:
    """Return the peak signal-to-noise ratio in dB, over all pixels and channels together.

    Args:
        a: an image of any shape, integer or float.
        b: the same shape.
        data_range: the peak value.

    Returns:
        dB; inf when the images are equal, NaN when they are empty.

    Raises:
        ValueError: for different shapes.
    """
    _check_same_shape(a, b)
    return psnr_from(_mean(np.square(np.subtract(a, b, dtype=np.float64))), data_range=data_range)


def psnr_from(squared_error: float, *, data_range: float = 255.0) -> float:
    """Return the PSNR in dB of a mean squared error: inf for 0, NaN for NaN."""
    return float("inf") if squared_error == 0 else float(10 * np.log10(data_range**2 / squared_error))


def ssim(a: Array, b: Array, *, data_range: float = 255.0) -> float:
    """Return the mean structural similarity: the mean of `ssim_map` over pixels and channels."""
    return float(ssim_map(a, b, data_range=data_range).mean())


def ssim_map(a: Array, b: Array, *, data_range: float = 255.0) -> NDArray[np.float64]:
    """Return the structural similarity at every pixel whose window lies inside the image.

    Window 11x11 Gaussian with sigma 1.5, K 0.01 and 0.03, population covariance (Wang et al. 2004; `ssim_index.m`),
    each channel by itself.

    Args:
        a: (H, W) or (H, W, C), integer or float.
        b: the same shape.
        data_range: the peak value L.

    Returns:
        (H - 10, W - 10) or (H - 10, W - 10, C) float64 in [-1, 1].

    Raises:
        ValueError: for different shapes, or sides under 11 pixels.
    """
    _check_same_shape(a, b)
    if a.ndim not in (2, 3) or min(a.shape[:2]) < WINDOW:
        raise ValueError(f"SSIM needs (H, W) or (H, W, C) with sides of {WINDOW} pixels or more, not {a.shape}")
    a, b = a.astype(np.float64), b.astype(np.float64)
    if a.ndim == 2:
        return _ssim_plane(a, b, data_range)
    return np.stack([_ssim_plane(a[:, :, c], b[:, :, c], data_range) for c in range(a.shape[2])], axis=-1)


def score_pair(sr: NDArray[np.uint8], hr: NDArray[np.uint8], scale: int) -> dict[str, float]:
    """Score one SR image under every protocol.

    Args:
        sr: (H, W, 3) uint8 RGB.
        hr: the same, cut at the bottom and right to multiples of `scale`.
        scale: the scale, which decides the shaved borders.

    Returns:
        `psnr_<protocol>` in dB (inf for equal images) and `ssim_<protocol>`, for each of `PROTOCOLS`. A protocol that
        shaves everything away has PSNR NaN; one that leaves less than the 11x11 window has SSIM NaN.

    Raises:
        ValueError: for anything but two uint8 (H, W, 3) images of one shape.
    """
    check_pair(sr, hr)
    height, width = hr.shape[:2]
    errors, similarities = ({name: Mean() for name in PROTOCOLS} for _ in range(2))
    for rows in strips(height, width, STRIP_PIXELS, least=WINDOW):
        around = widened(rows, WINDOW // 2, height)
        for (plane, a), (_, b) in zip(_planes(sr[around]), _planes(hr[around]), strict=True):
            squared_error = np.square((a - b)[within(rows, around)])
            similarity = _ssim_plane(a, b, 255.0)  # no rows of it, or no columns, where no window fits
            for name, protocol in PROTOCOLS.items():
                if plane not in protocol.channels:
                    continue
                border = protocol.border(scale)
                errors[name].add(shave_strip(squared_error, rows.start, height, border))
                # Windows lie inside the image, so the map of a shaved image is the shaved map.
                similarities[name].add(shave_strip(similarity, around.start, height - WINDOW + 1, border))
    scores = {}
    for name in PROTOCOLS:
        scores[f"psnr_{name}"] = psnr_from(errors[name].value)
        scores[f"ssim_{name}"] = similarities[name].value
    return scores


def shave(image: Array, border: int) -> Array:
    """Return the view of (H, W, ...) without `border` pixels at each side; empty when nothing is left."""
    return shave_strip(image, 0, len(image), border)


def shave_strip(strip: Array, top: int, height: int, border: int) -> Array:
    """Return what `shave` leaves of a strip, (h, W, ...), that starts at row `top` of an image of `height` rows."""
    width = strip.shape[1]
    rows = slice(max(border - top, 0), max(height - border - top, 0))
    return strip[rows, border : max(width - border, border)]


def check_pair(sr: Array, hr: Array) -> None:
    """Raise ValueError unless both are uint8 (H, W, 3) of one shape."""
    for name, image in (("SR", sr), ("HR", hr)):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(f"{name} must be uint8 (H, W, 3), not {image.dtype} {image.shape}")
    if sr.shape != hr.shape:
        raise ValueError(
            f"SR is {sr.shape[1]}x{sr.shape[0]} pixels, HR {hr.shape[1]}x{hr.shape[0]}: they must be equal"
        )


def _check_same_shape(a: Array, b: Array) -> None:
    if a.shape != b.shape:
        raise ValueError(f"images of different shapes: {a.shape} and {b.shape}")


def _planes(rgb: NDArray[np.uint8]) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Yield the planes r, g, b and y by name, one at a time."""
    for index, name in enumerate("rgb"):
        yield name, rgb[..., index].astype(np.float64)
    yield "y", luma(rgb)


def _ssim_plane(a: NDArray[np.float64], b: NDArray[np.float64], data_range: float) -> NDArray[np.float64]:
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    mean_a, mean_b = _window_mean(a), _window_mean(b)
    product, energy = mean_a * mean_b, mean_a**2 + mean_b**2
    covariance = _window_mean(a * b) - product
    variances = _window_mean(a * a + b * b) - energy
    return (2 * product + c1) * (2 * covariance + c2) / ((energy + c1) * (variances + c2))


def _window_mean(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    taps = cv2.getGaussianKernel(WINDOW, SIGMA, cv2.CV_64F)
    inside = WINDOW // 2
    mean = np.asarray(cv2.sepFilter2D(plane, cv2.CV_64F, taps, taps), dtype=np.float64)
    return mean[inside:-inside, inside:-inside]


def _mean(values: Array) -> float:
    return float(values.mean()) if values.size else float("nan")
