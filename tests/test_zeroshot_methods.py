"""KernelGAN+ZSSR, ZSSR, DualSR and the released IKE on small photographs."""

from dataclasses import replace

import numpy as np
import pytest
import skimage.data
import torch
import torch.nn.functional as F

from baselines.contract import Task
from baselines.dualsr import DualSR
from baselines.dualsr_training import DualSRTraining
from baselines.kernelgan import KernelGANZSSR, analytic_x4, clean_kernel
from baselines.kernelgan_training import KernelGANTraining
from baselines.zeroshot.downscaler import filter_valid
from baselines.zeroshot.training import TrainingRun
from baselines.zssr import ZSSR, ZSSRGroundTruth
from baselines.zssr_training import RatePolicy, ZSSRTraining
from degradations.resample import bicubic_kernel, correlate, imresize, kernel_centre, quantise
from ikebench.ike.method import IKE
from ikebench.ike.network import Coupling, DenseShape, IKENet, decode, encode
from ikebench.ike.release import IKERelease
from ikebench.ike.release_training import ReleaseTraining
from ikebench.ike.training import IKETraining
from ikebench.scoring.kernels import correlation, kernel_psnr
from ikebench.scoring.metrics import score_pair


def gaussian(side, wide, narrow, degrees, centre):
    """An anisotropic Gaussian kernel, sum 1; standard deviations in px."""
    y, x = np.mgrid[:side, :side] - centre
    angle = np.radians(degrees)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    kernel = np.exp(-0.5 * ((along / wide) ** 2 + (across / narrow) ** 2))
    return kernel / kernel.sum()


KERNEL = gaussian(13, 2.0, 0.8, 30, kernel_centre(13, 2, "kernelgan"))


def pair(height=200, width=240):
    """An HR photograph (uint8) and its LR image (1, 3, h, w) of the anisotropic kernel at x2."""
    hr = skimage.data.astronaut()[20 : 20 + height, 80 : 80 + width]
    lr = quantise(correlate(hr, KERNEL, step=2))
    return hr, torch.from_numpy(lr).permute(2, 0, 1)[None].float() / 255


def gain(sr, hr, lr):
    """PSNR over bicubic upscaling, in dB."""
    bicubic = quantise(imresize(lr[0].permute(1, 2, 0).double().numpy() * 255, 2))
    image = quantise(sr[0].permute(1, 2, 0).double().numpy() * 255)
    return score_pair(image, hr, 2)["psnr_ike"] - score_pair(bicubic, hr, 2)["psnr_ike"]


class Memory:
    """A checkpoint in memory."""

    def __init__(self, every):
        self.every, self.state = every, None

    def load(self):
        return self.state

    def save(self, state):
        import io

        file = io.BytesIO()
        torch.save(state, file)
        file.seek(0)
        self.state = torch.load(file, weights_only=True)  # as `ikebench.run.worker.CheckpointFile` reads it


class Killed(Exception):
    pass


def interrupted(method, task, scale, after):
    """Restore with a crash after so many calls of progress, then again from the checkpoint."""
    memory = Memory(every=5)
    calls = []

    def progress(done, total):
        calls.append(done)
        if len(calls) == after:
            raise Killed

    with pytest.raises(Killed):
        method([replace(task, checkpoint=memory, progress=progress)], scale)
    resumed = []
    task = replace(task, checkpoint=memory, progress=lambda done, total: resumed.append((done, total)))
    [restored] = method([task], scale)
    assert resumed[0][0] > 1 and resumed[-1][0] <= resumed[-1][1]
    return restored


RESUMED = [
    pytest.param(KernelGANZSSR(iterations=13, width=8), 4, 7, id="kernelgan-zssr in KernelGAN"),
    pytest.param(KernelGANZSSR(iterations=13, width=8), 4, 33, id="kernelgan-zssr in the last scale"),
    pytest.param(ZSSR(iterations=130, width=8, patience=40), 2, 125, id="zssr after a change of rate"),
    pytest.param(DualSR(iterations=12, width=8, crop=48), 4, 20, id="dualsr in the second round"),
    pytest.param(IKERelease(iterations=8, crop=48, blocks=2, growth=8, u_width=16), 2, 7, id="ike-release"),
]


