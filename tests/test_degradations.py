"""Every kind against the contract, then each against an independent implementation."""

import dataclasses

import cv2
import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from skimage import data

from degradations.anisotropic import Anisotropic
from degradations.bicubic import Bicubic
from degradations.bilateral import Bilateral
from degradations.contract import PRESET, is_imported
from degradations.gaussian import Gaussian, gaussian_kernel
from degradations.median import Median
from degradations.random_kernel import RandomKernel
from degradations.resample import imresize, kernel_centre, quantise, sample
from degradations.track2 import Track2
from ikebench import catalog
from ikebench.catalog import kind_class

KINDS = [kind_class(name) for name in catalog.KINDS if not is_imported(kind_class(name))]
PHASED = [kind for kind in KINDS if "phase" in {field.name for field in dataclasses.fields(kind)}]
DRAWN = (RandomKernel, Gaussian)
ON_GRID = [kind() for kind in KINDS] + [kind(phase="centre") for kind in PHASED]


def identify(value):
    return f"{type(value).__name__}-{getattr(value, 'phase', 'aligned')}" if dataclasses.is_dataclass(value) else None


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def photo():
    """Give (72, 96, 3) uint8 with edges and texture; every scale divides it."""
    return np.ascontiguousarray(data.astronaut()[100:172, 180:276])


@pytest.fixture(scope="module")
def aligned_photo():
    return np.ascontiguousarray(data.coffee()[100:196, 200:344])


def filtered_by_scipy(image, kernel):
    return np.stack([ndimage.correlate(image[..., c].astype(float), kernel, mode="reflect") for c in range(3)], axis=2)


# The contract, for every kind


@pytest.mark.parametrize("kind", KINDS)
def test_kind_is_frozen_with_plain_parameters_and_one_line(kind):
    assert dataclasses.is_dataclass(kind) and kind.__dataclass_params__.frozen
    assert kind.summary and "\n" not in kind.summary
    assert all(isinstance(value, int | float | str | None) for value in dataclasses.asdict(kind()).values())


def test_defaults_are_those_of_the_preset():
    assert PRESET == "nl-v1"  # other defaults need another name
    assert Bilateral() == Bilateral(d=9, sigma_color=75, sigma_space=75, phase="top-left")
    assert Median() == Median(size=5, phase="top-left")
    assert Anisotropic() == Anisotropic(iterations=5, kappa=0.1, step=0.2, phase="top-left")
    assert RandomKernel() == RandomKernel(size=None, phase="top-left")
    assert Gaussian() == Gaussian(size=None, min_variance=None, max_variance=None, noise=0.25)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("degradation", ON_GRID, ids=identify)
