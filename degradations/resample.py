"""The one resize, the one sampling and the one kernel shift of the project, all in float64.

Scipy is imported where it is used: the kinds and methods that import this module are also listed and planned with.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy import sparse

PHASES = ("top-left", "centre")
"""Where an LR pixel i is sampled: at HR position s i, or at s i + (s - 1) / 2, the middle of its s x s block."""

STRIP_PIXELS = 2**15  # that `correlate` works on at once: sum, product and source stay in a core's cache


KEYS_A = -0.5
"""The slope of "bicubic" at |x| = 1: Keys' and MATLAB's; OpenCV and torch have -0.75."""


def keys_cubic(x: NDArray[np.float64], a: float = KEYS_A) -> NDArray[np.float64]:
    """Keys' cubic convolution kernel, at a = -0.5 MATLAB's "bicubic"; zero from |x| = 2 on.

    Source: R. Keys, "Cubic convolution interpolation for digital image processing", 1981, eq. (15).
    """
    x = np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x**2 + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


def resize_matrix(
    length: int,
    out_length: int,
    scale: float,
    *,
    antialias: bool = True,
    low_border: bool = True,
    top_left: bool = False,
    a: float = KEYS_A,
) -> "sparse.csr_matrix":
    """MATLAB's bicubic `imresize` along one axis, as a matrix.

    Output sample i sits at (i + 0.5) / scale - 0.5 (half-pixel grid); the border is symmetric (edge sample repeated).

    Args:
        length: samples in.
        out_length: samples out.
        scale: out / in factor, as in MATLAB; not recomputed from the lengths.
        antialias: widen the cubic by 1 / scale when shrinking.
        low_border: off, taps before the first sample weigh nothing, as in the `imresize` of the KernelGAN, ZSSR and
            DualSR releases (unsigned indices wrap there).
        top_left: output sample i sits at i / scale instead, where LR images hold every s-th pixel from the top-left.
        a: of `keys_cubic`.

    Returns:
        (out_length, length) float64, rows sum to 1.
    """
    from scipy import sparse

    stretch = min(scale, 1.0) if antialias else 1.0
    position = np.arange(out_length) / scale if top_left else (np.arange(out_length) + 0.5) / scale - 0.5
    first = np.floor(position - 2 / stretch).astype(int)
    taps = first[:, None] + np.arange(int(np.ceil(4 / stretch)) + 2)  # (out_length, taps)
    weights = keys_cubic(stretch * (position[:, None] - taps), a)
    if not low_border:
        weights[taps < 0] = 0
    weights /= weights.sum(axis=1, keepdims=True)
    mirrored = taps % (2 * length)
    columns = np.where(mirrored < length, mirrored, 2 * length - 1 - mirrored)
    rows = np.broadcast_to(np.arange(out_length)[:, None], taps.shape)
    used = weights != 0
    entries = (weights[used], (rows[used], columns[used]))
    return sparse.csr_matrix(entries, shape=(out_length, length))  # taps folded at the border add up


def imresize(
    image: NDArray[Any], scale: float, *, antialias: bool = True, top_left: bool = False
) -> NDArray[np.float64]:
    """MATLAB's bicubic `imresize`, before any rounding.

    Args:
        image: (H, W) or (H, W, C), any real dtype and range.
        scale: out / in factor: 1/2 halves the sides, 2 doubles them.
        antialias: as in MATLAB, matters only for shrinking.
        top_left: see `resize_matrix`; off as in MATLAB.

    Returns:
        (ceil(H scale), ceil(W scale), ...) float64 in the image's range; the cubic can overshoot it.
    """
    resized = image.astype(np.float64)
    for axis in (0, 1):
        length = image.shape[axis]
        out_length = int(np.ceil(length * scale))
        matrix = resize_matrix(length, out_length, scale, antialias=antialias, top_left=top_left)
        lines = np.moveaxis(resized, axis, 0)
        product = matrix @ lines.reshape(length, -1)
        resized = np.moveaxis(product.reshape(-1, *lines.shape[1:]), 0, axis)
    return np.ascontiguousarray(resized)


def sample(image: NDArray[Any], scale: int, phase: str) -> NDArray[np.float64]:
    """Take every `scale`-th pixel of an already filtered image.

    Args:
        image: (H, W) or (H, W, C), sides multiples of `scale`.
        scale: sampling step in pixels.
        phase: "top-left" takes the pixels s i themselves; "centre" interpolates at s i + (s - 1) / 2 by separable Keys
            cubic, without antialiasing, symmetric border.

    Returns:
        (H / s, W / s, ...) float64.

    Raises:
        ValueError: for any other phase.
    """
    check_phase(phase)
    if phase == "top-left":
        return image[::scale, ::scale].astype(np.float64)
    return imresize(image, 1 / scale, antialias=False)


def check_phase(phase: str) -> None:
    """Raise ValueError unless `phase` is one of `PHASES`."""
    if phase not in PHASES:
        raise ValueError(f"phase must be {' or '.join(PHASES)}, got {phase!r}")


def quantise(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Round to 8 bit: floor(v + 0.5), clipped to 0-255 (halves go up, where `np.round` takes them to even)."""
    return np.clip(np.floor(image + 0.5), 0, 255).astype(np.uint8)


