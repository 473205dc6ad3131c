"""IKE's implicit kernel: of an untrained network, whose answer is known, and after a step."""

import numpy as np
import pytest
import torch

from baselines.contract import Task
from ikebench.ike.kernel import REACH, implicit_kernel
from ikebench.ike.method import IKE

LR = torch.rand(1, 3, 64, 72, generator=torch.Generator().manual_seed(0))


def kernel_of(scale=2, **changes):
    ike = IKE(iterations=1, **changes)
    training = ike.training(Task(lr=LR, seed=0), scale, "fp32")
    with torch.no_grad():  # a network that adds nothing
        for parameter in training.flow.parameters():
            parameter.zero_()
    return implicit_kernel(training)


def test_without_bicubic_residual_an_idle_encoder_samples_the_top_left_pixel():
    kernel = kernel_of(bicubic_residual=False)
    assert kernel.shape == (4 * REACH + 1, 4 * REACH + 1)
    assert kernel[2 * REACH, 2 * REACH] == pytest.approx(1)
    assert np.abs(kernel).sum() == pytest.approx(1)


@pytest.mark.parametrize("scale", [2, 4])
def test_the_answer_is_that_to_an_impulse(scale):
    training = IKE(iterations=1).training(Task(lr=LR, seed=0), scale, "fp32")
    kernel = implicit_kernel(training)
    side, half = training.crop, REACH * scale
    middle = side // scale // 2
    crop = training.lr[..., :side, :side]
    struck = crop.clone()
    struck[..., scale * middle + 1, scale * middle] += 0.5
    with torch.no_grad():
        before, after = (training.downscaled(training.companions(image)) for image in (crop, struck))
    answer = 2 * (after - before)[:, 0, middle, middle].mean().item()
    assert kernel.sum() == pytest.approx(1)
    assert kernel[half + 1, half] == pytest.approx(answer, abs=0.01)
