"""What the released codes do beside their training steps, written down a second time: METHODS in formulas."""

import numpy as np
import pytest
import skimage.data
import torch
from scipy import ndimage, signal
from shared_files import SHARED, needs_shared

import baselines.zeroshot.training
from baselines.contract import Task
from baselines.kernelgan import KernelGANZSSR, analytic_x4, clean_kernel
from baselines.zeroshot.crops import as_array, crop_probability, draw_crops, sharpness_map
from baselines.zssr import ZSSR
from baselines.zssr_training import RatePolicy, ZSSRTraining
from degradations.resample import bicubic_kernel, imresize, shift_kernel
from ikebench.ike.release import IKERelease
from ikebench.images import read_image

OFFICIAL = ("reference", "official", "crop_maps.npz")


def photo(height=90, width=110):
    return skimage.data.astronaut()[60 : 60 + height, 140 : 140 + width]


def as_lr(pixels):
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255


def official_image(name):
    return read_image(SHARED / "reference/lr" / f"{name}.png")


# ---- crops


def zero_frame(values, frame):
    inner = np.zeros_like(values)
    inner[frame:-frame, frame:-frame] = values[frame:-frame, frame:-frame]
    return inner


def box(values, side):
    return signal.convolve2d(values, np.full((side, side), 1 / side**2), mode="same")


def clipped_above_the_quantile(values):
    ordered = np.sort(values.ravel())
    low = ordered[int(0.97 * ordered.size)]
    following = ordered[int(0.97 * ordered.size) + 1]
    high = following if following > low else low + 1e-5
    return np.minimum(np.maximum(values, low), high) - low


def rating(image):
    """KernelGAN's rating of pixels: |gx| and |gy| clipped to a window above the quantile, the magnitude whole."""
    gray = 0.299 * image[..., 0] + 0.587 * image[..., 1] + 0.114 * image[..., 2]
    gy, gx = np.gradient(gray)
    parts = [clipped_above_the_quantile(zero_frame(np.abs(g), 5)) for g in (gx, gy)]
    parts.append(zero_frame(np.sqrt(gx**2 + gy**2), 5))
    blurred = box(sum(part / part.sum() for part in parts), 5)
    return blurred / blurred.mean()


