"""PSNR and SSIM against scikit-image, naive loops and anchors made by an independent chain."""

import sys
import tracemalloc

import numpy as np
import pytest
import skimage.data
from shared_files import SHARED, needs_shared
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from degradations.resample import cut_to_multiple, imresize, quantise
from ikebench.images import image_paths, read_image
from ikebench.scoring import metrics
from ikebench.scoring.metrics import luma, psnr, score_pair, shave, ssim, ssim_map
from reports.protocols import PROTOCOLS

HR = SHARED / "data/hr"


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    hr = skimage.data.chelsea()[:96, 100:180]
    sr = quantise(0.9 * hr + rng.normal(8, 6, hr.shape))
    return sr, hr


def skimage_ssim(a, b):
    _, full = structural_similarity(
        a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255, full=True
    )
    return full[5:-5, 5:-5]


def naive_ssim(a, b):
    """The definition of Wang et al. 2004, window by window."""
    x = np.arange(-5, 6)
    weights = np.exp(-(x[:, None] ** 2 + x[None] ** 2) / (2 * 1.5**2))
    weights /= weights.sum()
    values = []
    for i in range(a.shape[0] - 10):
        for j in range(a.shape[1] - 10):
            p, q = a[i : i + 11, j : j + 11].astype(float), b[i : i + 11, j : j + 11].astype(float)
            mp, mq = (weights * p).sum(), (weights * q).sum()
            vp, vq = (weights * (p - mp) ** 2).sum(), (weights * (q - mq) ** 2).sum()
            cov = (weights * (p - mp) * (q - mq)).sum()
            c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
            values.append((2 * mp * mq + c1) * (2 * cov + c2) / ((mp**2 + mq**2 + c1) * (vp + vq + c2)))
    return np.mean(values)


def bicubic_there_and_back(image, scale):
    hr = cut_to_multiple(image, scale)
    return quantise(imresize(quantise(imresize(hr, 1 / scale)), scale)), hr


def test_luma_of_known_colours():
    # ITU-R BT.601, 8-bit studio swing: black 16, white 235; the primaries are 16 + their coefficient (rgb2ycbcr.m)
    colours = np.uint8([[[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255]]])
    np.testing.assert_allclose(luma(colours), [[16, 235, 81.481, 144.553, 40.966]], rtol=0, atol=1e-12)


def test_luma_is_not_rounded():
    assert luma(np.uint8([[[1, 0, 0]]]))[0, 0] == pytest.approx(16 + 65.481 / 255, abs=1e-12)


def test_psnr_against_loops_and_skimage(pair):
    sr, hr = pair
    error = sum((int(p) - int(q)) ** 2 for p, q in zip(sr.flat, hr.flat, strict=True)) / hr.size
    assert psnr(sr, hr) == pytest.approx(10 * np.log10(255**2 / error), abs=1e-10)
    assert psnr(sr, hr) == pytest.approx(peak_signal_noise_ratio(hr, sr), abs=1e-10)


def test_psnr_data_range_and_extremes(pair):
    sr, hr = pair
    assert psnr(sr / 255, hr / 255, data_range=1.0) == pytest.approx(psnr(sr, hr), abs=1e-9)
    assert psnr(hr, hr) == float("inf")
    assert psnr(np.uint8([0]), np.uint8([255])) == 0  # no wrap-around of uint8
    with pytest.raises(ValueError, match="shapes"):
        psnr(sr, hr[1:])


def test_ssim_against_loops_and_skimage(pair):
    sr, hr = pair[0][:30, :24, 1], pair[1][:30, :24, 1]
    assert ssim(sr, hr) == pytest.approx(naive_ssim(sr, hr), abs=1e-9)
    np.testing.assert_allclose(ssim_map(sr, hr), skimage_ssim(sr, hr), rtol=0, atol=1e-9)


def test_ssim_of_colour_is_the_mean_of_channels(pair):
    sr, hr = pair
    assert ssim_map(sr, hr).shape == (86, 70, 3)
    assert ssim(sr, hr) == pytest.approx(np.mean([skimage_ssim(sr[..., c], hr[..., c]).mean() for c in range(3)]))


def test_ssim_data_range_and_extremes(pair):
    sr, hr = pair
    assert ssim(hr, hr) == pytest.approx(1, abs=1e-12)
    assert ssim(sr / 255, hr / 255, data_range=1.0) == pytest.approx(ssim(sr, hr), abs=1e-9)
    assert ssim_map(sr[:11, :11], hr[:11, :11]).shape == (1, 1, 3)
    with pytest.raises(ValueError, match="11"):
        ssim(sr[:10], hr[:10])


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_score_pair_is_each_protocol_by_itself(pair, scale):
    sr, hr = (cut_to_multiple(image, scale) for image in pair)
    scores = score_pair(sr, hr, scale)
    for name, border in (("ike", 0), ("dualsr", scale), ("ntire17", 6 + scale)):
        inside = slice(border, -border or None)
        a, b = (luma(image) if name == "dualsr" else image for image in (sr, hr))
        assert PROTOCOLS[name].border(scale) == border
        assert scores[f"psnr_{name}"] == pytest.approx(psnr(a[inside, inside], b[inside, inside]), abs=1e-10)
        assert scores[f"ssim_{name}"] == pytest.approx(ssim(a[inside, inside], b[inside, inside]), abs=1e-10)
    assert len(scores) == 2 * len(PROTOCOLS)


