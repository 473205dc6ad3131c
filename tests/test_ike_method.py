"""IKE as a method: shapes, seeds, sizes, switches."""

import pytest
import skimage.data
import torch

from baselines.contract import Task
from baselines.zeroshot.training import TrainingRun
from ikebench.ike.method import IKE
from ikebench.ike.training import IKETraining


def photo(height=48, width=52):
    pixels = skimage.data.astronaut()[60 : 60 + height, 180 : 180 + width]
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255


def restore(lr, scale=2, seed=0, precision="fp32", **settings):
    settings = {"iterations": 2, "crop": 48} | settings
    [restored] = IKE(**settings)([Task(lr, seed=seed)], scale, precision)
    return restored


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("size", [(48, 52), (51, 49), (57, 86)])
def test_output_size_for_any_lr_size(scale, size):
    sr = restore(photo(*size), scale, iterations=1).sr
    assert sr.shape == (1, 3, scale * size[0], scale * size[1]) and torch.isfinite(sr).all()
    bicubic = torch.nn.functional.interpolate(photo(*size), scale_factor=scale, mode="bicubic")
    assert (sr - bicubic).abs().mean() < 0.05  # an image of the same thing, not shifted, not inverted


def test_equal_seeds_give_equal_images_and_others_differ():
    first = restore(photo(), seed=5).sr
    torch.manual_seed(99)  # the global generator plays no part
    assert torch.equal(restore(photo(), seed=5).sr, first)
    assert not torch.equal(restore(photo(), seed=6).sr, first)


def test_global_random_state_is_left_alone():
    before = torch.get_rng_state()
    restore(photo())
    assert torch.equal(torch.get_rng_state(), before)


def test_several_images_are_restored_as_one_by_one():
    tasks = [Task(photo(48, 48), seed=1), Task(photo(52, 60), seed=2)]
    together = IKE(iterations=1, crop=48)(tasks, 2)
    for task, restored in zip(tasks, together, strict=True):
        assert torch.equal(IKE(iterations=1, crop=48)([task], 2)[0].sr, restored.sr)


def test_small_images_train_on_a_smaller_crop_and_say_so():
    restored = restore(photo(40, 61), crop=128)
    assert "40 px" in restored.note
    assert restore(photo(48, 52), crop=48).note == ""


@pytest.mark.parametrize(("scale", "least"), [(2, 24), (4, 48)])
def test_too_small_is_refused_with_the_least_size(scale, least):
    sr = restore(photo(least, least), scale, crop=128, iterations=1).sr
    assert sr.shape == (1, 3, scale * least, scale * least)
    with pytest.raises(ValueError, match=f"60x{least - 1} px.*needs {least} px"):
        restore(photo(least - 1, 60), scale)


SMALL = {"blocks": 3, "growth": 8, "u_width": 8}
"""A flow and a U that take little beside the discriminators."""

SWITCHES = [
    {"lambda_energy": 0.0},
    {"tri_channel": False},
    {"bicubic_residual": False},
    {"lambda_backward": 0.0},
    {"lambda_interpolation": 0.0},
    {"lambda_tv": 0.0},
    {"lambda_forward": 0.0},
    {"activation": "relu"},
    {"activation": "leaky-relu"},
    {"grid": "align-corners"},
    {"blocks": 2},
    {"learning_rate": 1e-3},
    {"noise": 0.1},
    {"decay_every": 1},
]


def restore_with(switch):
    return restore(photo(), **{"iterations": 3, "xavier_gain": 0.5} | SMALL | switch).sr


@pytest.fixture(scope="module")
def unswitched():
    return restore_with({})


@pytest.mark.parametrize(
    "switch", SWITCHES, ids=lambda switch: next(iter(switch)) + "=" + str(next(iter(switch.values())))
)
def test_every_switch_matters(unswitched, switch):
    changed = restore_with(switch)
    assert changed.shape == unswitched.shape and not torch.equal(changed, unswitched)


def test_nothing_but_the_encoder_and_decoder_before_training():
    """At iteration 0 the small weights make the flow nearly the identity: the residual lands on phase (0, 0)."""
    lr = photo()
    training = IKETraining(IKE(iterations=0, xavier_gain=1e-6), Task(lr), 2)
    sr = training.restore()
    down, back, up = training._resizers(lr)
    residual = lr - back(down(lr))
    detail = torch.zeros_like(sr)
    detail[..., ::2, ::2] = residual
    assert (sr - (up(lr) + detail)).abs().max() < 1e-4


def test_tiled_restoration_equals_untiled():
    training = IKETraining(IKE(iterations=1, crop=48, xavier_gain=0.5), Task(photo(60, 70)), 2)
    z = torch.rand(1, 9, 60, 70)
    with torch.no_grad():
        whole = training.u(z)
        assert (training.u.tiled(z, run=training._wide, tile=16) - whole).abs().max() < 1e-5 < whole.abs().max()