def test_lr_has_the_contracts_shape_and_type(photo, degradation, scale):
    assert scale in degradation.scales
    before = photo.copy()
    degraded = degradation(photo, scale, rng())
    assert degraded.lr.shape == (72 // scale, 96 // scale, 3)
    assert degraded.lr.dtype == np.uint8
    assert degraded.lr.flags.c_contiguous
    np.testing.assert_array_equal(photo, before)


@pytest.mark.parametrize("degradation", ON_GRID, ids=identify)
def test_equal_input_gives_equal_bytes_for_any_number_of_threads(photo, degradation):
    threads = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        one = degradation(photo, 2, rng(7))
        cv2.setNumThreads(5)
        five = degradation(np.asfortranarray(photo), 2, rng(7))  # another memory layout, too
    finally:
        cv2.setNumThreads(threads)
    np.testing.assert_array_equal(one.lr, five.lr)
    np.testing.assert_array_equal(one.kernel, five.kernel)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("degradation", ON_GRID, ids=identify)
def test_kernel_explains_the_lr_where_linear(photo, degradation, scale):
    degraded = degradation(photo, scale, rng(3))
    kernel = degraded.kernel
    if kernel is None:  # see the test below
        return
    assert kernel.dtype == np.float64 and kernel.shape == (len(kernel),) * 2 and len(kernel) % 2 == 1
    assert kernel.sum() == pytest.approx(1)
    expected = quantise(filtered_by_scipy(photo, kernel)[::scale, ::scale])
    np.testing.assert_array_equal(degraded.lr[1:-1, 1:-1], expected[1:-1, 1:-1])
    if getattr(degradation, "phase", "") != "centre":
        np.testing.assert_array_equal(degraded.lr, expected)


def test_what_is_linear_has_a_kernel(photo):
    linear = {Bicubic, RandomKernel, Gaussian}
    of_ours = linear | {Bilateral, Median, Anisotropic}
    assert {kind for kind in KINDS if kind()(photo, 2, rng()).kernel is not None} & of_ours == linear


@pytest.mark.parametrize("degradation", ON_GRID, ids=identify)
def test_flat_image_stays_flat(degradation):
    flat = np.broadcast_to(np.array([0, 77, 255], np.uint8), (48, 48, 3))
    assert (degradation(flat, 4, rng()).lr == flat[:12, :12]).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("shape", "dtype", "scale", "message"),
    [
        ((71, 96, 3), np.uint8, 2, "multiples of 2, got 71x96"),
        ((72, 96, 3), np.uint8, 5, "one of 2, 3, 4, got 5"),
        ((72, 96), np.uint8, 2, r"\(H, W, 3\) uint8, got \(72, 96\)"),
        ((72, 96, 3), np.float32, 2, "float32"),
        ((0, 96, 3), np.uint8, 2, "multiples of 2, got 0x96"),
    ],
)
def test_what_breaks_the_contract_is_refused(kind, shape, dtype, scale, message):
    with pytest.raises(ValueError, match=message):
        kind()(np.zeros(shape, dtype), scale, rng())


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        *((kind, {"phase": "middle"}) for kind in PHASED),
        (Bilateral, {"d": 8}),
        (Bilateral, {"d": 0}),
        (Bilateral, {"sigma_color": 0.0}),
        (Bilateral, {"sigma_space": float("nan")}),
        (Median, {"size": 4}),
        (Median, {"size": 257}),
        (Median, {"size": -1}),
        (Anisotropic, {"iterations": -1}),
        (Anisotropic, {"kappa": 0.0}),
        (Anisotropic, {"step": 0.3}),
        (RandomKernel, {"size": 4}),
        (RandomKernel, {"size": 0}),
        (Gaussian, {"size": 12}),
        (Gaussian, {"min_variance": 0.0}),
        (Gaussian, {"min_variance": 6.0}),
        (Gaussian, {"noise": 1.5}),
    ],
)
def test_impossible_parameters_are_refused_in_one_line(kind, parameters):
    with pytest.raises(ValueError) as refusal:
        kind(**parameters)
    message = str(refusal.value)
    assert next(iter(parameters)).split("_")[-1][:8] in message and "\n" not in message


# Each kind


def test_bicubic_is_the_rounded_imresize(photo):
    np.testing.assert_array_equal(Bicubic()(photo, 3, rng()).lr, np.floor(imresize(photo, 1 / 3).clip(0, 255) + 0.5))


def bilateral_pixel(image, y, x, d, sigma_color, sigma_space):
    """Weight every neighbour by its distance in space and by the L1 distance of its colour."""
    radius = d // 2
    padded = np.pad(image, ((radius, radius), (radius, radius), (0, 0)), mode="reflect")
    total, weights = np.zeros(3), 0.0
    for v in range(-radius, radius + 1):
        for u in range(-radius, radius + 1):
            if v * v + u * u <= radius * radius:
                neighbour = padded[y + radius + v, x + radius + u]
                color = np.abs(neighbour - image[y, x]).sum()
                weight = np.exp(-(v * v + u * u) / (2 * sigma_space**2) - color**2 / (2 * sigma_color**2))
                total, weights = total + weight * neighbour, weights + weight
    return total / weights


@pytest.mark.parametrize("parameters", [(9, 75.0, 75.0), (5, 20.0, 1.5)])
def test_bilateral_is_its_formula_at_the_top_left_pixels(photo, parameters):
    d, sigma_color, sigma_space = parameters
    lr = Bilateral(d, sigma_color, sigma_space)(photo, 4, rng()).lr
    image = photo.astype(float)
    for i, j in [(0, 0), (0, 23), (17, 0), (9, 11), (17, 23), (4, 16)]:
        expected = bilateral_pixel(image, 4 * i, 4 * j, d, sigma_color, sigma_space)
        np.testing.assert_allclose(lr[i, j], expected, atol=0.51)


