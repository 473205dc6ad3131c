"""Linear downscalers: composition, regularisers, the bicubic start, quirks, noisy crops."""

import math

import numpy as np
import pytest
import skimage.data
import torch
import torch.nn.functional as F

from baselines.resize import Resize, downscale
from baselines.zeroshot.conv_stack import xavier_normal
from baselines.zeroshot.crops import CropPairs, NoisyCrops
from baselines.zeroshot.downscaler import LinearDownscaler, filter_valid, normal_around_mean
from baselines.zeroshot.quirks import BORDER_TAPS, CHANNEL_SUM, NOISE_IN_PLACE, chosen_quirks
from baselines.zeroshot.regularisers import BicubicLoss, KernelLoss, bicubic_targets
from baselines.zeroshot.sizes import KERNEL_SIDE
from degradations.resample import bicubic_kernel, correlate, imresize, shift_kernel


def photo(height, width):
    pixels = skimage.data.astronaut()[60 : 60 + height, 180 : 180 + width]
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255


@pytest.mark.parametrize("draw", [xavier_normal(0.1), normal_around_mean], ids=["KernelGAN", "DualSR"])
@pytest.mark.parametrize("strided", [2, 5], ids=["on the 3x3", "on the last"])
@pytest.mark.parametrize("image_trains", [False, True])
def test_composed_downscaler_equals_its_layers_and_their_gradients(draw, strided, image_trains):
    down = LinearDownscaler(draw, torch.Generator().manual_seed(0)).double()
    image = torch.rand(2, 3, 40, 45, generator=torch.Generator().manual_seed(1), dtype=torch.double)
    image.requires_grad_(image_trains)
    layered = image.flatten(0, 1)[:, None]
    for index, weight in enumerate(down.weights):
        layered = F.conv2d(layered, weight, stride=2 if index == strided else 1)
    layered = layered[:, 0].unflatten(0, (2, 3))
    composed = filter_valid(image, down.kernel(), 2)
    assert down.kernel().shape == (KERNEL_SIDE, KERNEL_SIDE)
    torch.testing.assert_close(composed, layered)
    leaves = [*down.weights, *([image] if image_trains else [])]
    for a, b in zip(*(torch.autograd.grad(y.square().sum(), leaves) for y in (composed, layered)), strict=True):
        torch.testing.assert_close(a, b)


def test_dualsr_starts_as_a_blur_of_sum_one():
    weights = LinearDownscaler(normal_around_mean, torch.Generator().manual_seed(0)).weights
    for weight, fan_in in zip(weights, (49, 1600, 576, 64, 64, 64), strict=True):
        error = 5 / fan_in / weight.numel() ** 0.5  # of a mean over so many draws
        assert weight.mean().item() == pytest.approx(1 / fan_in, abs=error)
        assert weight.std().item() == pytest.approx(1 / fan_in, rel=5 / weight.numel() ** 0.5)
    sums = [LinearDownscaler(normal_around_mean, torch.Generator().manual_seed(s)).kernel().sum() for s in range(20)]
    assert np.mean([total.item() for total in sums]) == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("step", [2, 4])
