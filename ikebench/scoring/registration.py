"""Registration: how far SR lies beside HR, and the PSNR once that shift is undone."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.ndimage import spline_filter1d

from ikebench.scoring.metrics import check_pair, luma, psnr_from, shave_strip
from ikebench.scoring.strips import Mean, strips, widened, within
from reports.protocols import PROTOCOLS

STRIDES = (8, 4, 2)  # coarse to fine; each level is the luma blurred and decimated
BLUR = 0.7  # Gaussian sigma of a level, in its own pixels; wider ones are led astray by the aliasing of sampled LR
ITERATIONS = 20  # per level, at most; 3 to 6 suffice on photographs
TOLERANCE = 1e-3  # HR pixels
MIN_SIDE = 8  # pixels of a level without its margin
FLAT = 1e-6  # gradients' singular values below this share of the largest carry no texture
SPLINE_HALO = 32  # rows; a sample weighs 0.268^32, under 1e-18, in the spline coefficient that far away
SPLINE_STRIP_PIXELS = 2**18  # more than of other strips, for that halo
LUMA_STRIP_PIXELS = 2**17  # and 32 rows at least: the blur of the coarsest level reaches 23 further at either side
KEPT_PIXELS = 2**22  # of a level whose strips are kept, 64 MiB; those of larger ones are made anew in every iteration

Plane = NDArray[np.float64]
Image = NDArray[np.uint8] | Plane
LevelStrip = tuple[Plane, Plane]
"""Spline coefficients of the moved and of the fixed level, (h + 2 margin, w) each."""


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
    if hr.shape[1] > 2 * hr.shape[0]:  # strips of a wide image would be little but halo: they run along the other side
        turned = register(sr.swapaxes(0, 1), hr.swapaxes(0, 1), scale)
        return turned | {"shift_y": turned["shift_x"], "shift_x": turned["shift_y"]}
    border = PROTOCOLS["ntire17"].border(scale)
    shift = estimate_shift(sr, hr, limit=border)
    registered = _registered_psnr(sr, hr, shift, border) if np.isfinite(shift).all() else np.nan
    return {"shift_y": float(shift[0]), "shift_x": float(shift[1]), "psnr_registered": registered}


def estimate_shift(
    moved: Image,
    fixed: Image,
    *,
    limit: float,
    strides: Sequence[int] = STRIDES,
    start: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Return the shift (y, x) of `moved` against `fixed` within +-`limit` pixels; NaN for too small ones.

    Args:
        moved: (H, W) float64, or (H, W, 3) uint8 RGB whose luma is taken.
        fixed: the same.
        limit: in pixels.
        strides: of the levels, coarse to fine.
        start: (y, x) in pixels, where the search begins; at 0 if not given.
    """
    shift = np.full(2, np.nan)
    near = np.zeros(2) if start is None else start
    for stride in strides:
        margin = int(np.ceil(limit / stride)) + 3  # what a shift brings in, and where blurred borders differ
        if min(fixed.shape[:2]) // stride - 2 * margin < MIN_SIDE:
            continue
        level_strips = _kept_if_small(partial(_level_strips, moved, fixed, stride, margin), fixed, stride)
        shift = near = stride * _gauss_newton(level_strips, near / stride, margin, limit / stride, TOLERANCE / stride)
    return shift


def _registered_psnr(sr: NDArray[np.uint8], hr: NDArray[np.uint8], shift: Plane, border: int) -> float:
    squared_error = Mean()
    for rows, undone in _undone_strips(sr, shift):
        error = np.subtract(undone, hr[rows], dtype=np.float64)
        squared_error.add(np.square(shave_strip(error, rows.start, len(hr), border)))
    return psnr_from(squared_error.value)


def _undone_strips(image: NDArray[np.uint8], shift: Plane) -> Iterator[tuple[slice, NDArray[np.uint8]]]:
    """Resample (H, W, C) by cubic spline so that content shifted by `shift` (y, x) comes back; gives rows, and them."""
    height, width = image.shape[:2]
    for rows in strips(height, width, SPLINE_STRIP_PIXELS, least=2 * SPLINE_HALO):
        planes = [_undone_plane(image[..., channel], shift, rows) for channel in range(image.shape[2])]
        yield rows, np.stack(planes, axis=-1)


