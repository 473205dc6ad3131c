"""How close estimated kernels are to true ones, whatever canvas they lie on."""

import numpy as np
import pytest
from scipy import ndimage

from baselines.kernelgan import clean_kernel
from degradations.resample import bicubic_kernel
from ikebench.scoring.kernels import correlation, kernel_psnr


def gaussian(side, deviations, centre):
    y, x = np.mgrid[:side, :side] - np.reshape(centre, (2, 1, 1))
    kernel = np.exp(-0.5 * ((y / deviations[0]) ** 2 + (x / deviations[1]) ** 2))
    return kernel / kernel.sum()


TRUTH = gaussian(11, (1.5, 0.8), (5, 5))
ESTIMATE = gaussian(9, (1.2, 1.0), (4, 4))


def test_the_peak_is_the_true_kernels():
    """On centred kernels nothing moves, so that the formula can be written out."""
    canvas = np.zeros_like(TRUTH)
    canvas[1:-1, 1:-1] = ESTIMATE
    error = ((canvas - TRUTH) ** 2).mean()
    assert kernel_psnr(ESTIMATE, TRUTH) == pytest.approx(10 * np.log10(TRUTH.max() ** 2 / error), abs=0.001)
    assert kernel_psnr(TRUTH, ESTIMATE) == pytest.approx(10 * np.log10(ESTIMATE.max() ** 2 / error), abs=0.001)
    assert kernel_psnr(3 * ESTIMATE, TRUTH) == pytest.approx(kernel_psnr(ESTIMATE, TRUTH))  # sums are made 1


@pytest.mark.parametrize("measure", [kernel_psnr, correlation])
@pytest.mark.parametrize(
    "truth", [TRUTH, bicubic_kernel(2), gaussian(11, (1.5, 0.8), (5.5, 4.8)), gaussian(11, (0.6, 0.6), (2, 2.3))]
)
def test_zero_padding_changes_nothing(measure, truth):
    expected = measure(ESTIMATE, truth)
    for before in (0, 4, 10):
        for after in (0, 4, 10):
            padded = np.pad(ESTIMATE, (before, after))
            assert measure(padded, truth) == pytest.approx(expected, abs=1e-9)
            assert measure(ESTIMATE, np.pad(truth, (after, before))) == pytest.approx(expected, abs=1e-9)


def test_nor_does_the_ringing_in_the_padding_of_a_cleaned_kernel():
    """KernelGAN pads by as much as it has to shift: the estimate that lay further off must not gain by it."""
    measured = [
        kernel_psnr(clean_kernel(gaussian(13, (1.2, 1.0), (5.5 + moved, 5.5)), 40, 0.75), TRUTH) for moved in (0, 1, 2)
    ]
    assert measured == pytest.approx([measured[0]] * 3, abs=0.05)
    speck = np.pad(ESTIMATE, 10)
    speck[0, 0] = 1e-18
    assert kernel_psnr(speck, TRUTH) == pytest.approx(kernel_psnr(ESTIMATE, TRUTH), abs=1e-9)


def test_a_shift_changes_little():
    moved = ndimage.shift(np.pad(TRUTH, 3), (0.5, -1.25), order=3)
    assert kernel_psnr(moved, TRUTH) > 34 > kernel_psnr(ESTIMATE, TRUTH)
    assert correlation(moved, TRUTH) > 0.99


def test_equal_kernels():
    assert kernel_psnr(TRUTH, TRUTH) == np.inf and correlation(TRUTH, TRUTH) == pytest.approx(1)