@pytest.mark.parametrize(("method", "scale", "after"), RESUMED)
def test_a_resumed_method_ends_where_an_uninterrupted_one_does(method, scale, after):
    task = Task(pair(112, 120)[1], seed=2)
    [straight] = method([task], scale)
    restored = interrupted(method, task, scale, after)
    assert torch.equal(restored.sr, straight.sr)
    assert (restored.kernel is None) == (straight.kernel is None)
    if straight.kernel is not None:
        np.testing.assert_array_equal(restored.kernel, straight.kernel)


@pytest.mark.parametrize(
    ("quirks", "iterations"),
    [("none", 400), *(pytest.param(quirks, 1000, marks=pytest.mark.slow) for quirks in ("none", "all"))],
)
def test_kernelgan_finds_an_anisotropic_kernel(quirks, iterations):
    _, lr = pair(320, 400)
    method = KernelGANZSSR(iterations=iterations, quirks=quirks)
    # The game is chaotic: the last bit of a convolution, so the type of CPU, decides about as much as the seed does.
    # Seeds 0 to 4 end between 0.89 and 0.97 (0.91 and 0.94 after 400 iterations) and bicubic has 0.857, so the mean
    # of two runs is asked for.
    correlations = []
    for seed in range(2):
        training = KernelGANTraining(method, Task(lr, seed=seed))
        TrainingRun(training, Task(lr)).advance(method.iterations)
        kernel = clean_kernel(training.kernel().double().numpy(), method.kept_values, method.cut_share)
        assert kernel.sum() == pytest.approx(1) and kernel.min() > -0.01
        correlations.append(correlation(kernel, KERNEL))
    assert np.mean(correlations) > correlation(bicubic_kernel(2), KERNEL) + 0.02


def test_cleaning_cuts_small_values_and_centres():
    kernel = gaussian(13, 1.5, 1.5, 0, 5.2) + 0.0004
    cleaned = clean_kernel(kernel, 40, 0.75)
    side = len(cleaned)
    assert cleaned.sum() == pytest.approx(1)
    centre = cleaned.sum(1) @ np.arange(side)
    assert centre == pytest.approx(kernel_centre(side, 2, "kernelgan"), abs=0.02)
    assert (np.abs(cleaned) > 1e-3).sum() < (kernel > 1e-3).sum()


def test_a_collapsed_kernel_is_reported():
    with pytest.raises(FloatingPointError, match="collapsed"):
        clean_kernel(np.zeros((13, 13)), 40, 0.75)
    with pytest.raises(ValueError, match="kept_values must be under 169"):
        KernelGANZSSR(kept_values=169)


def test_notes_name_the_crops_that_were_used():
    lr = torch.rand(1, 3, 51, 60)
    assert DualSR(iterations=0)([Task(lr)], 2)[0].note == "trained on crops of 50 px: the image is small"
    assert ZSSR(iterations=0, width=8)([Task(lr)], 4)[0].note == "trained on crops of 48 px: the image is small"
    both = KernelGANZSSR(iterations=1, width=8, crop=32)([Task(lr)], 2)[0].note
    assert both == "trained on crops of 50 px: the image is small"


