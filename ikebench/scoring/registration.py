"""Registration: how far SR lies beside HR, and the PSNR once that shift is undone."""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import spline_filter1d

from ikebench.scoring.metrics import PROTOCOLS, check_pair, luma, psnr, shave

STRIDES = (8, 4, 2)  # coarse to fine; each level is the luma blurred and decimated
BLUR = 0.7  # Gaussian sigma of a level, in its own pixels; wider ones are led astray by the aliasing of sampled LR
ITERATIONS = 20  # per level, at most; 3 to 6 suffice on photographs
TOLERANCE = 1e-3  # HR pixels
MIN_SIDE = 8  # pixels of a level without its margin
FLAT = 1e-6  # gradients' singular values below this share of the largest carry no texture

Plane = NDArray[np.float64]


def register(sr: NDArray[np.uint8], hr: NDArray[np.uint8], scale: int) -> dict[str, float]:
    """Estimate the sub-pixel shift of SR against HR, and score SR with the shift undone.

    The shift minimises the squared difference of the two lumas by Gauss-Newton steps, coarse to fine (Lucas and
    Kanade 1981). A symmetric blur of SR does not bias it, as it would phase correlation; with a lopsided one it is the
    shift that fits best, not the blur's centre of mass. It is looked for up to 6 + scale pixels, the shaved border;
    along a direction without texture it reads as 0.

    Args:
        sr: (H, W, 3) uint8 RGB.
        hr: the same, cut to multiples of `scale`.
        scale: decides the shaved border.

    Returns:
        `shift_y` and `shift_x` in HR pixels, positive when SR's content lies further down or right;
        `psnr_registered` in dB: RGB with 6 + scale pixels shaved, as protocol `ntire17`, of SR resampled by cubic
        spline and rounded to 8 bits. All three are NaN when the images are too small (`MIN_SIDE`).

    Raises:
        ValueError: for anything but two uint8 (H, W, 3) images of one shape.
    """
    check_pair(sr, hr)
    border = PROTOCOLS["ntire17"].border(scale)
    shift = estimate_shift(luma(sr), luma(hr), limit=border)
    registered = psnr(shave(undo_shift(sr, shift), border), shave(hr, border)) if np.isfinite(shift).all() else np.nan
    return {"shift_y": float(shift[0]), "shift_x": float(shift[1]), "psnr_registered": registered}


def estimate_shift(moved: Plane, fixed: Plane, *, limit: float) -> NDArray[np.float64]:
    """Return the shift (y, x) of `moved` against `fixed`, both (H, W) float64, within +-`limit` pixels."""
    shift = np.full(2, np.nan)
    for stride in STRIDES:
        margin = int(np.ceil(limit / stride)) + 3  # what a shift brings in, and where blurred borders differ
        if min(fixed.shape) // stride - 2 * margin < MIN_SIDE:
            continue
        start = np.nan_to_num(shift) / stride
        levels = (_level(moved, stride), _level(fixed, stride))
        shift = stride * _gauss_newton(*levels, start, margin, limit / stride, TOLERANCE / stride)
    return shift


def undo_shift(image: NDArray[np.uint8], shift: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Resample (H, W, C) uint8 by cubic spline so that content shifted by `shift` (y, x) comes back to its place."""
    if not shift.any():
        return image
    moved = _sample(_spline_coefficients(image), *_taps(shift))
    return np.clip(np.floor(moved + 0.5), 0, 255).astype(np.uint8)


def _level(plane: Plane, stride: int) -> Plane:
    return np.ascontiguousarray(cv2.GaussianBlur(plane, (0, 0), BLUR * stride)[::stride, ::stride])


def _gauss_newton(moved: Plane, fixed: Plane, shift: Plane, margin: int, limit: float, tolerance: float) -> Plane:
    """Refine the shift (y, x), in pixels of this level.

    The gradient is the mean of both images': with HR's alone a blurred SR converges slowly, with SR's alone it
    overshoots (Baker and Matthews 2004; Malis 2004).
    """
    inside = (slice(margin, -margin), slice(margin, -margin))
    coefficients = _spline_coefficients(moved)
    fixed_gradients = _gradients(_spline_coefficients(fixed), np.zeros(2))
    for _ in range(ITERATIONS):
        error = (fixed - _sample(coefficients, *_taps(shift)))[inside].ravel()
        gradients = (fixed_gradients + _gradients(coefficients, shift))[:, *inside].reshape(2, -1) / 2
        step = np.linalg.lstsq(gradients @ gradients.T, gradients @ (error - error.mean()), rcond=FLAT)[0]
        shift = np.clip(shift + step, -limit, limit)
        if np.abs(step).max() < tolerance:
            break
    return shift


def _gradients(coefficients: Plane, shift: Plane) -> Plane:
    taps_y, taps_x = _taps(shift)
    slope_y, slope_x = _taps(shift, slope=True)
    return np.stack([_sample(coefficients, slope_y, taps_x), _sample(coefficients, taps_y, slope_x)])  # (2, H, W)


def _spline_coefficients(image: NDArray[np.uint8] | Plane) -> Plane:
    rows = spline_filter1d(image, order=3, axis=0, output=np.float64, mode="mirror")
    return spline_filter1d(rows, order=3, axis=1, output=np.float64, mode="mirror")


def _sample(coefficients: Plane, taps_y: Plane, taps_x: Plane) -> Plane:
    return np.asarray(cv2.sepFilter2D(coefficients, cv2.CV_64F, taps_x, taps_y, borderType=cv2.BORDER_REFLECT_101))


def _taps(shift: Plane, *, slope: bool = False) -> tuple[Plane, Plane]:
    """Return the taps (y, x) that read a spline, or its slope, at distance `shift` from each pixel."""
    reach = np.floor(np.abs(shift)).astype(int) + 2
    spline = _cubic_spline_slope if slope else _cubic_spline
    y, x = (spline(offset - np.arange(-n, n + 1.0)) for offset, n in zip(shift, reach, strict=True))
    return y, x


def _cubic_spline(x: Plane) -> Plane:
    """Cubic B-spline (Unser 1999, eq. (3))."""
    x = np.abs(x)
    return np.where(x < 1, 2 / 3 - x**2 + x**3 / 2, np.maximum(2 - x, 0) ** 3 / 6)


def _cubic_spline_slope(x: Plane) -> Plane:
    distance = np.abs(x)
    slope = np.where(distance < 1, 1.5 * distance**2 - 2 * distance, -(np.maximum(2 - distance, 0) ** 2) / 2)
    return np.sign(x) * slope