def test_score_pair_of_equal_images(pair):
    scores = score_pair(pair[1], pair[1], 2)
    assert all(scores[f"psnr_{name}"] == float("inf") for name in PROTOCOLS)
    assert all(scores[f"ssim_{name}"] == pytest.approx(1) for name in PROTOCOLS)


def test_score_pair_of_tiny_images(pair):
    def tiny(size):
        return score_pair(pair[0][:size, :size], pair[1][:size, :size], 2)

    assert np.isfinite(list(tiny(28).values())).all()
    assert np.isnan(tiny(26)["ssim_ntire17"]) and np.isfinite(tiny(26)["psnr_ntire17"])
    assert np.isnan(tiny(16)["psnr_ntire17"]) and np.isfinite(tiny(16)["ssim_dualsr"])
    assert np.isnan(tiny(10)["ssim_ike"]) and np.isfinite(tiny(10)["psnr_ike"])


@pytest.mark.parametrize("pixels", [1, 80 * 17, sys.maxsize])  # strips of 11 rows, of 17, and the whole image
@pytest.mark.parametrize(
    "shape", [(96, 80), (95, 79), (80, 33), (34, 80), (23, 24), (12, 11), (11, 80), (10, 40), (1, 1)]
)
def test_strips_score_as_the_whole(monkeypatch, pair, shape, pixels):
    monkeypatch.setattr(metrics, "STRIP_PIXELS", pixels)
    sr, hr = (image[: shape[0], : shape[1]] for image in pair)
    for scale in (2, 4):
        assert score_pair(sr, hr, scale) == pytest.approx(score_of_maps(sr, hr, scale), abs=1e-12, nan_ok=True)
    assert score_pair(hr, hr, 2)["psnr_ike"] == float("inf")


def score_of_maps(sr, hr, scale):
    """Shave the images, then take maps of the whole of them."""
    scores = {}
    for name, protocol in PROTOCOLS.items():
        a, b = (luma(image) if protocol.channels == "y" else image for image in (sr, hr))
        a, b = (shave(image, protocol.border(scale)) for image in (a, b))
        scores[f"psnr_{name}"] = psnr(a, b) if a.size else float("nan")
        scores[f"ssim_{name}"] = ssim(a, b) if min(a.shape[:2]) >= 11 else float("nan")
    return scores


def test_scoring_holds_strips_not_images(pair):
    sr, hr = (np.tile(image, (20, 10, 1)) for image in pair)  # 1920x800
    metrics.score_pair(sr, hr, 2)
    tracemalloc.start()
    metrics.score_pair(sr, hr, 2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * 8 * metrics.STRIP_PIXELS < 8 * hr.size  # under one image of float64; what OpenCV holds not seen


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda image: image[:-2], "80x94"),
        (lambda image: image / 255.0, "uint8"),
        (lambda image: image[..., 0], "H, W, 3"),
        (lambda image: np.dstack([image, image[..., :1]]), "H, W, 3"),
    ],
)
def test_score_pair_refuses(pair, spoil, message):
    with pytest.raises(ValueError, match=message):
        score_pair(spoil(pair[0]), pair[1], 2)


# Made without any code of this project: imresize.m's contributions() written out as loops over pixels in float64,
# floor(v + 0.5) to 8 bits after each resize, scikit-image 0.26 peak_signal_noise_ratio and structural_similarity
# (gaussian_weights=True, sigma=1.5, use_sample_covariance=False, cropped by 5) on 16 + (65.481 R + 128.553 G +
# 24.966 B) / 255 without s border pixels.
PHOTOGRAPHS = {
    ("astronaut", 2): (31.712727, 0.945818),
    ("astronaut", 4): (26.843902, 0.842936),
    ("chelsea", 2): (35.258617, 0.916042),
    ("chelsea", 4): (31.475760, 0.806411),
    ("coffee", 2): (30.596595, 0.886112),
    ("coffee", 4): (27.292112, 0.764936),
}


@pytest.mark.parametrize(("name", "scale"), PHOTOGRAPHS)
def test_bicubic_anchor_on_photographs(name, scale):
    scores = score_pair(*bicubic_there_and_back(getattr(skimage.data, name)(), scale), scale)
    expected_psnr, expected_ssim = PHOTOGRAPHS[name, scale]
    assert scores["psnr_dualsr"] == pytest.approx(expected_psnr, abs=0.001)
    assert scores["ssim_dualsr"] == pytest.approx(expected_ssim, abs=0.0001)


# The same chain on the benchmark sets; published, from MATLAB on luma alone: Set5 33.66 / .9299, 30.39 / .8682,
# 28.42 / .8104.
BENCHMARKS = {
    ("set5", 2): (33.6818, 0.93052),
    ("set5", 3): (30.4047, 0.86897),
    ("set5", 4): (28.4314, 0.81127),
    ("set14", 2): (30.3301, 0.87003),
    ("set14", 4): (26.0918, 0.70496),
}


@needs_shared("data", "hr")
@pytest.mark.parametrize(("name", "scale"), BENCHMARKS)
def test_bicubic_anchor_on_benchmarks(name, scale):
    images = [read_image(path) for path in image_paths(HR / name)]
    scores = [score_pair(*bicubic_there_and_back(image, scale), scale) for image in images]
    expected_psnr, expected_ssim = BENCHMARKS[name, scale]
    assert len(images) == int(name.removeprefix("set"))
    assert np.mean([row["psnr_dualsr"] for row in scores]) == pytest.approx(expected_psnr, abs=0.01)
    assert np.mean([row["ssim_dualsr"] for row in scores]) == pytest.approx(expected_ssim, abs=0.0003)
