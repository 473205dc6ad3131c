"""Checkpoint files: what can be read, what is known of the released ones."""

from dataclasses import replace

import checkpoints
import pytest
import safetensors.torch
import torch

from baselines.edsr import EDSR, EDSRBaseline
from baselines.esrgan import ESRGAN
from baselines.rcan import RCAN
from baselines.weights import CONTAINERS, FILES, known_file, known_files, read_weights
from ikebench.catalog import METHODS, method_class
from ikebench.weight_files import checked


def wrapped(weights, container):
    """What a training saves: the network in one or two wrappers, the optimiser beside it."""
    for name in reversed(container.split("/") if container else []):
        optimiser = {"state": {0: {"step": torch.ones(1), "exp_avg": torch.ones(3, 3)}}, "param_groups": [{"lr": 1e-4}]}
        weights = {"epoch": 3, "optimizer": optimiser, name: weights, "best": torch.ones(1)}
    return weights


@pytest.mark.parametrize("container", ["", *CONTAINERS, "model/state_dict", "ema/shadow", "checkpoint/net"])
def test_every_container_is_opened(tmp_path, container):
    weights = checkpoints.edsr("BasicSR")
    content = wrapped(weights, container)
    if container.startswith(("ema/", "checkpoint/")):  # names that nobody can list: the one thing that holds tensors
        content = {"epoch": 3, container.partition("/")[0]: {container.partition("/")[2]: weights, "decay": 0.9}}
    torch.save(content, tmp_path / "a.pth")
    read = read_weights(tmp_path / "a.pth")
    assert read.keys() == weights.keys() and all(torch.equal(read[key], weights[key]) for key in weights)


