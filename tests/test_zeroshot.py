"""What the zero-shot methods share: crops, discriminator, tiling, the training loop."""

import copy

import numpy as np
import pytest
import skimage.data
import torch
import torch.nn.functional as F

from baselines.contract import Task
from baselines.tiling import tiled
from baselines.zeroshot.conv_stack import ConvStack, fan_in_normal
from baselines.zeroshot.crops import draw_crops, sharpness_map
from baselines.zeroshot.discriminator import PatchDiscriminator
from baselines.zeroshot.training import TrainingRun, Turn, adam, descend, run_wide, set_learning_rate


def half_textured():
    image = np.full((96, 120, 3), 0.5)
    image[:, 60:] += np.random.default_rng(0).uniform(-0.4, 0.4, (96, 60, 1))
    return image


def test_crops_prefer_texture_and_stay_inside():
    image = half_textured()
    corners = draw_crops(image, 16, 500, np.random.default_rng(1))
    assert corners.shape == (500, 2)
    assert (corners >= 0).all() and (corners <= [96 - 16, 120 - 16]).all() and (corners % 2 == 0).all()
    assert (corners[:, 1] + 8 >= 52).mean() > 0.95  # centres: in the textured half, or within the blur of it


@pytest.mark.parametrize("coarser", [1, 2])
def test_crops_of_a_flat_image_are_uniform(coarser):
    corners = draw_crops(np.full((64, 64, 3), 0.3), 16, 2000, np.random.default_rng(1), coarser)
    assert abs(corners.mean() - 23) < 0.7 and corners.min() == 0 and corners.max() == 46  # centres: 8 to 55


def test_crop_of_the_whole_image():
    assert (draw_crops(half_textured()[:96, :96], 96, 5, np.random.default_rng(0)) == 0).all()


def test_sharpness_map_has_mean_one():
    rating = sharpness_map(skimage.data.astronaut()[:128, :160] / 255)
    assert rating.shape == (128, 160) and rating.mean() == pytest.approx(1) and rating.min() >= 0


def test_discriminator_weights_have_spectral_norm_one_after_some_forwards():
    discriminator = PatchDiscriminator(torch.Generator().manual_seed(0))
    first, hidden, last = discriminator._normalised_weights(list(discriminator.weights), count=100)
    for weight in (first[-1], *hidden[-1], last):
        assert torch.linalg.matrix_norm(weight, 2).item() == pytest.approx(1, abs=0.02)


def test_every_call_of_the_discriminator_takes_one_power_iteration():
    discriminator = PatchDiscriminator(torch.Generator().manual_seed(0))
    weight, left = discriminator.weights[3].detach(), discriminator.get_buffer("singular_3").clone()
    for _ in range(2):  # a real and a fake image, say
        discriminator(torch.rand(1, 3, 12, 12))
        right = weight.T @ left / (weight.T @ left).norm()
        left = weight @ right / (weight @ right).norm()
        torch.testing.assert_close(discriminator.get_buffer("singular_3"), left)


def test_images_of_one_call_share_their_statistics():
    """With a flat and a textured image together, the flat one's scores are others than alone."""
    discriminator = PatchDiscriminator(torch.Generator().manual_seed(0))
    images = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    state = {name: value.clone() for name, value in discriminator.state_dict().items()}
    together = discriminator(images)
    discriminator.load_state_dict(state)
    alone = discriminator(images[:1])
    assert together.shape == (200,) and alone.shape == (100,)
    assert (together[:100] - alone).abs().max() > 1e-4


def test_tiled_inference_is_exact_with_the_halo_of_the_network():
    generator = torch.Generator().manual_seed(0)
    weights = [torch.randn(5, 5, 3, 3, generator=generator) / 5 for _ in range(3)]

    def network(x):
        for weight in weights:
            x = F.relu(F.conv2d(x, weight, padding=1))
        return F.interpolate(x, scale_factor=2, mode="nearest")

    image = torch.rand(1, 5, 37, 50, generator=generator)
    assert (tiled(network, image, tile=16, halo=3, scale=2) - network(image)).abs().max() < 1e-6
    assert (tiled(network, image, tile=16, halo=1, scale=2) - network(image)).abs().max() > 1e-3


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_descend_steps_as_adam_after_backward_does(precision):
    network = ConvStack(3, 3, 16, fan_in_normal(2), torch.Generator().manual_seed(0))
    expected = copy.deepcopy(network)
    ours, plain = adam(network.parameters(), (0.5, 0.999)), torch.optim.Adam(expected.parameters(), 1e-3, (0.5, 0.999))
    set_learning_rate(torch.tensor(1e-3), ours)
    image = torch.rand(2, 3, 24, 24, generator=torch.Generator().manual_seed(1))
    for _ in range(3):
        descend(run_wide(network, image, precision).square().mean(), ours)
        plain.zero_grad()
        run_wide(expected, image, precision).square().mean().backward()
        plain.step()
    for weight, wanted in zip(network.parameters(), expected.parameters(), strict=True):
        assert (weight - wanted).abs().max() < 1e-5  # a step is 1e-3