def test_the_x4_kernel_is_two_downscalings_in_a_row():
    kernel = gaussian(9, 1.2, 0.7, 20, 4.5)
    image = np.random.default_rng(0).uniform(size=(96, 96, 1))
    twice = correlate(correlate(image, kernel, step=2), kernel, step=2)
    exact = np.zeros((25, 25))
    for (row, column), value in np.ndenumerate(kernel):
        exact[2 * row : 2 * row + 9, 2 * column : 2 * column + 9] += value * kernel
    at_once = correlate(image, exact, step=4)
    np.testing.assert_allclose(at_once[4:-4, 4:-4], twice[4:-4, 4:-4], atol=1e-12)
    cropped = analytic_x4(kernel)
    assert cropped.shape == (17, 17) and cropped.sum() == pytest.approx(1)
    np.testing.assert_allclose(cropped, exact[4:-4, 4:-4] / exact[4:-4, 4:-4].sum())


def test_zssr_with_the_true_kernel_beats_bicubic_and_zssr_without():
    hr, lr = pair()
    known, blind = (
        method(iterations=60, width=16)([Task(lr, seed=0, kernel=KERNEL)], 2)[0].sr
        for method in (ZSSRGroundTruth, ZSSR)
    )
    assert gain(known, hr, lr) > 1 and gain(known, hr, lr) > gain(blind, hr, lr) + 0.5


def test_zssr_gt_without_a_kernel_says_so():
    with pytest.raises(ValueError, match="needs the true kernel"):
        ZSSRGroundTruth(iterations=1)([Task(pair()[1])], 2)


def test_a_father_is_learnt_from_its_own_son():
    training = ZSSRTraining(ZSSR(iterations=10, crop=64), Task(pair()[1]), 2, KERNEL)
    inputs = training.draw(0)
    father, son = inputs["father"][3], inputs["son"][3]
    assert father.shape == son.shape == inputs["weight"][3].expand(1, 3, 64, 64).shape
    pixels = father[0].permute(1, 2, 0).double().numpy()
    expected = imresize(correlate(pixels, KERNEL, step=2), 2)
    np.testing.assert_allclose(son[0].permute(1, 2, 0).numpy(), expected, atol=1e-5)


def test_back_projection_brings_the_image_nearer_to_its_lr():
    lr = pair()[1]
    errors = []
    for count in (0, 4):
        training = ZSSRTraining(ZSSR(iterations=0, width=8, back_projections=count), Task(lr), 2, KERNEL)
        small = correlate(training.restore()[0].permute(1, 2, 0).double().numpy(), KERNEL, step=2)
        errors.append(np.abs(small - lr[0].permute(1, 2, 0).numpy()).mean())
    assert errors[1] < errors[0] / 3


def test_the_rate_falls_when_the_error_no_longer_does():
    falling, level = RatePolicy(ZSSR()), RatePolicy(ZSSR())
    noise = np.random.default_rng(0).normal(size=60) * 1e-4
    for index in range(6):
        falling.log(50 * index, 0.01 - 0.001 * index)
        level.log(50 * index, 0.01 + noise[index])
    assert not falling.lowers(299) and falling.rate == 1e-3
    assert not level.lowers(239)  # 256 iterations after the start at the earliest
    assert level.lowers(299) and level.rate == pytest.approx(1e-4)
    assert not level.lowers(359)  # nor twice within 256


def test_zssr_stops_when_the_rate_has_become_too_small():
    seen = []
    task = Task(torch.full((1, 3, 40, 40), 0.5), progress=lambda done, total: seen.append(done))
    ZSSR(iterations=400, width=8, patience=10, check_every=20, log_every=5)([task], 2)
    assert seen[-1] < 400


def test_dualsr_at_x4_is_x2_twice_and_says_so():
    task = Task(pair(112, 120)[1], seed=1)
    method = DualSR(iterations=2, width=8, crop=48)
    [once] = method([task], 2)
    [twice] = method([replace(task, lr=once.sr.clamp(0, 1))], 2)
    [restored] = method([task], 4)
    assert torch.equal(restored.sr, twice.sr.clamp(0, 1)) and restored.note == "x2 run twice"
    assert restored.kernel is None and once.kernel.shape == (13, 13) and once.kernel.sum() == pytest.approx(1)


