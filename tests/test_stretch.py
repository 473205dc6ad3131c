"""Shift that changes over the image, and LR consistency."""

import numpy as np
import pytest
import skimage.data
import torch
import torch.nn.functional as F

from degradations.resample import imresize, quantise
from ikebench.scoring.consistency import is_repeatable, lr_psnr
from ikebench.scoring.registration import register
from ikebench.scoring.stretch import stretch
from ikebench.store.rows import DataRow

HR = skimage.data.astronaut()[:384, :480]
LARGE = np.tile(HR, (2, 2, 1))


def enlarged(hr, scale, *, align_corners):
    lr = quantise(imresize(hr, 1 / scale)).astype(np.float32)
    tensor = torch.from_numpy(lr).permute(2, 0, 1)[None]
    sr = F.interpolate(tensor, scale_factor=scale, mode="bicubic", align_corners=align_corners)
    return quantise(sr[0].permute(1, 2, 0).numpy().astype(np.float64))


def measured(sr, hr, scale):
    found = register(sr, hr, scale)
    shift = np.array([found["shift_y"], found["shift_x"]])
    return found | stretch(sr, hr, shift, limit=6 + scale)


@pytest.mark.parametrize("hr", [HR, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("align_corners", [True, False])
def test_aligned_corners_stretch_by_the_scale_less_one(hr, scale, align_corners):
    found = measured(enlarged(hr, scale, align_corners=align_corners), hr, scale)
    wanted = (scale - 1) * align_corners
    assert (found["stretch_y"], found["stretch_x"]) == pytest.approx((wanted, wanted), abs=0.2)
    off = 0.05 + wanted / 4  # of a stretched image, where its texture lies decides
    assert (found["shift_y"], found["shift_x"]) == pytest.approx((0, 0), abs=off)


def test_half_a_pixel_everywhere_is_no_stretch():
    moved = np.concatenate([HR[:1], HR[:-1]]).astype(np.float64)
    found = measured(quantise((moved + HR) / 2), HR, 2)
    assert found["shift_y"] == pytest.approx(0.5, abs=0.05)
    assert (found["stretch_y"], found["stretch_x"]) == pytest.approx((0, 0), abs=0.05)


def test_too_small_for_blocks():
    assert np.isnan(measured(HR[:96, :96], HR[:96, :96], 2)["stretch_y"])


@pytest.mark.parametrize("kind", ["median", "bilateral", "random", "anisotropic"])
def test_hr_degraded_again_is_its_lr(kind):
    import json
    from dataclasses import asdict

    from ikebench.catalog import kind_class

    degradation = kind_class(kind)()
    hr = np.ascontiguousarray(HR[:96, :96])
    lr = degradation(hr, 2, np.random.Generator(np.random.PCG64(7))).lr
    row = DataRow(
        set="s", image="i", kind=kind, scale=2, preset="nl-v1", version=degradation.version, seed=7,
        parameters=json.dumps(asdict(degradation)),
    )  # fmt: skip
    assert is_repeatable(row) and lr_psnr(hr, lr, row) == np.inf
    assert lr_psnr(np.roll(hr, 1, axis=0), lr, row) < 40


@pytest.mark.parametrize(("kind", "version"), [("track2", 1), ("my-camera", 1), ("median", 0)])
def test_unknown_degradation_has_no_consistency(kind, version):
    row = DataRow(set="s", image="i", kind=kind, scale=2, preset="nl-v1", version=version, seed=7)
    assert not is_repeatable(row)