class Quadratic:
    """A training with a known course: gradient steps towards inputs that depend on the iteration."""

    def __init__(self, iterations=130, poison=None):
        self.iterations, self.poison = iterations, poison
        self.networks = torch.nn.Linear(1, 1, bias=False)
        self.networks.weight.data.fill_(0.0)
        self.loss_names = ("loss",)
        self.optimisers = [adam(self.networks.parameters(), (0.5, 0.9))]
        for group in self.optimisers[0].param_groups:
            group["lr"].fill_(0.05)

    def draw(self, chunk):
        target = torch.arange(chunk * 50, (chunk + 1) * 50).float()
        if self.poison is not None:
            target[target == self.poison] = float("nan")
        return {"target": target}

    def step(self, inputs):
        loss = (self.networks.weight - inputs["target"]).square().sum()
        descend(loss, *self.optimisers)
        return loss.detach()[None]


class Memory:
    every = 40

    def __init__(self):
        self.states = []

    def load(self):
        return self.states[-1] if self.states else None

    def save(self, state):
        self.states.append(copy.deepcopy(state))


def test_resumed_training_ends_where_an_uninterrupted_one_does():
    task = Task(torch.zeros(1, 3, 8, 8))
    straight = Quadratic()
    TrainingRun(straight, task).advance(130)
    memory = Memory()
    interrupted = Task(torch.zeros(1, 3, 8, 8), checkpoint=memory)
    TrainingRun(Quadratic(), interrupted).advance(107)  # dies here: the state of iteration 80 was saved
    resumed = Quadratic()
    run = TrainingRun(resumed, interrupted)
    assert run.iteration == 80
    run.advance(130)
    assert torch.equal(resumed.networks.weight, straight.networks.weight)
    assert resumed.networks.weight.item() > 1


class InTurns(Quadratic):
    """Two steps that iterations take in turns, each with losses of its own."""

    @property
    def turns(self):
        return [Turn(self.step, ["towards"]), Turn(self.away, ["away", "count"])]

    def away(self, inputs):
        descend(-0.1 * (self.networks.weight + inputs["target"]).square().sum(), *self.optimisers)
        return torch.stack([inputs["target"], inputs["target"] + 1])


class EveryTrace:
    def __init__(self):
        self.seen = {}

    def wants(self, iteration):
        return True

    def record(self, iteration, losses, restore):
        self.seen[iteration] = losses


def test_steps_are_taken_in_turns_and_a_trace_has_the_last_losses_of_each():
    straight, trace = InTurns(), EveryTrace()
    TrainingRun(straight, Task(torch.zeros(1, 3, 8, 8), trace=trace)).advance(130)
    assert list(trace.seen[1]) == ["towards"] and list(trace.seen[2]) == ["towards", "away", "count"]
    assert trace.seen[4]["towards"] == trace.seen[3]["towards"] != trace.seen[5]["towards"]
    for iteration in (2, 3, 52, 53):
        assert trace.seen[iteration]["count"] == iteration // 2 * 2
    memory = Memory()
    memory.every = 41  # between the two turns
    task = Task(torch.zeros(1, 3, 8, 8), checkpoint=memory)
    TrainingRun(InTurns(), task).advance(60)
    resumed = InTurns()
    TrainingRun(resumed, task).advance(130)
    assert torch.equal(resumed.networks.weight, straight.networks.weight)


def test_divergence_names_the_iteration():
    with pytest.raises(FloatingPointError, match="iteration 61 of 130"):
        TrainingRun(Quadratic(poison=60), Task(torch.zeros(1, 3, 8, 8))).advance(130)


def test_progress_counts_every_iteration():
    seen = []
    TrainingRun(Quadratic(3), Task(torch.zeros(1, 3, 8, 8), progress=lambda *done: seen.append(done))).advance(3)
    assert seen == [(1, 3), (2, 3), (3, 3)]
