"""The one resize, sampling and kernel shift, against formulas written out, Pillow and scipy."""

import math

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from skimage import data

from degradations import resample
from degradations.resample import (
    bicubic_kernel,
    correlate,
    cut_to_multiple,
    imresize,
    kernel_centre,
    quantise,
    resize_matrix,
    sample,
    shift_kernel,
)

SCALES = (1 / 2, 1 / 3, 1 / 4, 2, 3, 4)


def cubic(x):
    x = abs(x)
    if x <= 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x <= 2 else 0.0


def matlab_imresize_line(line, scale, antialias):
    """MATLAB's `contributions`, one output sample and one tap at a time, with its 1-based indices."""
    width = 4 / scale if antialias and scale < 1 else 4
    shrink = scale if antialias and scale < 1 else 1
    out = []
    for x in range(1, math.ceil(len(line) * scale) + 1):
        u = x / scale + 0.5 * (1 - 1 / scale)
        left = math.floor(u - width / 2)
        total = weight_sum = 0.0
        for index in range(left, left + math.ceil(width) + 2):
            weight = shrink * cubic(shrink * (u - index))
            folded = (index - 1) % (2 * len(line))
            total += weight * line[folded if folded < len(line) else 2 * len(line) - 1 - folded]
            weight_sum += weight
        out.append(total / weight_sum)
    return np.array(out)


@pytest.fixture(scope="module")
def photo():
    return data.astronaut()[96:192, 200:320]


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("scale", SCALES)
def test_imresize_is_matlabs_formula_borders_included(photo, scale, antialias):
    image = photo[:29, :23]  # odd sides; at 1/4 the cubic reaches past both borders
    columns = np.apply_along_axis(matlab_imresize_line, 0, image, scale, antialias)
    expected = np.apply_along_axis(matlab_imresize_line, 1, columns, scale, antialias)
    np.testing.assert_allclose(imresize(image, scale, antialias=antialias), expected, atol=1e-9)


@pytest.mark.parametrize("scale", SCALES)
def test_imresize_is_pillows_bicubic_inside(photo, scale):
    gray = photo[..., 0].astype(np.float32)  # Pillow drops outside taps at the border, where MATLAB mirrors
    size = (round(gray.shape[1] * scale), round(gray.shape[0] * scale))
    expected = np.asarray(Image.fromarray(gray).resize(size, Image.Resampling.BICUBIC))
    border = max(2, math.ceil(2 * scale))
    np.testing.assert_allclose(
        imresize(gray, scale)[border:-border, border:-border], expected[border:-border, border:-border], atol=1e-3
    )


@pytest.mark.parametrize("scale", SCALES)
def test_resize_matrix_rows_sum_to_one_and_keep_a_ramp(scale):
    matrix = resize_matrix(60, round(60 * scale), scale)
    assert matrix.dtype == np.float64
    np.testing.assert_allclose(matrix.sum(axis=1), 1)
    ramp = matrix @ np.arange(60.0)
    inside = slice(max(2, int(2 * scale)), -max(2, int(2 * scale)))
    np.testing.assert_allclose(ramp[inside], ((np.arange(len(ramp)) + 0.5) / scale - 0.5)[inside], atol=1e-9)


def test_imresize_takes_gray_and_rounds_lengths_up():
    assert imresize(np.ones((7, 9)), 1 / 2).shape == (4, 5)
    assert imresize(np.ones((7, 9, 3), np.uint8), 3).shape == (21, 27, 3)
    assert imresize(np.ones((7, 9)), 1 / 2).dtype == np.float64


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_sample_takes_the_top_left_or_the_middle_of_each_block(scale):
    y, x = np.mgrid[: 12 * scale, : 12 * scale].astype(float)
    plane = 3 * y + 0.5 * x
    inside = slice(1, -1)
    for phase, offset in (("top-left", 0), ("centre", (scale - 1) / 2)):
        i, j = np.mgrid[:12, :12] * scale + offset
        np.testing.assert_allclose(sample(plane, scale, phase)[inside, inside], (3 * i + 0.5 * j)[inside, inside])


def test_sample_at_the_centre_uses_keys_weights():
    image = np.zeros((16, 16))
    image[:, 8] = 16.0  # read at 6.5 and 8.5: 1.5 and 0.5 px away
    assert sample(image, 2, "centre")[3].tolist() == [0, 0, 0, -1, 9, 0, 0, 0]


def test_sample_refuses_other_phases():
    with pytest.raises(ValueError, match="top-left or centre, got 'middle'"):
        sample(np.zeros((4, 4)), 2, "middle")


def test_quantise_takes_halves_up_and_clips():
    values = [-3.0, -0.5, 0.49, 0.5, 1.5, 2.5, 254.5, 255.5, 300.0]
    quantised = quantise(np.array(values))
    assert quantised.dtype == np.uint8
    assert quantised.tolist() == [0, 0, 0, 1, 2, 3, 255, 255, 255]


def test_cut_to_multiple_cuts_bottom_and_right():
    image = np.arange(7 * 11).reshape(7, 11)
    np.testing.assert_array_equal(cut_to_multiple(image, 3), image[:6, :9])
    np.testing.assert_array_equal(cut_to_multiple(image, 1), image)


