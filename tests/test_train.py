"""`ikebench train`: the recipe, the batches, and a training that can be stopped and goes on."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image

from baselines.edsr_network import EDSRNet
from baselines.edsr_recipe import EDSRBaselineRecipe
from baselines.supervised_training import PairSampler, SupervisedTraining, orientations
from degradations.resample import imresize, quantise
from ikebench.train.loop import Validation

CPU = torch.device("cpu")
TINY = EDSRBaselineRecipe(iterations=60, patch=8, batch=4, blocks=1, width=8, learning_rate=1e-2)
QUICK = [
    *("--iterations", 60, "--checkpoint-every", 20),
    *(f"--set=edsr-baseline.{value}" for value in ("patch=8", "batch=2", "blocks=1", "width=8", "learning_rate=1e-3")),
]


def pairs_of(*images, scale=2):
    return [(quantise(imresize(hr, 1 / scale)), hr) for hr in images]


@pytest.fixture(scope="module")
def pairs():
    return pairs_of(skimage.data.chelsea()[60:124, 90:162], skimage.data.coffee()[150:210, 200:266])


def weights_of(training):
    return torch.cat([value.ravel() for value in training.weights().values()])


def new_training(pairs, recipe=TINY, seed=0, precision="fp32"):
    return SupervisedTraining(recipe, PairSampler(pairs, recipe.patch, 2, CPU), seed, precision)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_patches_are_aligned_and_turned_alike(scale):
    hr = np.ascontiguousarray(skimage.data.chelsea()[60:180, 90:186])
    sampler = PairSampler(pairs_of(hr, scale=scale), 24, scale, CPU)
    seen = []
    for orientation in range(8):
        lr_patch, hr_patch = sampler(torch.tensor([[0.0, 0.0, 0.2, (orientation + 0.5) / 8]]))
        shrunk = quantise(imresize(hr_patch[0].permute(1, 2, 0).double().numpy() * 255, 1 / scale))
        given = (lr_patch[0].permute(1, 2, 0) * 255).round().numpy()
        inside = slice(3, -3)  # at its border the shrunk patch does not see its surroundings
        assert np.abs(shrunk[inside, inside] - given[inside, inside]).max() <= 1  # 1: halves round either way
        seen.append(lr_patch)
    assert len(torch.unique(torch.cat(seen), dim=0)) == 8


def test_orientations_are_the_eight_symmetries_of_a_square():
    rows, columns = orientations(3).unbind(1)
    image = torch.arange(9).view(3, 3)
    turned = image[rows, columns]
    expected = [torch.rot90(image, quarter) for quarter in range(4)]
    expected += [part.flip(1) for part in expected]
    assert torch.equal(turned, torch.stack(expected))


def test_crops_come_from_everywhere(pairs):
    first = np.arange(10 * 12 * 3, dtype=np.uint8).reshape(10, 12, 3)
    second = 255 - first[:, :10]
    sampler = PairSampler(pairs_of(np.kron(first, np.ones((2, 2, 1), np.uint8)), scale=2), 8, 2, CPU)
    assert sampler.room.tolist() == [[3, 5]]
    sampler = PairSampler([(image, image) for image in (first, second)], 8, 1, CPU)
    for image, pixels in enumerate((first, second)):
        row, column = (side - 8 for side in pixels.shape[:2])
        lr, _ = sampler(torch.tensor([[(image + 0.5) / 2, 0.999, 0.999, 0.0]], dtype=torch.float64))
        expected = torch.from_numpy(pixels[row:, column:].copy()).permute(2, 0, 1)[None]
        assert torch.equal((lr * 255).round().byte(), expected)


def test_unfit_images_are_refused(pairs):
    with pytest.raises(ValueError, match="no images"):
        PairSampler([], 8, 2, CPU)
    with pytest.raises(ValueError, match="holds no patch of 40 px"):
        PairSampler(pairs, 40, 2, CPU)
    with pytest.raises(ValueError, match="factor of 3"):
        PairSampler(pairs, 8, 3, CPU)


def test_the_rate_is_halved_after_two_thirds():
    recipe = EDSRBaselineRecipe()
    rates = recipe.rates(torch.tensor([0, 199_999, 200_000, 299_999]))
    assert rates.tolist() == pytest.approx([1e-4, 1e-4, 5e-5, 5e-5])
    assert EDSRBaselineRecipe(iterations=30).rates(torch.arange(30)).tolist() == pytest.approx(
        [1e-4] * 20 + [5e-5] * 10
    )


@pytest.mark.parametrize(
    "wrong", [{"batch": 0}, {"patch": -1}, {"learning_rate": 0.0}, {"halve_at": 2.0}, {"beta1": 1}]
)
def test_a_recipe_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        EDSRBaselineRecipe(**wrong)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_training_lowers_the_loss(pairs, precision):
    training = new_training(pairs, precision=precision)
    training.advance(10)
    at_first = training.take_loss()
    training.advance(50)
    training.take_loss()
    training.advance(60)
    assert training.take_loss() < 0.7 * at_first
    assert np.isnan(training.take_loss())


def test_a_resumed_training_gives_the_same_weights(pairs):
    whole = new_training(pairs)
    whole.advance(60)
    stopped = new_training(pairs)
    stopped.advance(60, stop=lambda: stopped.iteration == 23)
    assert stopped.iteration == 23
    resumed = new_training(pairs, seed=0)
    resumed.resume(stopped.state())
    resumed.advance(60)
    assert torch.equal(weights_of(resumed), weights_of(whole)) and resumed.take_loss() == whole.take_loss()
    other = new_training(pairs, seed=1)
    other.advance(60)
    assert not torch.equal(weights_of(other), weights_of(whole))


def test_divergence_is_told(pairs):
    training = new_training(
        pairs, EDSRBaselineRecipe(iterations=60, patch=8, batch=1, blocks=1, width=8, learning_rate=1e30)
    )
    with pytest.raises(FloatingPointError, match="diverged before iteration 50"):
        training.advance(60)


def test_validation_scores_bicubic_as_published_protocols_do(pairs):
    class Upscale(torch.nn.Module):
        def forward(self, image):
            return torch.nn.functional.interpolate(image, scale_factor=2, mode="nearest")

    validation = Validation(pairs, 2, 0, CPU)
    assert 20 < validation(Upscale()) < validation.bicubic < 40
    assert np.isnan(Validation([], 2, 0, CPU).bicubic)


def test_the_halo_covers_what_the_network_sees():
    recipe = EDSRBaselineRecipe(blocks=2, width=4)
    for scale in recipe.scales:
        image = torch.rand(1, 3, 2 * recipe.halo + 9, 9).requires_grad_()
        middle = recipe.halo + 4
        recipe.network(scale)(image)[..., middle * scale : (middle + 1) * scale, :].sum().backward()
        reach = image.grad.abs().amax((0, 1, 3)).nonzero().ravel() - middle
        assert reach.abs().max() <= recipe.halo


def test_train_writes_weights_record_and_log(ikebench, photos, tmp_path):
    validate = tmp_path / "validate"
    validate.mkdir()
    Image.fromarray(skimage.data.astronaut()[:64, 200:280]).save(validate / "astronaut.png")
    outcome = ikebench("train", "edsr-baseline", "--hr", photos, "--validate", validate, *QUICK)
    assert outcome.code == 0, outcome.err
    weights = torch.load("bench/weights/edsr-baseline_x2.pt", weights_only=True)
    assert {name.split(".")[0] for name in weights} == {"head", "body", "tail"}
    assert {"head.0.weight", "body.0.body.2.bias", "tail.0.0.weight", "tail.1.bias"} <= set(weights)
    EDSRNet(2, 1, 8, 1.0).load_state_dict(weights)
    rows = list(csv.DictReader(Path("bench/weights/edsr-baseline_x2.csv").open()))
    assert [row["iteration"] for row in rows] == ["20", "40", "60"]
    assert all(float(row["psnr"]) > 5 and float(row["psnr_bicubic"]) > 20 and row["loss"] for row in rows)
    made = json.loads(Path("bench/weights/edsr-baseline_x2.json").read_text())
    assert set(made["settings"]["images"]) == {"cat", "cup"} and made["iteration"] == 60
    assert made["psnr"] == float(rows[-1]["psnr"]) and made["versions"]["torch"] and made["settings"]["seed"] == 0
    assert not Path("bench/weights/edsr-baseline_x2.checkpoint").exists()


def test_what_is_there_is_not_overwritten(ikebench, photos, monkeypatch, tmp_path):
    monkeypatch.setenv("IKEBENCH_WEIGHTS", str(tmp_path / "own"))
    command = ("train", "edsr-baseline", "--hr", photos, *QUICK)
    assert "PSNR not measured" in ikebench(*command).err
    weights = tmp_path / "own/edsr-baseline_x2.pt"
    before = weights.read_bytes()
    outcome = ikebench(*command)
    assert outcome.code == 0 and "already" in outcome.err
    assert ikebench(*command, "--checkpoint-every", 7).code == 0  # decides no weight
    outcome = ikebench(*command, "--seed", 1)
    assert outcome.code == 2 and "other settings (seed)" in outcome.err and "--restart" in outcome.err
    assert weights.read_bytes() == before
    assert ikebench(*command, "--seed", 1, "--restart").code == 0
    assert weights.read_bytes() != before
    weights.write_bytes(before)
    assert "has been changed" in ikebench(*command, "--seed", 1).err
    weights.with_suffix(".json").unlink()
    assert "is not from `ikebench train`" in ikebench(*command).err


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The workspace of a training that nothing interrupts, made by the first test that asks."""
    return tmp_path_factory.mktemp("train") / "whole"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_it_goes_on_to_the_same_weights(ikebench, photos, tmp_path, whole, how):
    command = ["train", "edsr-baseline", "--hr", photos, *QUICK, "--iterations", 400]
    if not whole.exists():
        assert ikebench(*command, "--workspace", whole).code == 0
    process = subprocess.Popen(
        [sys.executable, "-m", "ikebench", *map(str, command)],
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        # One thread, as these tests have: sums over several threads round in another order.
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent), "OMP_NUM_THREADS": "1"},
    )
    checkpoint = Path("bench/weights/edsr-baseline_x2.checkpoint")
    while not checkpoint.exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(how)
    _, error = process.communicate(timeout=60)
    assert "Traceback" not in error
    assert (process.returncode, "interrupted" in error) == ((130, True) if how == signal.SIGINT else (-how, False))
    assert ikebench(*command, "--seed", 1).code == 2
    outcome = ikebench(*command)
    assert outcome.code == 0 and "going on after iteration" in outcome.err
    one, other = (Path(folder, "weights/edsr-baseline_x2.pt").read_bytes() for folder in (whole, "bench"))
    assert one == other
    logs = [list(csv.DictReader(Path(folder, "weights/edsr-baseline_x2.csv").open())) for folder in (whole, "bench")]
    assert [row["loss"] for row in logs[0]] == [row["loss"] for row in logs[1]]


