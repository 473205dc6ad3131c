"""Checkpoint files: what can be read, what is known of the released ones."""

import checkpoints
import pytest
import safetensors.torch
import torch

from baselines.weights import FILES, known_file, known_files, read_weights
from ikebench.catalog import METHODS, method_class


@pytest.mark.parametrize("container", [None, "params", "params_ema", "state_dict"])
def test_every_container_is_opened(tmp_path, container):
    weights = checkpoints.edsr("BasicSR")
    torch.save(weights if container is None else {container: weights, "iteration": 3}, tmp_path / "a.pth")
    read = read_weights(tmp_path / "a.pth")
    assert read.keys() == weights.keys() and all(torch.equal(read[key], weights[key]) for key in weights)


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
    assert "trap" not in capsys.readouterr().out


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
