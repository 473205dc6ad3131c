"""Registration: known shifts of photographs, with blur, and the half pixel of top-left sampling."""

import sys
import tracemalloc

import cv2
import numpy as np
import pytest
import skimage.data
from scipy import ndimage

from degradations.resample import imresize, quantise
from ikebench.scoring import registration
from ikebench.scoring.metrics import luma, score_pair
from ikebench.scoring.registration import estimate_shift, register

PHOTOGRAPHS = {
    "astronaut": skimage.data.astronaut()[:384, :384],
    "chelsea": skimage.data.chelsea()[:288, :384],
    "coffee": skimage.data.coffee()[:384, :384],
}
SHIFTS = [(0, 0), (0.5, 0.5), (-0.5, -1.1), (1.8, -1.0), (6.2, 5.3)]


def shifted(image, shift, blur=0.0):
    moved = ndimage.shift(image.astype(np.float64), (*shift, 0), order=3, mode="nearest")
    return quantise(ndimage.gaussian_filter(moved, (blur, blur, 0)))


@pytest.mark.parametrize("blur", [0, 1, 2.5])
@pytest.mark.parametrize("shift", SHIFTS)
@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_known_shift(name, shift, blur):
    hr = PHOTOGRAPHS[name]
    found = register(shifted(hr, shift, blur), hr, 2)
    assert (found["shift_y"], found["shift_x"]) == pytest.approx(shift, abs=0.05)


def test_noise_does_not_move_the_estimate():
    hr = PHOTOGRAPHS["chelsea"]
    noisy = quantise(shifted(hr, (0.5, -0.25), 1) + np.random.default_rng(0).normal(0, 20, hr.shape))
    found = register(noisy, hr, 2)
    assert (found["shift_y"], found["shift_x"]) == pytest.approx((0.5, -0.25), abs=0.05)


def test_brightness_and_contrast_do_not_move_the_estimate():
    hr = PHOTOGRAPHS["chelsea"]
    found = register(quantise(0.8 * shifted(hr, (0.5, -0.25)) + 30.0), hr, 2)
    assert (found["shift_y"], found["shift_x"]) == pytest.approx((0.5, -0.25), abs=0.05)


@pytest.mark.parametrize(("scale", "tolerance"), [(2, 0.05), (4, 0.2)])  # the aliasing of x4 has shifts of its own
@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_top_left_sampling_lies_half_a_step_down_and_right(name, scale, tolerance):
    hr = PHOTOGRAPHS[name]
    found = register(quantise(imresize(hr[::scale, ::scale], scale)), hr, scale)
    half = (scale - 1) / 2
    assert (found["shift_y"], found["shift_x"]) == pytest.approx((half, half), abs=tolerance)


def test_undoing_the_half_pixel_brings_back_its_loss():
    gains = []
    for hr in PHOTOGRAPHS.values():
        sr = quantise(imresize(hr[::2, ::2], 2))
        gains.append(register(sr, hr, 2)["psnr_registered"] - score_pair(sr, hr, 2)["psnr_ntire17"])
    assert min(gains) > 2
    assert np.mean(gains) == pytest.approx(2.5, abs=0.3)


def test_registered_bicubic_keeps_its_score():
    hr = PHOTOGRAPHS["astronaut"]
    sr = quantise(imresize(quantise(imresize(hr, 1 / 2)), 2))
    assert register(sr, hr, 2)["psnr_registered"] == pytest.approx(score_pair(sr, hr, 2)["psnr_ntire17"], abs=0.01)


def test_equal_images():
    hr = PHOTOGRAPHS["chelsea"]
    found = register(hr, hr, 2)
    assert (found["shift_y"], found["shift_x"]) == pytest.approx((0, 0), abs=1e-9)
    assert found["psnr_registered"] == float("inf")


def test_undo_shift_is_scipys_cubic_spline():
    image = PHOTOGRAPHS["coffee"][:90, :70]
    expected = ndimage.shift(image.astype(np.float64), (-1.3, 0.6, 0), order=3, mode="mirror")
    np.testing.assert_array_equal(undo_shift(image, np.array([1.3, -0.6])), quantise(expected))


def test_a_shift_along_stripes_reads_as_none():
    stripes = quantise(np.broadcast_to(128 + 90 * np.sin(np.arange(160) / 9)[:, None, None], (160, 160, 3)))
    found = register(shifted(stripes, (0.5, 0.7)), stripes, 2)
    assert (found["shift_y"], found["shift_x"]) == pytest.approx((0.5, 0), abs=0.05)


def test_flat_image_has_no_shift():
    flat = np.full((128, 128, 3), 90, np.uint8)
    assert register(flat + np.uint8(10), flat, 2) == pytest.approx(
        {"shift_y": 0, "shift_x": 0, "psnr_registered": 10 * np.log10(255**2 / 100)}
    )