def test_unusable_images_are_named(ikebench, photos, tmp_path):
    (photos / "broken.png").write_bytes(b"no image")
    Image.fromarray(np.zeros((15, 40, 3), np.uint8)).save(photos / "small.png")
    outcome = ikebench("train", "edsr-baseline", "--hr", photos, *QUICK)
    assert outcome.code == 1 and "refused broken" in outcome.err and "the least is 16 px" in outcome.err
    outcome = ikebench("train", "edsr-baseline", "--hr", photos, *QUICK, "--set", "edsr-baseline.patch=48", "--restart")
    assert outcome.code == 2 and "no image that can be used" in outcome.err
    outcome = ikebench("train", "edsr-baseline", "--hr", photos, "--validate", photos, *QUICK, "--restart")
    assert outcome.code == 2 and "cat is among the --validate images" in outcome.err and "is left" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["edsr-basline", "--hr", "."], "did you mean 'edsr-baseline'"),
        (["edsr-baseline", "--hr", "nowhere"], "--hr nowhere: no such folder"),
        (["edsr-baseline", "--hr", "."], "no images in it"),
        (["edsr-baseline", "--hr", ".", "--scale", "5"], "can be trained for 2, 3, 4"),
        (["edsr-baseline", "--hr", ".", "--set", "edsr-baseline.bach=1"], "did you mean 'batch'"),
        (["edsr-baseline", "--hr", ".", "--set", "ike.blocks=1"], "the network that is trained is edsr-baseline"),
        (["edsr-baseline", "--hr", ".", "--set", "edsr-baseline.batch=0"], "batch must be 1 or more"),
        (["edsr-baseline", "--hr", ".", "--set", "edsr-baseline.beta2=1"], "beta2 must be from 0 to below 1"),
    ],
)
def test_wrong_input_is_one_line(ikebench, arguments, line):
    outcome = ikebench("train", *arguments)
    assert outcome.code == 2 and line in outcome.err and outcome.err.count("\n") <= 2
    assert not Path("bench").exists()


def test_help_names_every_hyperparameter(ikebench):
    text = ikebench("train", "--help").out
    assert all(field.name in text for field in fields(EDSRBaselineRecipe))


def test_in_div2ks_folder_the_training_images_are_taken(ikebench, photos, tmp_path):
    (tmp_path / "DIV2K/DIV2K_valid_HR").mkdir(parents=True)
    photos.rename(tmp_path / "DIV2K/DIV2K_train_HR")
    assert ikebench("train", "edsr-baseline", "--hr", "DIV2K", *QUICK).code == 0