def probability(image, side, coarser):
    small = imresize(image, 1 / coarser) if coarser > 1 else image
    whole = rating(small).repeat(coarser, axis=0).repeat(coarser, axis=1)
    framed = zero_frame(box(whole, side // 2), side // 2)
    return framed / framed.sum()


@pytest.mark.parametrize(("side", "coarser"), [(26, 1), (64, 2), (48, 4)])
def test_probability_of_crops(side, coarser):
    image = photo(120, 140) / 255
    np.testing.assert_allclose(sharpness_map(image), rating(image), atol=1e-10)
    np.testing.assert_allclose(crop_probability(image, side, coarser), probability(image, side, coarser), atol=1e-12)


def test_crops_are_drawn_with_that_probability():
    image = photo(60, 70) / 255
    corners = draw_crops(image, 16, 40_000, np.random.default_rng(0), 2)
    wanted = probability(image, 16, 2)
    ys, xs = np.mgrid[:60, :70]
    expected = [(wanted * (np.clip(places - 8, 0, size - 16) // 2 * 2)).sum() for places, size in ((ys, 60), (xs, 70))]
    assert corners.mean(axis=0) == pytest.approx(expected, abs=0.2)
    assert (corners % 2 == 0).all()


def test_eight_bit_values_come_back_to_the_last_bit():
    pixels = photo()
    assert np.array_equal(as_array(as_lr(pixels)), pixels / 255)


@needs_shared(*OFFICIAL)
@pytest.mark.parametrize("name", ["urban004-aniso", "bsd010-median"])
def test_crops_are_rated_as_by_the_official_code(name):
    official = np.load(SHARED.joinpath(*OFFICIAL))
    image = as_array(as_lr(official_image(name)))[10:-10, 10:-10]
    assert np.abs(sharpness_map(image) - official[f"{name}.rating"]).max() < 1e-6
    for side, coarser in ((26, 1), (64, 2)):
        wanted = official[f"{name}.probability{side}"]
        assert np.abs(crop_probability(image, side, coarser) - wanted).max() < 1e-6 * wanted.max()


# ---- the released IKE


def test_the_released_mask_is_scipys_sobel_stretched_to_0_and_1():
    pixels = photo(40, 50)
    bicubic = torch.from_numpy(pixels.transpose(2, 0, 1)[:, None] / 127.5 - 1).float()  # (3, 1, h, w)
    levels = pixels.astype(float).sum(axis=2)
    magnitude = np.sqrt(ndimage.sobel(levels, axis=0) ** 2 + ndimage.sobel(levels, axis=1) ** 2)
    expected = 1 - (magnitude - magnitude.min()) / (magnitude.max() - magnitude.min())
    training = IKERelease(iterations=1, crop=48).training(Task(as_lr(photo())), 2, "fp32")
    np.testing.assert_allclose(training._mask(bicubic)[0, 0].numpy(), expected, atol=1e-5)
    assert magnitude[0].max() < magnitude.max()  # a border of zeros would hold the largest value


# ---- KernelGAN's kernel


def test_cleaning_cuts_off_three_quarters_of_the_41st_largest_value():
    kernel = np.random.default_rng(0).uniform(size=(13, 13)) ** 4
    cut = 0.75 * sorted(kernel.ravel(), reverse=True)[40]
    expected = np.maximum(kernel - cut, 0)
    np.testing.assert_allclose(clean_kernel(kernel, 40, 0.75), shift_kernel(expected / expected.sum(), 2), atol=1e-14)
    method = KernelGANZSSR()
    assert (method.kept_values, method.cut_share) == (40, 0.75)


@pytest.mark.parametrize("scale", [2, 4])
def test_zssr_takes_the_kernels_centred_once_more(monkeypatch, scale):
    seen = {}

    def upscale(self, task, kernels, stages, precision):
        seen.update(kernels)
        return torch.zeros(1, 3, scale * 60, scale * 60)
        yield

    monkeypatch.setattr(KernelGANZSSR, "upscale", upscale)
    monkeypatch.setattr(KernelGANZSSR, "note", lambda *_: "")
    monkeypatch.setattr(KernelGANZSSR, "_estimate", lambda self, task: _given(estimated))
    estimated = torch.from_numpy(np.pad(np.random.default_rng(1).uniform(size=(9, 9)) ** 3, 2))
    estimated /= estimated.sum()
    [restored] = KernelGANZSSR()([Task(as_lr(photo(60, 60)))], scale)
    kernels = {2: estimated.numpy()} | ({4: analytic_x4(estimated.numpy())} if scale == 4 else {})
    assert seen.keys() == kernels.keys()
    for step, kernel in kernels.items():
        np.testing.assert_array_equal(seen[step], shift_kernel(kernel, step))
    np.testing.assert_array_equal(restored.kernel, kernels[scale])


def _given(value):
    return value
    yield


# ---- ZSSR


def loss_map(pixels):
    gray = (pixels / 255) @ [0.299, 0.587, 0.114]
    gy, gx = np.gradient(gray)
    weights = zero_frame(box(np.sqrt(gx**2 + gy**2), 5), 3)
    return weights / weights.mean()


def test_the_loss_map_has_a_frame_of_zeros():
    found = ZSSRTraining(ZSSR(iterations=1), Task(as_lr(photo())), 2, bicubic_kernel(2)).loss_map
    np.testing.assert_allclose(found[0, 0].numpy(), loss_map(photo()), atol=1e-5)
    assert (found[0, 0, :3] == 0).all() and (found[0, 0, :, -3:] == 0).all()


@needs_shared(*OFFICIAL)
def test_the_loss_map_is_the_official_one():
    lr = as_lr(official_image("urban004-aniso"))
    found = ZSSRTraining(ZSSR(iterations=1), Task(lr), 2, bicubic_kernel(2)).loss_map
    wanted = np.load(SHARED.joinpath(*OFFICIAL))["urban004-aniso.zssr_loss_map"]
    assert np.abs(found[0, 0].numpy() - wanted).max() < 1e-6


def slope_and_error(x, y, freedom):
    """A line fitted to points, and the standard error of its slope; the variance divided by n - `freedom`."""
    x, y = np.array(x, float), np.array(y, float)
    spread = ((x - x.mean()) ** 2).sum()
    slope = ((x - x.mean()) * (y - y.mean())).sum() / spread
    residual = y - y.mean() - slope * (x - x.mean())
    return slope, np.sqrt((residual**2).sum() / (len(x) - freedom) / spread)


@pytest.mark.parametrize(("quirks", "freedom"), [("none", 2), ("old-numpy", 4), ("all", 4)])
def test_the_rate_falls_where_the_slope_is_lost_in_its_error(quirks, freedom):
    """At a noise a little below and a little above that where 1.5 slopes are one standard error."""
    iterations = [0, 50, 100, 150, 200, 250, 300]
    bend = np.array([9.0, 9.0, 1.0, -2.0, 2.0, -2.0, 1.0])  # the first two are no longer looked at
    slope = -1e-6
    unit = slope_and_error(iterations[2:], bend[2:], freedom)[1]
    for share, falls in ((0.98, False), (1.02, True)):
        noise = bend - np.polyval(np.polyfit(iterations[2:], bend[2:], 1), iterations)
        errors = 0.01 + slope * np.array(iterations) + share * -1.5 * slope / unit * noise
        policy = RatePolicy(ZSSR(quirks=quirks))
        for iteration, error in zip(iterations, errors, strict=True):
            policy.log(iteration, error)
        assert slope_and_error(iterations[2:], errors[2:], freedom)[1] == pytest.approx(-1.5 * slope * share)
        assert policy.lowers(359) == falls
        assert policy.rate == pytest.approx(1e-4 if falls else 1e-3)


def test_the_fit_of_old_needs_five_errors():
    with pytest.raises(ValueError, match="fit_over must be 5 or more"):
        ZSSR(fit_over=4, quirks="old-numpy")
    assert ZSSR(fit_over=4).fit_over == 4


def test_errors_are_logged_at_iterations_0_50_100_and_so_on(monkeypatch):
    logged = []
    monkeypatch.setattr(RatePolicy, "log", lambda self, iteration, error: logged.append((iteration, error)))
    method, task = ZSSR(iterations=102, width=4, crop=32), Task(as_lr(photo(41, 50)))
    method([task], 2)
    training = ZSSRTraining(method, task, 2, bicubic_kernel(2))
    drawn = [training.draw(chunk) for chunk in range(3)]
    whole = as_lr(photo(40, 50))
    expected = []
    for iteration in range(102):
        training.step({name: values[iteration % 50] for name, values in drawn[iteration // 50].items()})
        if iteration % 50 == 0:
            son = imresize(imresize(photo(40, 50) / 255, 1 / 2), 2)
            son = torch.from_numpy(son).permute(2, 0, 1)[None].float()
            with torch.no_grad():
                error = (son + training.net(son)).clamp(0, 1) - whole
            expected.append((iteration, error.square().mean().item()))
    assert [iteration for iteration, _ in logged] == [0, 50, 100]
    for (_, error), (_, wanted) in zip(logged, expected, strict=True):
        assert error == pytest.approx(wanted, rel=1e-3)


def test_at_x4_network_and_adam_go_on_and_the_rate_starts_anew(monkeypatch):
    starts, ends = [], []

    def state(training):
        [group] = training.adam.param_groups
        steps = [float(state["step"]) for state in training.adam.state.values()]
        return [weight.detach().clone() for weight in training.net.weights], steps, float(group["lr"])

    class Run(baselines.zeroshot.training.TrainingRun):
        def __init__(self, training, task):
            starts.append(state(training))
            super().__init__(training, task)

    restore = ZSSRTraining.restore

    def restored(training):
        ends.append(state(training))
        return restore(training)

    monkeypatch.setattr(baselines.zeroshot.training, "TrainingRun", Run)
    monkeypatch.setattr(ZSSRTraining, "restore", restored)
    ZSSR(iterations=6, width=4, crop=32)([Task(as_lr(photo(40, 48)))], 4)
    assert len(starts) == len(ends) == 2
    assert all(torch.equal(start, end) for start, end in zip(starts[1][0], ends[0][0], strict=True))
    assert not torch.equal(starts[0][0][0], ends[0][0][0])
    assert starts[1][1] == [6.0] * 8 and starts[1][2] == pytest.approx(1e-3)