@pytest.mark.parametrize("size", [1, 3, 5, 9])
def test_median_is_scipys(photo, size):
    expected = ndimage.median_filter(photo, (size, size, 1), mode="nearest")
    np.testing.assert_array_equal(Median(size)(photo, 3, rng()).lr, expected[::3, ::3])
    if size == 5:
        np.testing.assert_array_equal(Median()(photo, 3, rng()).lr, expected[::3, ::3])


def perona_malik(image, iterations, kappa, step):
    """Follow the formula pixel by pixel: each of the 4 neighbours pulls, those outside do not exist."""
    height, width = image.shape
    for _ in range(iterations):
        old = image.copy()
        for y in range(height):
            for x in range(width):
                for v, u in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                    if 0 <= v < height and 0 <= u < width:
                        d = old[v, u] - old[y, x]
                        image[y, x] += step * np.exp(-((d / kappa) ** 2)) * d
    return image


def test_anisotropic_is_its_formula(photo):
    crop = photo[:24, :16]
    expected = np.stack([perona_malik(crop[..., c] / 255, 5, 0.1, 0.2) for c in range(3)], axis=2)
    np.testing.assert_array_equal(Anisotropic()(crop, 2, rng()).lr, np.floor(255 * expected + 0.5)[::2, ::2])


def test_anisotropic_smooths_weak_edges_and_keeps_strong_ones():
    def contrast(low, high):
        step_edge = np.full((32, 32, 3), low, np.uint8)
        step_edge[:, 16:] = high
        lr = Anisotropic()(step_edge, 2, rng()).lr.astype(int)
        return (lr[8, 8, 0] - lr[8, 7, 0]) / (high - low)

    assert contrast(50, 200) == 1
    assert contrast(100, 110) < 0.9


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_random_kernel_is_uniform_draws_of_its_size(photo, scale):
    size = 2 * scale + 1
    expected = rng(5).random((size, size))
    kernel = RandomKernel()(photo, scale, rng(5)).kernel
    np.testing.assert_allclose(kernel, expected / expected.sum())
    assert RandomKernel(size=7)(photo, scale, rng(5)).kernel.shape == (7, 7)


@pytest.mark.parametrize("kind", DRAWN)
def test_drawn_kernels_differ_between_generators(photo, kind):
    assert not np.allclose(kind()(photo, 2, rng(1)).kernel, kind()(photo, 2, rng(2)).kernel)


@pytest.mark.parametrize(("scale", "size", "low", "high"), [(2, 11, 0.6, 5), (3, 17, 0.65, 7.5), (4, 21, 0.7, 10)])
def test_gaussian_draws_keep_to_the_protocol(photo, scale, size, low, high):
    small = np.ascontiguousarray(photo[:12, :12])
    spreads = []
    for seed in range(60):
        kernel = Gaussian()(small, scale, rng(seed)).kernel
        assert len(kernel) == size + 4  # under 1 px of shift: 2 px of padding
        centre = kernel_centre(len(kernel), scale, "kernelgan")
        assert ndimage.center_of_mass(kernel) == pytest.approx([centre] * 2, abs=5e-3)
        assert kernel.min() > -0.01
        y, x = np.mgrid[: len(kernel), : len(kernel)] - centre
        spreads.append(np.linalg.eigvalsh([[(kernel * a * b).sum() for b in (y, x)] for a in (y, x)]))
    smallest, largest = np.min(spreads), np.max(spreads)
    assert 0.8 * low < smallest < 2 * low  # noise and cut-off move a variance a little
    assert 0.6 * high < largest < 1.2 * high


def test_gaussian_kernel_is_the_density_of_its_covariance():
    angle, variances = 0.4, np.array([4.0, 0.7])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    inverse = np.linalg.inv(turn @ np.diag(variances) @ turn.T)
    kernel = gaussian_kernel(11, 2, variances, angle)
    for row, column in [(5, 5), (6, 8), (2, 3), (10, 0)]:
        offset = np.array([column - 5.5, row - 5.5])
        assert kernel[row, column] == pytest.approx(np.exp(-0.5 * offset @ inverse @ offset))