def cut_to_multiple(image: NDArray[Any], scale: int) -> NDArray[Any]:
    """Cut (H, W, ...) at the bottom and right so that `scale` divides both sides; a view."""
    height, width = image.shape[:2]
    return image[: height - height % scale, : width - width % scale]


def correlate(image: NDArray[Any], kernel: NDArray[np.float64], *, step: int = 1) -> NDArray[np.float64]:
    """Filter an image with a kernel, only at every `step`-th pixel from the top-left.

    out[i, j] = sum over u, v of kernel[u, v] * image[step i + u - n // 2, step j + v - n // 2], symmetric border (edge
    pixel repeated; scipy calls it `reflect`). Taps are added in a fixed order: no threads, no FFT, so stable bytes.

    Args:
        image: (H, W, C), any real dtype.
        kernel: (n, n), n odd, correlated (not flipped).
        step: distance of the wanted pixels.

    Returns:
        (ceil(H / step), ceil(W / step), C) float64.
    """
    size, radius = len(kernel), len(kernel) // 2
    padded = np.pad(image, ((radius, radius), (radius, radius), (0, 0)), mode="symmetric")
    height, width = (-(-side // step) for side in image.shape[:2])
    filtered = np.empty((height, width, image.shape[2]))
    strip_height = max(STRIP_PIXELS // max(width, 1), 1)
    for top in range(0, height, strip_height):
        strip = filtered[top : top + strip_height]
        source = padded[step * top : step * (top + len(strip) - 1) + size]
        for channel in range(image.shape[2]):
            strip[..., channel] = _weighted_sum(source[..., channel], kernel, step, strip.shape[:2])
    return filtered


def _weighted_sum(
    plane: NDArray[Any], kernel: NDArray[np.float64], step: int, shape: tuple[int, ...]
) -> NDArray[np.float64]:
    """Filter a padded plane, (step (h - 1) + n or more, step (w - 1) + n or more), to `shape` (h, w)."""
    height, width = shape
    phases = [plane[:, phase::step].astype(np.float64) for phase in range(step)]  # columns that a tap reads together
    total, product = np.zeros(shape), np.empty(shape)
    for (u, v), weight in np.ndenumerate(kernel):
        first = v // step
        np.multiply(weight, phases[v % step][u : u + step * height : step, first : first + width], out=product)
        np.add(total, product, out=total)
    return total


def bicubic_kernel(scale: int, *, antialias: bool = True) -> NDArray[np.float64]:
    """Give the kernel of `imresize(image, 1 / scale)`; without antialiasing, that of `sample(..., "centre")`.

    Returns:
        (n, n) float64, n odd, sum 1, for `correlate(image, kernel, step=scale)`. Its centre of mass lies (s - 1) / 2
        after index n // 2, so that one side is zero-padded.
    """
    blocks = 16  # so many that the middle row is free of border effects
    row = resize_matrix(blocks * scale, blocks, 1 / scale, antialias=antialias)[[blocks // 2]].toarray().ravel()
    origin = blocks // 2 * scale
    radius = int(np.abs(np.flatnonzero(row) - origin).max())
    taps = row[origin - radius : origin + radius + 1]
    return np.outer(taps, taps)


def kernel_centre(size: int, scale: int, convention: str) -> float:
    """Where the centre of mass of a downscaling kernel belongs, as an index along one axis.

    Args:
        size: kernel side in pixels.
        scale: downscaling factor.
        convention: "kernelgan", also DualSR's: size // 2 + 0.5 (scale - size % 2). For odd sizes plain bicubic
            upscaling is then aligned with the HR image. "div2krk", the public DIV2KRK generator's: size / 2 + ...,
            half a pixel further for odd sizes.

    Raises:
        ValueError: for any other convention.
    """
    offset = 0.5 * (scale - size % 2)
    if convention == "kernelgan":
        return size // 2 + offset
    if convention == "div2krk":
        return size / 2 + offset
    raise ValueError(f"convention must be kernelgan or div2krk, got {convention!r}")


def shift_kernel(kernel: NDArray[np.float64], scale: int, *, convention: str = "kernelgan") -> NDArray[np.float64]:
    """Move a kernel's centre of mass to `kernel_centre`, by cubic-spline interpolation.

    The kernel is zero-padded first by p = ceil(largest shift) + 1 on every side, so that nothing is pushed out; the
    padding moves kernel and centre alike. The sum is kept: KernelGAN's release lets it drift by what the spline loses
    at the border, which would change the brightness of the LR image.

    Args:
        kernel: (h, w), positive sum.
        scale: downscaling factor the kernel belongs to.
        convention: see `kernel_centre`.

    Returns:
        (h + 2p, w + 2p) float64; the spline can leave slightly negative values.

    Raises:
        ValueError: for a kernel without a positive sum, or an unknown convention.
    """
    from scipy import ndimage

    kernel = kernel.astype(np.float64)
    total = kernel.sum()
    if not total > 0:
        raise ValueError(f"a kernel needs a positive sum, got {total}")
    wanted = np.array([kernel_centre(size, scale, convention) for size in kernel.shape])
    shift = wanted - ndimage.center_of_mass(kernel)
    padded = np.pad(kernel, int(np.ceil(np.abs(shift).max())) + 1)
    shifted = ndimage.shift(padded, shift, order=3)
    return shifted * (total / shifted.sum())
