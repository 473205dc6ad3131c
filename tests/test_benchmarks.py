"""The plain forms that speed is measured against are plain; tests/test_step_for_step.py says that they are right."""

import runpy
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
import skimage.data
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from baselines.contract import Task
from baselines.dualsr import DualSR
from baselines.dualsr_training import DualSRTraining
from baselines.kernelgan import KernelGANZSSR
from baselines.kernelgan_training import KernelGANTraining
from baselines.zeroshot import discriminator
from benchmarks.plain import plain_form
from ikebench.ike.method import IKE
from ikebench.ike.release import IKERelease


def task():
    pixels = skimage.data.astronaut()[:80, 180:276]
    return Task(torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255)


BUILDERS = {
    "kernelgan": lambda: KernelGANTraining(KernelGANZSSR(iterations=3), task()),
    "dualsr": lambda: DualSRTraining(DualSR(iterations=3, crop=48), task()),
    "ike": lambda: IKE(iterations=3, crop=48).training(task(), 2, "fp32"),
    "ike-release": lambda: IKERelease(iterations=3, crop=48).training(task(), 2, "fp32"),
}


@pytest.mark.parametrize("name", BUILDERS)
def test_plain_steps_are_plain(name):
    """They have more work to do, and every norm, 7x7 and 1x1 conv of their own."""
    training = BUILDERS[name]()
    inputs = {key: drawn[0] for key, drawn in training.draw(0).items()}
    plain = plain_form(training)
    ours, layered = convolutions(lambda: training.step(inputs)), convolutions(lambda: plain.step(inputs, 0))
    assert layered["work"] > 1.5 * ours["work"]
    assert layered[64, 3, 7, 7] >= ours[64, 3, 7, 7] > 0
    assert layered[64, 64, 1, 1] >= ours[64, 64, 1, 1] + 5


def test_a_step_of_ike_is_few_launches_on_a_gpu(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    from launches import operators

    monkeypatch.setattr(discriminator, "score_patches", discriminator.score_in_layers)
    assert 500 < operators(BUILDERS["ike"]()) < 1200


def convolutions(step):
    """Count the convolutions of a step by the shape of their weights, and the operations in all."""
    counts = Counter()

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
            if function is torch.ops.aten.convolution.default:
                counts[tuple(arguments[1].shape)] += 1
            return function(*arguments, **(keywords or {}))

    with FlopCounterMode(display=False) as flops, Watch():
        step()
    counts["work"] = flops.get_total_flops()
    return counts


def test_peaks_without_onednn(monkeypatch):
    monkeypatch.setattr(torch.ops, "mkldnn", SimpleNamespace())
    assert runpy.run_module("benchmarks.peaks")["PRODUCTS"] == {}