def test_bicubic_targets_lie_where_the_released_ones_do(step):
    ramp = torch.arange(64.0).expand(1, 3, 64, 64)
    target = bicubic_targets(ramp, 64 // step, step=step)[0, 0, 8]
    expected = step * torch.arange(64 // step) + 0.5  # at x4 too, where 4j + 1.5 would be aligned (release)
    torch.testing.assert_close(target[2:-2], expected[2:-2])


def test_torch_downscale_equals_correlate_at_the_border_too():
    image, kernel = photo(31, 40), np.random.default_rng(0).uniform(size=(9, 9))
    expected = correlate(image[0].permute(1, 2, 0).numpy(), kernel, step=2)
    ours = downscale(image.double(), torch.from_numpy(kernel), 2)[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(ours, expected, atol=1e-12)


def test_bicubic_targets_are_the_downscaled_crops():
    crops = torch.cat([photo(64, 64), photo(64, 64).flip(-1)])
    wanted = Resize.bicubic(crops, 0.5)(crops)[..., 3:29, 3:29]
    torch.testing.assert_close(bicubic_targets(crops, 26), wanted, atol=1e-5, rtol=0)
    summed = bicubic_targets(crops, 26, channel_sum=True)
    torch.testing.assert_close(summed, wanted.sum(1, keepdim=True).expand(2, 3, 26, 26), atol=1e-5, rtol=0)


def test_a_centred_bicubic_kernel_pleases_the_regularisers():
    kernel = torch.from_numpy(np.pad(bicubic_kernel(2), 2)).float()  # 13x13, sum 1, centre at 6.5
    loss = KernelLoss(13)
    assert loss(kernel, torch.tensor(0.0)) < 0.01
    off_centre = kernel.roll(1, 0)
    rise = loss(off_centre, torch.tensor(1.0)) - loss(kernel, torch.tensor(1.0))
    assert float(rise) == pytest.approx(0.5, abs=0.01)  # mean of 1 squared and 0
    assert float(loss(2 * kernel, torch.tensor(0.0)) - loss(kernel, torch.tensor(0.0))) == pytest.approx(0.5, abs=0.01)
    at_border = torch.zeros(13, 13)
    at_border[0, 0] = 1
    gaussian = math.exp(-(36 + 36) / (2 * 169))
    assert float(loss(at_border, torch.tensor(0.0))) == pytest.approx(0.5 * 30 * (1 - gaussian) / 169, rel=1e-4)


def test_sparsity_counts_once_switched_on_and_has_a_finite_slope_at_zero():
    kernel = torch.zeros(13, 13)
    kernel[6:8, 6:8] = 0.25
    kernel.requires_grad_()
    loss = KernelLoss(13)
    on, off = (loss(kernel, torch.tensor(flag)) for flag in (1.0, 0.0))
    assert (on - off).item() == pytest.approx(5 * (4 * 0.25**0.2 + 165 * 1e-12**0.2) / 169, rel=1e-3)
    assert torch.isfinite(torch.autograd.grad(on, kernel)[0]).all()


def test_bicubic_weight_falls_once_the_loss_is_small_three_times_running():
    weight = BicubicLoss(0.4)
    losses = [0.5, 0.3, 0.3, 0.5, 0.3, 0.3] + [0.3] * 800
    course = []
    for iteration, loss in enumerate(losses):
        before = float(weight.weight)
        image = torch.full((1, 3, 4, 4), loss**0.5)
        assert weight(image, torch.zeros_like(image), torch.tensor(iteration)).item() == pytest.approx(before * loss)
        course.append((float(weight.weight), float(weight.constraints())))
    assert course[199] == (5, 0)
    assert course[200] == (pytest.approx(0.05), 0)
    assert course[400] == (pytest.approx(5e-4), 1)
    assert course[600][0] == pytest.approx(5e-6) and course[800][0] == pytest.approx(5e-6)
    patient = BicubicLoss(0.4)
    for iteration in range(500):
        patient(torch.tensor(0.5 if iteration % 3 else 0.7), torch.tensor(0.0), torch.tensor(iteration))  # .25 and .49
    assert float(patient.weight) == 5


def test_quirks_are_chosen_by_name():
    known = (CHANNEL_SUM, BORDER_TAPS)
    assert chosen_quirks("m", "none", known) == frozenset()
    assert chosen_quirks("m", "all", known) == set(known)
    assert chosen_quirks("m", "border-taps", known) == {BORDER_TAPS}
    with pytest.raises(ValueError, match="m: quirks must be none, all or some of channel-sum, border-taps, not 'noise"):
        chosen_quirks("m", NOISE_IN_PLACE, known)


def test_border_taps_quirk_changes_the_top_left_border_alone():
    image = photo(20, 24).double()
    correct, quirky = (Resize.bicubic(image, 2, grid)(image) for grid in ("half-pixel", "half-pixel-cut"))
    changed = (correct - quirky).abs().amax(dim=(0, 1)) > 1e-6
    assert changed[:3].any() and changed[:, :3].any() and not changed[4:, 4:].any()
    expected = imresize(image[0].permute(1, 2, 0).numpy(), 2)
    np.testing.assert_allclose(correct[0].permute(1, 2, 0).numpy(), expected, atol=1e-5)


def test_crop_pairs_leave_the_frame_out_where_there_is_room():
    pairs = CropPairs.draw(photo(80, 90), (32, 16), 200, 0, coarser=2)
    for corners, side in ((pairs.large, 32), (pairs.small, 16)):
        assert corners.min() >= 10 and (corners + side <= [70, 80]).all()
    tight = CropPairs.draw(photo(40, 90), (40, 16), 20, 0, coarser=2)
    assert (tight.large[:, 0] == 0).all()


def noisy(in_place, iterations=120):
    image = torch.zeros(1, 3, 24, 24)
    corners = np.zeros((iterations, 2), dtype=int)
    return NoisyCrops(image, CropPairs(24, 10, corners, corners), 0.1, 5, in_place=in_place)


def test_noise_in_place_accumulates_and_fresh_noise_does_not():
    large, small = noisy(in_place=False).cut(1)
    assert large.abs().max() == 0 and small.std() == pytest.approx(0.1, rel=0.05)
    quirky = noisy(in_place=True)
    first, second = quirky.cut(0), quirky.cut(1)
    assert float(second[1][-1].std()) == pytest.approx(0.1 * math.sqrt(100), rel=0.15)
    assert float(first[0][0].abs().max()) == 0  # cut before the first noise
    assert float(second[0][-1][:, :10, :10].std()) == pytest.approx(0.1 * math.sqrt(99), rel=0.15)
    assert float(second[0][-1][:, 10:].abs().max()) == 0


def test_a_resumed_training_finds_the_noise_that_has_accumulated():
    straight, resumed = noisy(in_place=True), noisy(in_place=True)
    straight.cut(0)
    expected = straight.cut(1)
    for a, b in zip(resumed.cut(1), expected, strict=True):
        assert torch.equal(a, b)
    for a, b in zip(resumed.cut(1), expected, strict=True):  # asked for again
        assert torch.equal(a, b)


def test_shifted_kernels_sit_where_bicubic_ones_do():
    centred = shift_kernel(np.pad(bicubic_kernel(2), 2), 2)
    side = len(centred)
    mass = (centred.sum(1) @ np.arange(side)) / centred.sum()
    assert mass == pytest.approx(side // 2 + 0.5, abs=0.02)
