"""Each loss against its equation, written out naively."""

import numpy as np
import pytest
import torch
from scipy.ndimage import convolve, uniform_filter

from baselines.zeroshot.regularisers import smoothness_mask
from ikebench.ike import losses


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(3, 1, 20, 24, generator=generator) * 2 - 1 for _ in range(2)]


def test_energy_is_the_l1_of_9x9_means_in_the_valid_area(images):
    a, b = (image.numpy()[:, 0].astype(float) for image in images)
    means = [np.stack([uniform_filter(colour, 9)[4:-4, 4:-4] for colour in image]) for image in (a, b)]
    expected = np.abs(means[0] - means[1]).mean()
    assert losses.energy_loss(*images, window=9).item() == pytest.approx(expected, rel=1e-4)
    assert losses.energy_loss(images[0], images[0] + 0.1, 9).item() == pytest.approx(0.1, rel=1e-4)


def test_total_variation(images):
    image = images[0].numpy()[:, 0]
    total = [
        np.sqrt((c[i, j + 1] - c[i, j]) ** 2 + (c[i + 1, j] - c[i, j]) ** 2 + 1e-8)
        for c in image
        for i in range(19)
        for j in range(23)
    ]
    assert losses.total_variation(images[0]).item() == pytest.approx(np.mean(total), rel=1e-4)
    flat = torch.zeros(1, 1, 8, 8, requires_grad=True)
    [gradient] = torch.autograd.grad(losses.total_variation(flat), flat)
    assert torch.isfinite(gradient).all()


def test_interpolation_counts_only_where_the_bicubic_image_is_smooth(images):
    sr, bicubic = images
    unit = (bicubic.numpy()[:, 0].astype(float) + 1) / 2
    sobel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    gradients = [np.stack([convolve(c, k[::-1, ::-1], mode="constant") for c in unit]) for k in (sobel, sobel.T)]
    mask = 1 - np.clip(np.hypot(*gradients), 0, 1)
    expected = np.abs(mask * (sr - bicubic).numpy()[:, 0]).mean()
    assert losses.interpolation_loss(sr, bicubic, smoothness_mask((bicubic + 1) / 2)).item() == pytest.approx(
        expected, rel=1e-4
    )
    edge = torch.ones(1, 1, 16, 16)
    edge[..., 8:] = -1
    mask = smoothness_mask((edge + 1) / 2)[0, 0]
    assert (mask[4, 3:6] == 1).all() and (mask[4, 7:9] == 0).all()


def test_mask_lets_no_gradient_through():
    bicubic = torch.rand(1, 1, 8, 8, requires_grad=True)
    assert not smoothness_mask(bicubic).requires_grad


def test_gan_losses():
    scores = torch.tensor([0.25, 0.75])
    assert losses.gan_loss(scores, losses.REAL).item() == pytest.approx(0.5)
    assert losses.discriminator_loss(torch.tensor([[0.9], [0.3]])).item() == pytest.approx(0.2)