@pytest.mark.parametrize("prefix", ["module.", "model.", "net.", "generator.", "module.model.", "_orig_mod.", "netG."])
@pytest.mark.parametrize(
    ("method", "weights"),
    [
        (EDSR(blocks=2, width=8), checkpoints.edsr("official", 3)),
        (EDSR(blocks=2, width=8), checkpoints.edsr("BasicSR", 3)),
        (EDSR(blocks=2, width=8), checkpoints.edsr("mmediting", 3)),
        (RCAN(), checkpoints.rcan("official", 3)),
        (RCAN(), checkpoints.rcan("BasicSR", 3)),
        (ESRGAN(), checkpoints.rrdb("old")),
        (ESRGAN(), checkpoints.rrdb("ESRGAN")),
        (ESRGAN(), checkpoints.rrdb("BasicSR")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_prefix_is_found_out(prefix, method, weights):
    scale = 4 if isinstance(method, ESRGAN) else 3
    network = method.network(weights, scale)
    others = {"discriminator.0.weight": torch.ones(1), "loss.mean": torch.ones(1)}
    again = method.network({prefix + key: tensor for key, tensor in weights.items()} | others, scale)
    assert method.scale_of({prefix + key: tensor for key, tensor in weights.items()} | others) == scale
    assert again.value_range == network.value_range if hasattr(network, "value_range") else True
    pairs = zip(network.state_dict().values(), again.state_dict().values(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


def test_of_two_networks_the_averaged_one_is_taken():
    weights = checkpoints.edsr("mmediting")
    twice = {"generator_ema" + key.removeprefix("generator"): 2 * tensor for key, tensor in weights.items()} | weights
    state = EDSR(blocks=2, width=8).network(twice, 2).state_dict()
    assert torch.equal(state["head.0.weight"], 2 * weights["generator.conv_first.weight"])
    again = {"other" + key.removeprefix("generator"): tensor for key, tensor in weights.items()} | weights
    with pytest.raises(ValueError, match="several networks begin with generator., other.: save one of them alone"):
        EDSR(blocks=2, width=8).network(again, 2)


@pytest.mark.parametrize(
    ("method", "weights", "sizes"),
    [
        (EDSRBaseline(), checkpoints.edsr("official", 4, 8, 3), {"width": 8, "blocks": 3}),
        (EDSR(), checkpoints.edsr("BasicSR", 2, 16, 1), {"width": 16, "blocks": 1}),
        (RCAN(), checkpoints.rcan("BasicSR", 2, 12, 3, 1, 6), {"groups": 3, "blocks": 1, "width": 12, "reduction": 6}),
        (ESRGAN(), checkpoints.rrdb("old", 12, 5, 1), {"blocks": 1, "width": 12, "growth": 5}),
        (EDSR(), checkpoints.edsr("official", 2, 256, 32), {}),
    ],
)
def test_sizes_are_those_of_the_file(method, weights, sizes):
    sized = method.sized(weights)
    assert sized == replace(method, **sizes)
    scale = method.scale_of(weights)
    assert method.network(weights, scale).state_dict().keys() == sized.network(weights, scale).state_dict().keys()


def test_what_the_file_cannot_tell_is_said():
    small = EDSR().sized(checkpoints.edsr("official"))
    assert small.note(torch.zeros(1, 3, 4, 4)) == "residual_scale 0.1, which the weights do not tell"
    assert EDSR(residual_scale=0.2).sized(checkpoints.edsr("official")).note(torch.zeros(1, 3, 4, 4)) == ""
    assert EDSR().note(torch.zeros(1, 3, 4, 4)) == EDSRBaseline().note(torch.zeros(1, 3, 4, 4)) == ""
    with pytest.raises(ValueError, match="width 256, blocks 32: run them as edsr$"):
        EDSRBaseline().sized(checkpoints.edsr("official", 2, 256, 32))


@pytest.mark.parametrize(
    ("method", "weights", "scale"),
    [
        (EDSR(), checkpoints.edsr("official", 4) | checkpoints.convs(("tail.0.4", 8, 32)), 8),
        (ESRGAN(), checkpoints.rrdb("BasicSR") | checkpoints.convs(("conv_first", 12, 8)), 2),
        (ESRGAN(), checkpoints.rrdb("old") | checkpoints.convs(("model.9", 8, 8)), 8),
    ],
)
def test_weights_for_a_scale_that_the_method_lacks_say_so(method, weights, scale):
    assert method.scale_of(weights) == scale


def test_averaged_weights_are_preferred(tmp_path):
    torch.save({"params": {"a": torch.zeros(1)}, "params_ema": {"a": torch.ones(1)}}, tmp_path / "a.pth")
    assert read_weights(tmp_path / "a.pth")["a"].item() == 1


def test_the_old_file_format_of_torch(tmp_path):
    torch.save({"a": torch.ones(2)}, tmp_path / "a.pt", _use_new_zipfile_serialization=False)
    assert read_weights(tmp_path / "a.pt")["a"].tolist() == [1, 1]


def test_safetensors(tmp_path):
    weights = {key: value.contiguous() for key, value in checkpoints.edsr("BasicSR").items()}
    safetensors.torch.save_file(weights, tmp_path / "a.safetensors")
    read = read_weights(tmp_path / "a.safetensors")
    assert read.keys() == weights.keys() and all(torch.equal(read[key], weights[key]) for key in weights)


def test_damaged_safetensors(tmp_path):
    safetensors.torch.save_file({"a": torch.ones(99)}, tmp_path / "whole.safetensors")
    (tmp_path / "a.safetensors").write_bytes((tmp_path / "whole.safetensors").read_bytes()[:-50])
    with pytest.raises(ValueError, match="damaged, or not a checkpoint"):
        read_weights(tmp_path / "a.safetensors")


def test_safetensors_without_its_package(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "safetensors.torch", None)
    (tmp_path / "a.safetensors").write_bytes(b"")
    with pytest.raises(ValueError, match="pip install safetensors"):
        read_weights(tmp_path / "a.safetensors")


class Trap:
    def __reduce__(self):
        return print, ("the trap has sprung",)


@pytest.mark.parametrize("what", ["missing", "text", "cut", "code", "list", "empty"])
def test_what_is_no_checkpoint_is_one_line(tmp_path, capsys, what):
    path = tmp_path / "a.pt"
    torch.save({"code": Trap(), "list": [1], "empty": {"a": 1}}.get(what, {"a": torch.ones(1000)}), path)
    if what == "missing":
        path.unlink()
    if what == "text":
        path.write_text("<html>404</html>")
    if what == "cut":
        path.write_bytes(path.read_bytes()[:-600])
    with pytest.raises(ValueError) as error:
        read_weights(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)
    assert {"code": "holds print", "list": "holds list", "empty": "holds a"}.get(what, "") in str(error.value)
    assert "trap" not in capsys.readouterr().out


def one_channel(weights):
    weights["conv_first.weight"] = weights["conv_first.weight"][:, :1]


def no_dimensions(weights):
    weights["conv_first.weight"] = torch.tensor(1.0)


def a_layer_less(weights):
    del weights["body.0.rdb1.conv1.weight"]


def itself(weights):
    weights.clear()
    weights["a"] = weights


@pytest.mark.parametrize("change", [one_channel, no_dimensions, a_layer_less, itself])
def test_weights_of_an_unexpected_shape_are_one_line(tmp_path, change):
    weights = dict(checkpoints.rrdb("BasicSR"))
    change(weights)
    torch.save(weights, tmp_path / "a.pth")
    with pytest.raises(ValueError) as error:
        checked(ESRGAN(), tmp_path / "a.pth")
    words = "damaged, or not" if change is itself else "these weights lack a layer of RRDBNet, or one has another shape"
    assert f"a.pth: {words}" in str(error.value) and "\n" not in str(error.value)


def test_the_record_of_released_files():
    names = [name for files in FILES.values() for _, name in files]
    assert len(names) == len(set(names))
    for method, scale in FILES:
        assert method in METHODS and scale in method_class(method).scales
        assert any(known.url.startswith("https://") for known in known_files(method, scale))
    edsr = known_file("edsr_x4-4f62e9ef.pt")
    assert (edsr.method, edsr.scale, edsr.sha256_prefix) == ("edsr", 4, "4f62e9ef")
    assert edsr.url == "https://cv.snu.ac.kr/research/EDSR/models/edsr_x4-4f62e9ef.pt"
    assert known_file("rcan_x2.pt").sha256_prefix == "" and known_file("mine.pt") is None


@pytest.mark.parametrize("method", sorted({method for method, _ in FILES}))
def test_methods_with_released_weights_have_them_at_every_scale(method):
    assert {scale for name, scale in FILES if name == method} == set(method_class(method).scales)