def test_learning_rates_follow_the_schedule():
    training = IKETraining(IKE(iterations=5, crop=48, decay_every=2), Task(photo()), 2)
    inputs = training.draw(0)
    assert inputs["rate"].tolist() == pytest.approx([2e-4, 2e-4, 2e-5, 2e-5, 2e-6])
    assert inputs["pd2_rate"].tolist() == pytest.approx([2e-4] * 5)
    assert inputs["energy"].tolist() == pytest.approx([4, 3.25, 2.5, 1.75, 1])
    assert inputs["crop"].shape == (5, 1, 3, 48, 48) and inputs["real"].shape == (5, 1, 3, 24, 24)


def test_training_lowers_what_it_should():
    """Without adversaries only energy, interpolation and smoothness are left, and they go down."""
    alone = {"lambda_forward": 0.0, "lambda_backward": 0.0}
    ike = IKE(iterations=30, crop=48, learning_rate=1e-3, xavier_gain=0.3, **alone, **SMALL)
    training = IKETraining(ike, Task(photo()), 2)
    losses = []
    step = training.step
    training.step = lambda inputs: losses.append(step(inputs)) or losses[-1]
    TrainingRun(training, Task(photo())).advance(30)
    assert losses[-1][-1] < 0.8 * losses[0][-1]


def test_divergence_is_an_error_that_says_when():
    with pytest.raises(FloatingPointError, match="at iteration [123] of 3"):
        restore(photo(), iterations=3, learning_rate=1e30, **SMALL)


def test_bf16_trains_and_stays_close():
    full, half = (restore(photo(), precision=precision, iterations=2).sr for precision in ("fp32", "bf16"))
    assert not torch.equal(full, half) and (full - half).abs().mean() < 0.01


@pytest.mark.parametrize(
    "settings",
    [
        {"iterations": -1},
        {"blocks": 0},
        {"activation": "tanh"},
        {"grid": "corner"},
        {"layers": 1},
        {"crop": 16},
        {"decay_every": 0},
        {"energy_window": 40},
        {"lambda_backward": 0.0, "lambda_tv": 0.0, "lambda_interpolation": 0.0},
    ],
)
def test_impossible_settings(settings):
    with pytest.raises(ValueError, match="ike"):
        IKE(**settings)


class Recorder(torch.nn.Module):
    """Stands in for a discriminator: keeps what it is shown and scores every image by its mean."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))
        self.shown = []

    def forward(self, images):
        self.shown.append(images.detach().clone())
        return self.weight * images.mean(dim=(1, 2, 3))

    def each(self, images):
        return torch.stack([self(image) for image in images])

    def frozen(self, images):
        return self(images)


def test_who_sees_what_and_who_wants_what():
    """The adversaries: which tensors reach PD1 and PD2, one to a call, and which way each loss pulls."""
    training = IKETraining(IKE(iterations=1, crop=48, lambda_energy=0.0, lambda_tv=0.0), Task(photo(60, 60)), 2)
    training.pd1, training.pd2 = Recorder(), Recorder()
    training.pd1_adam, training.pd2_adam = (
        torch.optim.SGD(pd.parameters(), lr=torch.tensor(0.0)) for pd in (training.pd1, training.pd2)
    )
    inputs = {name: drawn[0] for name, drawn in training.draw(0).items()}
    encoding, pd1_loss, decoding, pd2_loss = training.step(inputs)

    judged, real, noisy_fake = training.pd1.shown
    assert judged.shape == (1, 3, 24, 24) and torch.equal(real, inputs["real"])
    fake = noisy_fake - inputs["fake_noise"]
    assert not torch.allclose(
        fake, judged
    )  # made anew after the flow's step, which nears it to what PD1 takes for real
    assert fake.mean() > judged.mean()
    assert encoding.item() == pytest.approx((judged.mean() - 1).abs().item(), rel=1e-5)
    assert pd1_loss.item() == pytest.approx(0.5 * ((real.mean() - 1).abs() + noisy_fake.mean().abs()).item(), rel=1e-5)

    judged, real, *tiles = training.pd2.shown
    assert judged.shape == (1, 3, 96, 96) and torch.equal(real, inputs["crop"]) and len(tiles) == 4
    rows = [torch.cat(tiles[:2], dim=-1), torch.cat(tiles[2:], dim=-1)]
    whole = torch.cat(rows, dim=-2)
    assert not torch.equal(whole, judged)
    torch.testing.assert_close(whole, judged, atol=0.05, rtol=0)
    assert decoding.item() >= 5 * (judged.mean() - 1).abs().item()
    fakes = torch.stack([tile.mean().abs() for tile in tiles]).mean()
    assert pd2_loss.item() == pytest.approx(0.5 * ((real.mean() - 1).abs() + fakes).item(), rel=1e-5)


@pytest.mark.gpu
def test_gpu_gives_nearly_the_cpu_image():
    lr = photo()
    gpu = restore(lr.cuda(), iterations=1).sr.cpu()
    assert (gpu - restore(lr, iterations=1).sr).abs().mean() < 0.01
