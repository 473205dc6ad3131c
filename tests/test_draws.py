"""What trainings draw and look at around their steps: crops, noise, loss map, learning rate, back-projection."""

import numpy as np
import pytest
import skimage.data
import torch

from baselines.contract import Task
from baselines.dualsr import DualSR
from baselines.dualsr_training import DualSRTraining
from baselines.kernelgan import KernelGANZSSR
from baselines.kernelgan_training import KernelGANTraining
from baselines.zeroshot.crops import as_array, draw_crops
from baselines.zssr import ZSSR
from baselines.zssr_training import ZSSRTraining
from degradations.resample import bicubic_kernel, correlate, imresize
from ikebench.ike.method import IKE
from ikebench.ike.release import IKERelease


def photo(height=112, width=140):
    pixels = skimage.data.astronaut()[60 : 60 + height, 140 : 140 + width]
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255


PAIRS = {  # training -> its pairs, the sides of their crops, how many, the frame, how much coarser the large ones are
    "kernelgan": (lambda task: KernelGANTraining(KernelGANZSSR(iterations=40), task).crops.pairs, (64, 26), 40, 10, 2),
    "dualsr": (lambda task: DualSRTraining(DualSR(iterations=20, crop=80), task).pairs, (80, 40), 40, 10, 2),
    "ike": (lambda task: IKE(iterations=40, crop=48).training(task, 2, "fp32").pairs, (48, 24), 40, 0, 2),
    "ike x4": (lambda task: IKE(iterations=40, crop=48).training(task, 4, "fp32").pairs, (48, 12), 40, 0, 4),
}


@pytest.mark.parametrize("name", PAIRS)
def test_large_crops_are_rated_on_the_image_shrunk_and_small_ones_on_itself(name):
    build, (large, small), count, frame, coarser = PAIRS[name]
    lr = photo()
    pixels = as_array(lr)[frame : 112 - frame, frame : 140 - frame]
    rng = np.random.default_rng(5)
    expected = [draw_crops(pixels, side, count, rng, by) + frame for side, by in ((large, coarser), (small, 1))]
    pairs = build(Task(lr, seed=5))
    np.testing.assert_array_equal(pairs.large, expected[0])
    np.testing.assert_array_equal(pairs.small, expected[1])
    assert (draw_crops(pixels, large, count, np.random.default_rng(5)) + frame != expected[0]).any()


NOISY = {
    "kernelgan": lambda task: KernelGANTraining(KernelGANZSSR(iterations=50), task),
    "ike": lambda task: IKE(iterations=50, crop=48).training(task, 2, "fp32"),
    "ike-release": lambda task: IKERelease(iterations=50, crop=48, quirks="none").training(task, 2, "fp32"),
}


@pytest.mark.parametrize("name", NOISY)
def test_noise_is_as_strong_as_stated(name):
    """1 / 255 of the range [0, 1] on real crops, and 1 / 255 in [-1, 1] on fakes."""
    inputs = NOISY[name](Task(torch.full((1, 3, 90, 90), 0.5))).draw(0)
    assert inputs["real"].std().item() == pytest.approx(2 / 255, rel=0.02)
    assert inputs["fake_noise"].std().item() == pytest.approx(1 / 255, rel=0.02)
    assert abs(np.corrcoef(inputs["real"].flatten(), inputs["fake_noise"].flatten())[0, 1]) < 0.02


def test_the_weights_of_a_father_are_those_of_its_place():
    training = ZSSRTraining(ZSSR(iterations=20, crop=32, width=4), Task(photo()), 2, bicubic_kernel(2))
    rows, columns = torch.meshgrid(torch.arange(112.0), torch.arange(140.0), indexing="ij")
    training.lr = torch.stack([rows, columns, rows])[None]  # every pixel says where it is
    inputs = training.draw(0)
    for father, weight in zip(inputs["father"], inputs["weight"], strict=True):
        top, left = (int(father[0, channel, 0, 0]) for channel in (0, 1))
        assert torch.equal(weight[0, 0], training.loss_map[0, 0, top : top + 32, left : left + 32])


def test_a_lower_rate_reaches_adam():
    training = ZSSRTraining(ZSSR(iterations=400, crop=32, width=4), Task(photo()), 2, bicubic_kernel(2))
    inputs = {name: values[0] for name, values in training.draw(0).items()}
    for iteration, error in enumerate((1.0, 1.1, 0.9, 1.1, 1.0, 1.1)):
        training.policy.log(50 * iteration, error)
    for step in (1e-3, 1e-4):
        before = [weight.detach().clone() for weight in training.net.weights]
        training.adam.state.clear()  # a first step of Adam is as long as the rate
        training.step(inputs)
        moved = max((weight - old).abs().max().item() for weight, old in zip(training.net.weights, before, strict=True))
        assert moved == pytest.approx(step, rel=0.05)
        training.review(300)


def test_a_back_projection_adds_what_the_lr_image_lacks():
    lr, kernel = photo(40, 50), bicubic_kernel(2)
    for count in (1, 2):
        training = ZSSRTraining(ZSSR(iterations=0, width=4, back_projections=count), Task(lr), 2, kernel)
        training.net.weights[-1].data.zero_()
        pixels = as_array(lr)
        expected = np.clip(imresize(pixels, 2), 0, 1)
        for _ in range(count):
            lacking = pixels - correlate(expected, kernel, step=2)
            expected = np.clip(expected + imresize(lacking, 2), 0, 1)
        np.testing.assert_allclose(training.restore()[0].permute(1, 2, 0).numpy(), expected, atol=1e-5)