def ramp(side, slope=0.01):
    return (slope * torch.arange(float(side))).expand(1, 3, side, side)


def test_dualsrs_cycles_are_aligned(monkeypatch):
    """With G_UP = bilinear and a centred kernel, an image of constant slope comes back, up to the borders."""
    import baselines.dualsr_training as module

    training = DualSRTraining(DualSR(iterations=1), Task(torch.rand(1, 3, 160, 160)))
    training.up.weights[-1].data.zero_()
    kernel = torch.from_numpy(np.pad(bicubic_kernel(2), 2)).float()
    hr, lr = ramp(128), ramp(64)

    def loss():
        fake_lr, upscaled = module.filter_valid(hr, kernel, 2), training._upscale(lr)
        return float(training._cycle_loss(hr, lr, fake_lr, upscaled, kernel).detach())

    aligned = loss()
    shaved = module._shaved
    monkeypatch.setattr(module, "_shaved", lambda image, side: shaved(image.roll(1, -1), side))
    assert aligned < 0.1 * loss()
    down_error = training._cycle_loss(hr, lr, module.filter_valid(hr, kernel, 2), training._upscale(lr), kernel)
    assert float(down_error.detach()) == pytest.approx(2 * 0.01, rel=0.15)  # one px of slope each way


def test_dualsrs_schedules():
    training = DualSRTraining(DualSR(iterations=800, crop=48), Task(pair(112, 120)[1]))
    before, after = training.draw(14), training.draw(15)
    for name, rate, factor in (("rate_up", 1e-3, 0.5), ("rate_down", 2e-4, 0.25)):
        assert before[name][-1].item() == pytest.approx(rate)
        assert after[name][0].item() == pytest.approx(rate * factor)
    assert before["iteration"][-1] == 749 and before["hr"].shape == (50, 2, 3, 48, 48)


def first_inputs(training):
    return {name: drawn[0] for name, drawn in training.draw(0).items()}


def test_dualsrs_quirks_reach_its_targets():
    """channel-sum: each channel of the bicubic target is the sum of all; border-taps: the low border differs."""
    lr = pair(112, 120)[1]
    right, quirky = (
        first_inputs(DualSRTraining(DualSR(iterations=1, crop=48, quirks=quirks), Task(lr)))
        for quirks in ("none", "all")
    )
    summed = right["target"].sum(1, keepdim=True).expand_as(right["target"])
    torch.testing.assert_close(quirky["target"], summed)
    torch.testing.assert_close(quirky["bicubic"][..., 8:-8, 8:-8], right["bicubic"][..., 8:-8, 8:-8])
    difference = (quirky["bicubic"] - right["bicubic"]).abs()
    assert difference[..., :4].max() > 1e-4 and difference[..., -4:, 8:-4].max() < 1e-6


def test_dualsrs_discriminator_learns_that_real_is_1_and_fake_0():
    training = DualSRTraining(DualSR(iterations=100, width=8, crop=64, rate_down=2e-3, lambda_cycle=0), Task(pair()[1]))
    training.down_adam.step = lambda: None  # the fakes stay what they are: a wide blur
    TrainingRun(training, Task(training.lr)).advance(100)
    inputs = first_inputs(training)
    fake = filter_valid(inputs["hr"], training.down.kernel(), 2)
    with torch.no_grad():
        real_score, fake_score = (training.judge(image).mean() for image in (inputs["lr"], fake))
    assert real_score > fake_score + 0.1


def test_dualsr_learns_to_upscale():
    hr, lr = pair()
    training = DualSRTraining(DualSR(iterations=60, width=16, crop=64), Task(lr))
    start = gain(training.restore(), hr, lr)
    TrainingRun(training, Task(lr)).advance(60)
    assert gain(training.restore(), hr, lr) > max(start + 15, -3)  # from noise to near bicubic