def test_unrelated_images_stay_within_the_border():
    rng = np.random.default_rng(0)
    sr, hr = rng.integers(0, 256, (2, 128, 160, 3), dtype=np.uint8)
    found = register(sr, hr, 2)
    assert abs(found["shift_y"]) <= 8 and abs(found["shift_x"]) <= 8
    assert np.isfinite(found["psnr_registered"])


def test_small_images_up_to_none():
    hr = PHOTOGRAPHS["astronaut"][100:164, 100:164]
    found = register(shifted(hr, (0.5, -0.5)), hr, 2)
    assert (found["shift_y"], found["shift_x"]) == pytest.approx((0.5, -0.5), abs=0.05)
    assert np.isnan(list(register(hr[:32, :32], hr[:32, :32], 2).values())).all()


def test_refuses_different_shapes():
    with pytest.raises(ValueError, match="384x382"):
        register(PHOTOGRAPHS["astronaut"][:382], PHOTOGRAPHS["astronaut"], 2)


def set_strips(monkeypatch, pixels, kept=sys.maxsize):
    for name in ("SPLINE_STRIP_PIXELS", "LUMA_STRIP_PIXELS"):
        monkeypatch.setattr(registration, name, pixels)
    monkeypatch.setattr(registration, "KEPT_PIXELS", kept)


@pytest.mark.parametrize("kept", [0, sys.maxsize])
@pytest.mark.parametrize("shape", [(384, 384), (383, 201), (91, 384), (200, 384), (64, 64), (50, 47), (32, 90)])
@pytest.mark.parametrize("shift", [(0, 0), (0.5, -0.25), (-6.2, 5.3)])
def test_strips_register_as_the_whole(monkeypatch, shape, shift, kept):
    hr = np.ascontiguousarray(PHOTOGRAPHS["astronaut"][: shape[0], : shape[1]])
    sr = shifted(hr, shift, 1) if any(shift) else hr
    set_strips(monkeypatch, sys.maxsize)
    whole = register(sr, hr, 2)
    set_strips(monkeypatch, 1, kept)  # strips of 64 rows
    assert register(sr, hr, 2) == pytest.approx(whole, abs=1e-9, nan_ok=True)
    np.testing.assert_array_equal(undo_shift(hr, np.array(shift)), undo_shift_of_the_whole(hr, np.array(shift)))


def undo_shift(image, shift):
    return np.concatenate([undone for _, undone in registration._undone_strips(image, shift)])


def undo_shift_of_the_whole(image, shift):
    return quantise(ndimage.shift(image.astype(np.float64), (*-shift, 0), order=3, mode="mirror"))


@pytest.mark.parametrize("stride", registration.STRIDES)
def test_a_level_is_opencvs_blur_decimated(monkeypatch, stride):
    image = PHOTOGRAPHS["coffee"][:131, :97]
    sigma = registration.BLUR * stride
    expected = cv2.GaussianBlur(luma(image), (0, 0), sigma)[::stride, ::stride]
    for pixels in (1, sys.maxsize):
        set_strips(monkeypatch, pixels)
        for rows in (slice(0, len(expected)), slice(3, 9)):
            np.testing.assert_allclose(registration._level(image, stride, rows), expected[rows], rtol=0, atol=1e-9)


def test_rgb_and_its_luma_have_one_shift():
    hr = PHOTOGRAPHS["chelsea"]
    sr = shifted(hr, (0.5, -0.25))
    assert estimate_shift(luma(sr), luma(hr), limit=8) == pytest.approx(estimate_shift(sr, hr, limit=8), abs=1e-12)


def test_registration_holds_strips_not_images(monkeypatch):
    set_strips(monkeypatch, 2**14, kept=0)
    hr = np.tile(PHOTOGRAPHS["coffee"], (6, 1, 1))  # 2304x384
    sr = np.roll(hr, 1, axis=(0, 1))
    tracemalloc.start()
    register(sr, hr, 2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * hr.shape[0] * hr.shape[1]  # under one plane of float64


def test_a_wide_image_is_registered_as_a_tall_one():
    hr = PHOTOGRAPHS["coffee"][:120]
    wide = register(shifted(hr, (0.5, -1.25)), hr, 2)
    tall = register(*(np.swapaxes(image, 0, 1) for image in (shifted(hr, (0.5, -1.25)), hr)), 2)
    assert (
        (wide["shift_y"], wide["shift_x"])
        == (tall["shift_x"], tall["shift_y"])
        == pytest.approx((0.5, -1.25), abs=0.05)
    )
    assert wide["psnr_registered"] == tall["psnr_registered"]