def _undone_plane(plane: NDArray[np.uint8], shift: Plane, rows: slice) -> NDArray[np.uint8]:
    taps = _taps(shift)
    near = widened(rows, len(taps[0]) // 2, len(plane))
    moved = _sample(_spline_coefficients(lambda far: plane[far], near, len(plane)), *taps)[within(rows, near)]
    return np.clip(np.floor(moved + 0.5), 0, 255).astype(np.uint8)


def _kept_if_small(
    make: Callable[[], Iterator[LevelStrip]], image: Image, stride: int
) -> Callable[[], Iterable[LevelStrip]]:
    """Return what gives the strips of a level, time and again."""
    if image.shape[0] * image.shape[1] > KEPT_PIXELS * stride**2:
        return make
    kept = list(make())
    return lambda: kept


def _level_strips(moved: Image, fixed: Image, stride: int, margin: int) -> Iterator[LevelStrip]:
    """Yield strips that overlap by twice the margin, so that what lies inside their margins makes up the level's."""
    height, width = (-(-side // stride) for side in fixed.shape[:2])
    for inner in strips(height - 2 * margin, width, SPLINE_STRIP_PIXELS, least=2 * SPLINE_HALO):
        rows = slice(inner.start, inner.stop + 2 * margin)
        a, b = (_spline_coefficients(partial(_level, image, stride), rows, height) for image in (moved, fixed))
        yield a, b


def _level(image: Image, stride: int, rows: slice) -> Plane:
    """Return some rows of the level: the luma blurred as by `cv2.GaussianBlur`, and decimated."""
    radius = (round(8 * BLUR * stride + 1) | 1) // 2  # OpenCV's
    taps = np.asarray(cv2.getGaussianKernel(2 * radius + 1, BLUR * stride, cv2.CV_64F), dtype=np.float64).ravel()
    parts = []
    for part in strips(rows.stop - rows.start, stride * image.shape[1], LUMA_STRIP_PIXELS, least=32 // stride):
        wanted = stride * np.arange(rows.start + part.start, rows.start + part.stop)
        blurred = _blurred_rows(image, wanted, taps)
        parts.append(cv2.sepFilter2D(blurred, cv2.CV_64F, taps, np.ones(1))[:, ::stride])
    return np.concatenate(parts)


def _blurred_rows(image: Image, wanted: NDArray[np.intp], taps: Plane) -> Plane:
    """Return the wanted rows of the luma, blurred along y, border mirrored about the edge pixel."""
    last = len(image) - 1
    read = np.abs(wanted[:, None] + np.arange(len(taps)) - len(taps) // 2)  # (wanted, taps)
    read = last - np.abs(last - read)
    near = slice(read.min(), read.max() + 1)
    starts = len(taps) * np.arange(len(wanted) + 1)
    weights = (np.tile(taps, len(wanted)), read.ravel() - near.start, starts)
    return sparse.csr_matrix(weights, shape=(len(wanted), near.stop - near.start)) @ _luma_of(image[near])


def _luma_of(image: Image) -> Plane:
    return luma(image.astype(np.uint8, copy=False)) if image.ndim == 3 else image.astype(np.float64, copy=False)


def _gauss_newton(
    level_strips: Callable[[], Iterable[LevelStrip]], shift: Plane, margin: int, limit: float, tolerance: float
) -> Plane:
    """Refine the shift (y, x), in pixels of this level.

    The gradient is the mean of both images': with HR's alone a blurred SR converges slowly, with SR's alone it
    overshoots (Baker and Matthews 2004; Malis 2004).
    """
    for _ in range(ITERATIONS):
        step = np.linalg.lstsq(*_normal_equations(level_strips(), shift, margin), rcond=FLAT)[0]
        shift = np.clip(shift + step, -limit, limit)
        if np.abs(step).max() < tolerance:
            break
    return shift


def _normal_equations(level_strips: Iterable[LevelStrip], shift: Plane, margin: int) -> tuple[Plane, Plane]:
    """Return sum g g^T and sum g (e - mean e) over the level, e the error and g the gradient (y, x) of a pixel."""
    sums = [_strip_sums(*strip, shift, margin) for strip in level_strips]
    products, gradients, against_error, error, count = (np.array(column) for column in zip(*sums, strict=True))
    mean = np.average(error, weights=count)
    return products.sum(axis=0), (against_error + gradients * (error - mean)[:, None]).sum(axis=0)


def _strip_sums(moved: Plane, fixed: Plane, shift: Plane, margin: int) -> tuple[Plane, Plane, Plane, float, int]:
    """Return sum g g^T, sum g, sum g (e - mean e), mean e and how many pixels, of one strip inside its margins."""
    inside = (slice(margin, -margin), slice(margin, -margin))
    still = np.zeros(2)
    error = (_sample(fixed, *_taps(still)) - _sample(moved, *_taps(shift)))[inside].ravel()
    gradients = (_gradients(fixed, still) + _gradients(moved, shift))[:, *inside].reshape(2, -1) / 2
    mean = error.mean()
    return gradients @ gradients.T, gradients.sum(axis=1), gradients @ (error - mean), mean, error.size


def _gradients(coefficients: Plane, shift: Plane) -> Plane:
    taps_y, taps_x = _taps(shift)
    slope_y, slope_x = _taps(shift, slope=True)
    return np.stack([_sample(coefficients, slope_y, taps_x), _sample(coefficients, taps_y, slope_x)])  # (2, H, W)


def _spline_coefficients(read: Callable[[slice], Image], rows: slice, height: int) -> Plane:
    """Return the coefficients of some rows of an image of `height` rows, given what reads rows of it."""
    far = widened(rows, SPLINE_HALO, height)
    columns = spline_filter1d(read(far), order=3, axis=0, output=np.float64, mode="mirror")[within(rows, far)]
    return spline_filter1d(columns, order=3, axis=1, output=np.float64, mode="mirror")


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