@pytest.mark.parametrize("step", [1, 2, 3])
def test_correlate_is_scipys_at_the_wanted_pixels(photo, step):
    kernel = np.random.default_rng(0).random((5, 5))
    expected = np.stack([ndimage.correlate(photo[..., c].astype(float), kernel, mode="reflect") for c in range(3)], 2)
    np.testing.assert_allclose(correlate(photo, kernel, step=step), expected[::step, ::step])


def plain_correlate(image, kernel, step):
    """The formula, tap by tap over the whole image."""
    (height, width), radius = image.shape[:2], len(kernel) // 2
    padded = np.pad(image.astype(np.float64), ((radius, radius), (radius, radius), (0, 0)), mode="symmetric")
    total = np.zeros(image[::step, ::step].shape)
    for (u, v), weight in np.ndenumerate(kernel):
        total += weight * padded[u : u + height : step, v : v + width : step]
    return total


@pytest.mark.parametrize("strip_pixels", [1, 100, resample.STRIP_PIXELS])
@pytest.mark.parametrize("step", [1, 2, 3, 4])
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 2, 3), (1, 40, 3), (29, 23, 4)])  # smaller than the radius, too
def test_correlate_has_the_formulas_bytes_whatever_the_strip(monkeypatch, shape, step, strip_pixels):
    monkeypatch.setattr(resample, "STRIP_PIXELS", strip_pixels)
    rng = np.random.default_rng(0)
    signed = rng.normal(size=(15, 15))
    for kernel in (signed, signed * (rng.random((15, 15)) < 0.5), np.zeros((3, 3)), -np.ones((1, 1))):
        for image in (rng.integers(0, 256, shape, dtype=np.uint8), rng.normal(size=shape).astype(np.float32)):
            filtered = correlate(image, kernel, step=step)
            assert filtered.flags.c_contiguous
            assert filtered.tobytes() == plain_correlate(image, kernel, step).tobytes()


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("antialias", [True, False])
def test_bicubic_kernel_is_imresize(photo, scale, antialias):
    kernel = bicubic_kernel(scale, antialias=antialias)
    assert kernel.shape[0] == kernel.shape[1] and len(kernel) % 2 == 1
    np.testing.assert_allclose(kernel.sum(), 1)
    np.testing.assert_allclose(
        correlate(photo, kernel, step=scale), imresize(photo, 1 / scale, antialias=antialias), atol=1e-9
    )


@pytest.mark.parametrize(
    ("size", "scale", "kernelgan", "div2krk"),
    [(11, 2, 5.5, 6.0), (13, 2, 6.5, 7.0), (21, 4, 11.5, 12.0), (17, 3, 9.0, 9.5), (12, 2, 7.0, 7.0)],
)
def test_kernel_centre_by_convention(size, scale, kernelgan, div2krk):
    assert kernel_centre(size, scale, "kernelgan") == kernelgan
    assert kernel_centre(size, scale, "div2krk") == div2krk


def test_kernelgans_centre_is_the_aligned_one():
    for scale in (2, 3, 4):
        kernel = bicubic_kernel(scale)
        assert ndimage.center_of_mass(kernel) == pytest.approx([kernel_centre(len(kernel), scale, "kernelgan")] * 2)


def test_kernel_centre_refuses_other_conventions():
    with pytest.raises(ValueError, match="kernelgan or div2krk"):
        kernel_centre(11, 2, "matlab")


@pytest.mark.parametrize("convention", ["kernelgan", "div2krk"])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_shift_kernel_centres_and_keeps_sum_and_spread(scale, convention):
    y, x = np.mgrid[:13, :13]
    kernel = np.exp(-((y - 4.3) ** 2) / 4 - (x - 7.1) ** 2 / 6)
    shifted = shift_kernel(kernel, scale, convention=convention)
    assert shifted.sum() == pytest.approx(kernel.sum())
    assert ndimage.center_of_mass(shifted) == pytest.approx(
        [kernel_centre(len(shifted), scale, convention)] * 2, abs=5e-3
    )
    centre = kernel_centre(len(shifted), scale, convention)
    rows = np.arange(len(shifted)) - centre
    np.testing.assert_allclose(
        shifted.sum(axis=1), kernel.sum() * np.exp(-(rows**2) / 4) / np.sqrt(4 * np.pi), atol=0.03
    )


def test_shift_kernel_pads_by_the_largest_shift_and_one():
    kernel = np.zeros((7, 7))
    kernel[3, 1] = 1.0
    assert shift_kernel(kernel, 2).shape == (7 + 2 * 4,) * 2  # 2.5 px to go: ceil 3, and 1


def test_shift_kernel_by_whole_pixels_is_exact():
    kernel = np.zeros((7, 7))
    kernel[2, 3] = 1.0
    expected = np.zeros((7 + 2 * 3,) * 2)
    expected[3 + 4, 3 + 4] = 1.0
    np.testing.assert_allclose(shift_kernel(kernel, 3), expected, atol=1e-3)


def test_shift_kernel_refuses_a_kernel_without_mass():
    with pytest.raises(ValueError, match="positive sum"):
        shift_kernel(np.zeros((5, 5)), 2)
