"""The patch discriminator: its tiled form and its convolution against plain layers, with all gradients."""

import pytest
import torch
import torch.nn.functional as F

from baselines.zeroshot import discriminator, pixel_layers
from baselines.zeroshot.discriminator import PatchDiscriminator
from baselines.zeroshot.matrix_product import product
from baselines.zeroshot.patch_convolution import PatchConvolution
from baselines.zeroshot.pixel_layers import PixelLayers
from baselines.zeroshot.spectral_norm import SpectrallyNormed
from benchmarks.plain.networks import Judge

TILE = 100  # px; pixel counts below: smaller than a tile, whole tiles, and not a multiple of it
COUNTS = [60, 300, 1234]


@pytest.fixture
def small_tiles(monkeypatch):
    monkeypatch.setattr(pixel_layers, "TILE", TILE)
    monkeypatch.setattr(discriminator, "SMALLEST_ALONE", 1)


def random(*shape, seed, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def layer_inputs(count, dtype, wanted=(True,) * 5):
    scales = random(5, 64, seed=1)  # of both signs
    values = [3 + random(2, 64, count, seed=0), scales, random(5, 64, seed=2), random(4, 64, 64, seed=3) / 8]
    values.append(random(64, seed=4))
    return [value.to(dtype).requires_grad_(wants) for value, wants in zip(values, wanted, strict=True)]


def layer_by_layer(pixels, scales, shifts, weights, last):
    for index, (scale, shift) in enumerate(zip(scales, shifts, strict=True)):
        if index > 0:
            pixels = weights[index - 1] @ pixels
        pixels = F.relu(F.batch_norm(pixels, None, None, scale, shift, training=True))
    return (last @ pixels).flatten()


def with_gradients(form, inputs):
    scores = form(*inputs)
    wanted = [value for value in inputs if value.requires_grad]
    slopes = random(*scores.shape, seed=5, dtype=scores.dtype)
    return scores, *torch.autograd.grad((scores * slopes).sum(), wanted)


def largest_difference(ours, theirs):
    """Relative to the norm of each tensor, the largest."""
    return max(((a.double() - b.double()).norm() / b.double().norm()).item() for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("count", COUNTS)
def test_tiled_layers_are_the_layers(small_tiles, count):
    inputs = layer_inputs(count, torch.float64)
    assert largest_difference(with_gradients(PixelLayers.apply, inputs), with_gradients(layer_by_layer, inputs)) < 1e-10


@pytest.mark.parametrize("count", COUNTS)
def test_tiled_layers_are_as_exact_in_float32_as_layers(small_tiles, count):
    exact = with_gradients(layer_by_layer, layer_inputs(count, torch.float64))
    inputs = layer_inputs(count, torch.float32)
    ours, plain = (
        largest_difference(with_gradients(form, inputs), exact) for form in (PixelLayers.apply, layer_by_layer)
    )
    assert ours < 1.5 * plain + 1e-6


@pytest.mark.parametrize(
    "wanted",
    [(True, False, False, False, False), (True, True, True, False, True), (False, True, True, True, True)],
)
def test_tiled_layers_give_the_gradients_that_are_wanted_and_no_others(small_tiles, wanted):
    inputs = layer_inputs(250, torch.float64, wanted)
    assert largest_difference(with_gradients(PixelLayers.apply, inputs), with_gradients(layer_by_layer, inputs)) < 1e-10


def test_spectrally_normed_weights_have_the_gradients_of_the_quotient():
    weights, directions = random(2, 5, 7, seed=0).requires_grad_(), random(3, 2, 5, 7, seed=1)

    def quotient(weights):
        return weights / (weights * directions).sum(dim=(-2, -1), keepdim=True)

    assert (
        largest_difference(
            with_gradients(lambda w: SpectrallyNormed.apply(w, directions), [weights]),
            with_gradients(quotient, [weights]),
        )
        < 1e-12
    )


@pytest.mark.parametrize("shape", [(1, 3, 7, 9), (2, 3, 30, 21)])
def test_patch_convolution_is_conv2d_and_has_its_gradients(shape):
    images, kernel = random(*shape, seed=0).requires_grad_(), random(5, 3, 7, 7, seed=1).requires_grad_()
    forms = [form(images, kernel) for form in (PatchConvolution.apply, F.conv2d)]
    slopes = random(*forms[0].shape, seed=2)
    ours, theirs = ([form, *torch.autograd.grad((form * slopes).sum(), [images, kernel])] for form in forms)
    assert largest_difference(ours, theirs) < 1e-12


@pytest.mark.parametrize("tiled", [True, False])
@pytest.mark.parametrize("shape", [(1, 3, 14, 15), (1, 3, 26, 26), (2, 3, 40, 33)])
def test_scores_and_gradients_are_those_of_the_plain_discriminator(monkeypatch, shape, tiled):
    monkeypatch.setattr(pixel_layers, "TILE", TILE)
    monkeypatch.setattr(discriminator, "SMALLEST_ALONE", 1 if tiled else 10**9)
    judge = PatchDiscriminator(torch.Generator().manual_seed(0)).double()
    plain = Judge(judge)
    # Flat images: all but a thousandth of their features is the mean that the first norm takes away.
    image = (0.8 + 1e-3 * random(2, *shape, seed=1)).requires_grad_()
    judge(image[0]), plain(image[0])
    ours = judge.each(image)  # the second of them sees the third power iteration
    theirs = torch.stack([plain(each).permute(0, 2, 3, 1).flatten() for each in image])
    slopes = random(*ours.shape, seed=2)
    ours_gradients = torch.autograd.grad((ours * slopes).sum(), [image, *judge.parameters()])
    their_gradients = torch.autograd.grad((theirs * slopes).sum(), [image, *plain.parameters()])
    pairs = [(ours, theirs), *zip(ours_gradients, their_gradients, strict=True)]
    assert largest_difference(*zip(*((a.flatten(), b.flatten()) for a, b in pairs), strict=True)) < 1e-9
    assert largest_difference([judge.get_buffer(f"singular_{index}") for index in range(7)], plain.vectors) < 1e-12


def test_a_flat_image_is_judged_as_exactly_in_float32_as_by_layers(monkeypatch):
    """Sums of squares would lose it: the mean of its features is a thousand times their deviation."""
    exact = PatchDiscriminator(torch.Generator().manual_seed(0)).double()
    image = (0.8 + 1e-3 * random(1, 3, 60, 60, seed=1)).float()
    expected = exact(image.double())

    def error(smallest):
        monkeypatch.setattr(discriminator, "SMALLEST_ALONE", smallest)
        return (PatchDiscriminator(torch.Generator().manual_seed(0))(image) - expected).abs().max()

    assert error(1) < error(10**9) < 1e-2


@pytest.mark.parametrize("tiled", [True, False])
def test_frozen_scores_are_those_of_forward_and_want_no_gradient_of_weights(monkeypatch, tiled):
    monkeypatch.setattr(discriminator, "SMALLEST_ALONE", 1 if tiled else 10**9)
    judges = [PatchDiscriminator(torch.Generator().manual_seed(0)).double() for _ in range(2)]
    image = random(1, 3, 20, 20, seed=1).requires_grad_()
    scores, frozen = judges[0](image), judges[1].frozen(image)
    assert torch.equal(scores, frozen)
    assert all(map(torch.equal, judges[0].buffers(), judges[1].buffers()))  # a power iteration each
    [ours], [theirs] = (torch.autograd.grad(score.sum(), [image]) for score in (frozen, scores))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)
    assert not judges[1].frozen(image.detach()).requires_grad


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_products_are_those_of_torch_whatever_the_strides(dtype):
    left, right = random(9, 40, seed=0, dtype=dtype), random(40, 64, seed=1, dtype=dtype)
    for a, b in ((left, right), (left[:, :20], right[:20]), (left[:, ::2], right[:20, 3:50]), (right.T, left.T)):
        torch.testing.assert_close(product(a, b), torch.mm(a, b), rtol=1e-5, atol=1e-5)
