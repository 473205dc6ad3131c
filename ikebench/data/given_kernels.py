"""True kernels that come with LR/HR pairs: read, and brought to our convention by what they make of HR."""

from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from degradations.resample import bicubic_kernel, correlate

Kernel = NDArray[np.float64]

VARIABLE = "Kernel"  # in MATLAB files of DIV2KRK, KernelGAN and ours
LARGEST = 101  # px
WINDOW = 96  # LR px of the part that is compared
AS_WELL = 0.1  # dB: a turned or moved kernel must be better by more
EXPLAINED = 40.0  # dB: an LR image that is made by a kernel and rounded is at 55
"""A kernel is true if it explains LR so well, or, where LR has noise, better than a bicubic one where it fits best."""


def read_kernel_file(path: Path) -> Kernel:
    """Read a kernel of a `.mat` file (variable `Kernel`) or a `.npy` file.

    Returns:
        (n, n) float64, n odd, sum 1; a kernel of even side gets a row and a column of zeros at the bottom and right.

    Raises:
        ValueError: if it cannot be read, or is no kernel.
    """
    try:
        kernel = _load(path)
    except Exception as error:  # scipy and NumPy raise many things for a damaged file
        raise ValueError(f"it cannot be read ({' '.join(str(error).split())})") from error
    if kernel.ndim != 2 or kernel.shape[0] != kernel.shape[1] or not 2 <= len(kernel) <= LARGEST:
        raise ValueError(f"it is of shape {'x'.join(map(str, kernel.shape))}, a kernel is square, 2 to {LARGEST} px")
    if not (np.isfinite(kernel).all() and kernel.sum() > 0):
        raise ValueError("its sum is not positive")
    even = 1 - len(kernel) % 2
    return np.pad(kernel / kernel.sum(), ((0, even), (0, even)))


def _load(path: Path) -> Kernel:
    if path.suffix == ".npy":
        return np.load(path, allow_pickle=False).astype(np.float64)
    from scipy.io import loadmat

    content = loadmat(path)
    if VARIABLE not in content:
        names = ", ".join(name for name in content if not name.startswith("__"))
        raise ValueError(f"it has no variable {VARIABLE}, but {names or 'none'}")
    return np.asarray(content[VARIABLE], np.float64)


def kernel_that_fits(kernel: Kernel, lr: NDArray[np.uint8], hr: NDArray[np.uint8], scale: int) -> Kernel:
    """Turn and move a kernel so that it makes LR of HR as `degradations.contract.Degraded` says.

    Generators correlate or convolve (which turns the kernel), and sample other pixels of each s x s block. Of
    all these, the one that makes LR is taken; the kernel as it is, where others do it no better.

    Args:
        kernel: (n, n), n odd, sum 1.
        lr: (h, w, 3) uint8.
        hr: (s h, s w, 3) uint8.
        scale: s.

    Raises:
        ValueError: if none of them makes LR of HR.
    """
    trials = [
        (psnr, turned, y, x)
        for turned in (kernel, kernel[::-1, ::-1])
        for (y, x), psnr in _psnr_by_phase(turned, lr, hr, scale).items()
    ]
    best = max(trials, key=lambda trial: trial[0])
    psnr, turned, y, x = best if best[0] > trials[0][0] + AS_WELL else trials[0]
    if psnr < EXPLAINED and psnr < max(_psnr_by_phase(bicubic_kernel(scale), lr, hr, scale).values()):
        raise ValueError(f"it does not make this LR image of HR ({psnr:.1f} dB), turned or moved neither")
    return moved(turned, y, x)


def moved(kernel: Kernel, y: int, x: int) -> Kernel:
    """Move a kernel (n, n) by whole HR px, down and right; the side grows as it must."""
    if y == x == 0:
        return np.ascontiguousarray(kernel)
    more = max(abs(y), abs(x))
    return np.pad(kernel, ((more + y, more - y), (more + x, more - x)))


def _psnr_by_phase(
    kernel: Kernel, lr: NDArray[np.uint8], hr: NDArray[np.uint8], scale: int
) -> dict[tuple[int, int], float]:
    """Tell how well a kernel explains LR's middle (luma, dB), by the HR px (y, x) that it is moved; (0, 0) first."""
    height, width = (min(side, WINDOW) for side in lr.shape[:2])
    top, left = (lr.shape[0] - height) // 2, (lr.shape[1] - width) // 2
    frame = scale + len(kernel) // 2  # of HR px that count, and of those that are looked at
    framed = np.pad(_luma(hr), ((frame, frame), (frame, frame), (0, 0)), mode="symmetric")
    around = framed[scale * top : scale * (top + height) + 2 * frame, scale * left : scale * (left + width) + 2 * frame]
    filtered = correlate(around, kernel)
    wanted = _luma(lr)[top : top + height, left : left + width]
    found = {}
    for y, x in sorted(product(range(1 - scale, scale), repeat=2), key=lambda phase: max(map(abs, phase))):
        rows, columns = (slice(frame + p, frame + p + scale * n, scale) for p, n in ((y, height), (x, width)))
        error = float(np.mean((filtered[rows, columns] - wanted) ** 2))
        found[y, x] = float(10 * np.log10(255**2 / max(error, 1e-9)))
    return found


def _luma(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    return image @ np.array([[0.299], [0.587], [0.114]])  # (H, W, 1)