# The phase


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_centre_phase_samples_the_same_filtered_image_between_its_pixels(photo, scale):
    median = ndimage.median_filter(photo, (5, 5, 1), mode="nearest")
    np.testing.assert_array_equal(
        Median(phase="centre")(photo, scale, rng()).lr, quantise(imresize(median, 1 / scale, antialias=False))
    )
    kernel = RandomKernel()(photo, scale, rng(2)).kernel
    filtered = filtered_by_scipy(photo, kernel)
    np.testing.assert_array_equal(
        RandomKernel(phase="centre")(photo, scale, rng(2)).lr, quantise(sample(filtered, scale, "centre"))
    )


@pytest.mark.parametrize("kind", PHASED)
def test_centre_phase_is_registered_with_the_hr_image(aligned_photo, kind):
    def loss(phase):
        lr = kind(phase=phase)(aligned_photo, 2, rng()).lr
        return np.mean((imresize(lr, 2) - aligned_photo) ** 2)

    assert loss("centre") < 0.9 * loss("top-left")


# Track 2


@pytest.fixture
def track2_folder(tmp_path, photo):
    """Give a folder laid out as the official one; its blur is off the grid, as Track 2's is."""
    folder = tmp_path / "DIV2K_valid_LR_unknown"
    for scale in (2, 4):
        (folder / f"X{scale}").mkdir(parents=True)
        lr = RandomKernel()(photo, scale, rng()).lr
        Image.fromarray(lr).save(folder / f"X{scale}" / f"0801x{scale}.png")
    return folder


@pytest.mark.parametrize("scale", [2, 4])
def test_track2_gives_the_official_path(track2_folder, photo, scale):
    assert Track2(track2_folder).find("0801", scale, photo) == track2_folder / f"X{scale}" / f"0801x{scale}.png"
    uncut = np.pad(photo, ((0, scale - 1), (0, 1), (0, 0)))
    assert Track2(track2_folder).find("0801", scale, uncut).name == f"0801x{scale}.png"


def refusal_of(folder, image, scale, hr):
    with pytest.raises(ValueError) as refusal:
        Track2(folder).find(image, scale, hr)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


@pytest.mark.parametrize("name", ["DIV2K_valid_LR_bicubic", "DIV2K_train_LR_mild", "wild", "DIV2K_train_LR_difficult"])
def test_track2_refuses_another_tracks_folder_by_its_name(track2_folder, photo, name):
    other = track2_folder.rename(track2_folder.parent / name)
    assert "DIV2K_valid_LR_unknown" in refusal_of(other, "0801", 2, photo)


@pytest.mark.parametrize(
    ("file", "track"), [("0801x4m.png", "mild"), ("0801x4w2.png", "wild"), ("0801x4d.png", "diff")]
)
@pytest.mark.parametrize("place", [".", "X4"])
def test_track2_refuses_another_tracks_files_by_their_names(tmp_path, photo, file, track, place):
    (tmp_path / "X4").mkdir()
    (tmp_path / place / file).touch()
    assert track in refusal_of(tmp_path, "0801", 4, photo)


def test_track2_knows_the_bicubic_track_by_its_pixels(track2_folder, photo):
    Image.fromarray(Bicubic()(photo, 2, rng()).lr).save(track2_folder / "X2" / "0801x2.png")
    assert "bicubic track" in refusal_of(track2_folder, "0801", 2, photo)


def test_track2_refuses_missing_broken_and_foreign_files(track2_folder, photo):
    assert "unpack DIV2K_*_LR_unknown_X2.zip" in refusal_of(track2_folder, "0802", 2, photo)
    assert "no X3" in refusal_of(track2_folder, "0801", 3, photo)
    assert "no X2" in refusal_of(track2_folder / "X2", "0801", 2, photo)
    assert "HR / 2 is 30x48" in refusal_of(track2_folder, "0801", 2, photo[:60])
    path = track2_folder / "X2" / "0801x2.png"
    whole = path.read_bytes()
    Image.open(path).convert("L").save(path)
    assert "mode L" in refusal_of(track2_folder, "0801", 2, photo)
    for broken in (whole[: len(whole) // 2], b"", b"no image"):
        path.write_bytes(broken)
        assert "cannot be read" in refusal_of(track2_folder, "0801", 2, photo)
