"""How close an estimated kernel is to the true one."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Kernel = NDArray[np.float64]


def correlation(kernel: Kernel, truth: Kernel) -> float:
    """Give the normalised inner product of two kernels, their centres of mass aligned; 1 for equal shapes."""
    a, b = aligned(kernel, truth)
    return float((a * b).sum() / math.sqrt((a**2).sum() * (b**2).sum()))


def kernel_psnr(kernel: Kernel, truth: Kernel) -> float:
    """Give the PSNR of a kernel, peak = the true kernel's largest value, centres of mass aligned; dB, inf if equal."""
    a, b = aligned(kernel, truth)
    error = np.mean((a - b) ** 2)
    return float(10 * np.log10(b.max() ** 2 / error)) if error > 0 else math.inf


def aligned(kernel: Kernel, truth: Kernel) -> tuple[Kernel, Kernel]:
    """Bring two kernels (n, n), (m, m) to one odd size and sum 1, both centres of mass on its middle (linear shift)."""
    side = 2 * max(len(kernel), len(truth)) + 1  # room for any shift
    return _centred(kernel, side), _centred(truth, side)


def _centred(kernel: Kernel, side: int) -> Kernel:
    before = [(side - length) // 2 for length in kernel.shape]
    padding = [(first, side - length - first) for first, length in zip(before, kernel.shape, strict=True)]
    padded = np.pad(kernel / kernel.sum(), padding)
    return ndimage.shift(padded, side // 2 - np.array(ndimage.center_of_mass(padded)), order=1)
