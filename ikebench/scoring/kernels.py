"""How close an estimated kernel is to the true one."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Kernel = NDArray[np.float64]

NEGLIGIBLE = 1e-4  # of a kernel's largest value


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
    """Bring two kernels (n, n), (m, m) to sum 1 and one odd size, both centres of mass on its middle (linear shift).

    The size is that of the larger of the two after centring, padding apart: it changes nothing, whether it is of zeros
    or of the faint ringing that a spline shift leaves in it (`NEGLIGIBLE`).
    """
    a, b = (_trimmed(values) for values in (kernel, truth))
    reach = max(_reach(a), _reach(b))
    return _centred(a, reach), _centred(b, reach)


def _trimmed(kernel: Kernel) -> Kernel:
    """Make negligible values 0, cut off rows and columns of zeros at the border, and make the sum 1."""
    kept = np.where(np.abs(kernel) < NEGLIGIBLE * np.abs(kernel).max(), 0, kernel)
    rows, columns = (np.flatnonzero(kept.any(axis=axis)) for axis in (1, 0))
    return kept[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] / kept.sum()


def _reach(kernel: Kernel) -> int:
    """Give the px, rounded up, from the centre of mass to the farthest edge."""
    centre = np.array(ndimage.center_of_mass(kernel))
    farthest = np.abs([centre, np.array(kernel.shape) - 1 - centre]).max()
    return int(np.ceil(farthest - 1e-6))  # rounding must not make an odd kernel wider


def _centred(kernel: Kernel, reach: int) -> Kernel:
    centre = np.array(ndimage.center_of_mass(kernel))
    first = reach - np.round(centre).astype(int)
    canvas = np.zeros((2 * reach + 1, 2 * reach + 1))
    canvas[first[0] : first[0] + kernel.shape[0], first[1] : first[1] + kernel.shape[1]] = kernel
    return ndimage.shift(canvas, np.round(centre) - centre, order=1, mode="grid-constant")