def test_the_released_reverse_pass_is_not_the_inverse():
    net = IKENet(2, 2, DenseShape(3, 8, 1.0, "none"), True, torch.Generator().manual_seed(0))
    image = torch.rand(3, 1, 16, 16)
    with torch.no_grad():
        stages = net.composed()
        encoded = encode(image, stages)
        torch.testing.assert_close(decode(encoded, stages), image, atol=1e-4, rtol=0)
        assert (decode(encoded, stages, Coupling.released_reverse) - image).abs().max() > 1e-2
        block = net.blocks[0][0]
        y_a, y_b, y_res = torch.rand(3, 4, 8, 8).split([1, 2, 1], dim=1)
        x_b = y_b - block.sigma.layered(y_a)
        x_a = y_a - block.phi.layered(x_b) - block.rho.layered(y_res)
        coupling = Coupling(block.phi.layered, block.sigma.layered, block.rho.layered(y_res))
        torch.testing.assert_close(coupling.released_reverse(y_a, y_b), (x_a, x_b))


def test_the_release_differs_from_the_paper_where_it_should():
    paper, release = IKE(), IKERelease()
    assert isinstance(release.training(Task(pair()[1]), 2, "fp32"), ReleaseTraining)
    assert type(paper.training(Task(pair()[1]), 2, "fp32")) is IKETraining
    differing = {name for name in vars(paper) if getattr(paper, name) != getattr(release, name)}
    assert differing == {"grid", "lambda_energy", "lambda_backward"}
    image = torch.rand(3, 1, 20, 20) * 2 - 1
    training = release.training(Task(pair()[1]), 2, "fp32")
    mask = training._mask(image)
    assert mask.shape == (1, 1, 20, 20) and mask.min() == 0 and mask.max() == 1
    ramp = torch.arange(8.0).expand(1, 1, 8, 8)
    assert training._total_variation(ramp).item() == pytest.approx(2)


def test_the_released_losses_mask_and_reverse_pass_are_in_use():
    training = IKERelease(iterations=3, crop=64).training(Task(pair()[1]), 2, "fp32")
    inputs, llr = first_inputs(training), torch.rand(3, 1, 32, 32) * 2 - 1
    crop = training._companions(inputs["crop"], training.crop_companions)
    *_, bicubic = training._forward_terms(llr, crop, inputs)
    assert bicubic.item() == pytest.approx(5 * F.mse_loss(llr.transpose(0, 1), inputs["target"]).item())

    step = torch.zeros(3, 1, 16, 16)
    step[..., 8:] = 1
    mask = training._mask(step)
    assert mask[0, 0, 8, 3:6].tolist() == [1, 1, 1] and (mask[0, 0, 8, 7:9] < 0.6).all()  # smooth, and at the edge

    generator = torch.Generator().manual_seed(0)
    for parameter in training.flow.parameters():
        parameter.data += 0.05 * torch.randn(parameter.shape, generator=generator)
    released = training.restore()
    training.inverse = Coupling.inverse
    assert (released - training.restore()).abs().max() > 1e-3


@pytest.mark.parametrize("scale", [2, 4])
def test_the_released_bicubic_loss_at_each_scale(scale):
    training = IKERelease(iterations=3, crop=64, quirks="none").training(Task(pair()[1]), scale, "fp32")
    assert training.draw(0)["target"].shape == (3, 1, 3, 64 // scale, 64 // scale)
    losses = training.step(first_inputs(training))
    assert torch.isfinite(losses).all()


def test_kernel_measures():
    assert correlation(KERNEL, KERNEL) == pytest.approx(1) and kernel_psnr(KERNEL, KERNEL) == np.inf
    shifted = gaussian(17, 2.0, 0.8, 30, 7.1)
    assert correlation(shifted, KERNEL) > 0.99 > correlation(bicubic_kernel(2), KERNEL)
    assert kernel_psnr(shifted, KERNEL) > kernel_psnr(bicubic_kernel(2), KERNEL) + 10
