"""The plain forms that speed is measured against do the same mathematics."""

from collections import Counter

import pytest
import skimage.data
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from baselines.contract import Task
from baselines.dualsr import DualSR, DualSRTraining
from baselines.kernelgan import KernelGANTraining, KernelGANZSSR
from benchmarks.plain import plain_forms
from ikebench.ike.method import IKE
from ikebench.ike.release import IKERelease


def task():
    pixels = skimage.data.astronaut()[:80, 180:276]
    return Task(torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255)


BUILDERS = {
    "kernelgan": lambda: KernelGANTraining(KernelGANZSSR(iterations=3), task()),
    "dualsr": lambda: DualSRTraining(DualSR(iterations=3, crop=48), task()),
    "ike": lambda: IKE(iterations=3, crop=64).training(task(), 2, "fp32"),
    "ike-release": lambda: IKERelease(iterations=3, crop=64).training(task(), 2, "fp32"),
}


@pytest.mark.parametrize("name", BUILDERS)
def test_plain_steps_give_the_same_losses(name):
    ours, plain = BUILDERS[name](), BUILDERS[name]()
    inputs = {key: drawn[0] for key, drawn in ours.draw(0).items()}
    expected = ours.step(inputs)
    with plain_forms():
        losses = plain.step(inputs)
    torch.testing.assert_close(losses, expected, rtol=1e-4, atol=1e-5)
    for network, its_plain in zip(ours.networks.children(), plain.networks.children(), strict=True):
        ours_gradient, plain_gradient = (gradients(module) for module in (network, its_plain))
        assert (ours_gradient - plain_gradient).norm() <= 0.02 * plain_gradient.norm()


def gradients(module):
    return torch.cat([torch.zeros(0), *[p.grad.flatten() for p in module.parameters()]])


@pytest.mark.parametrize("name", BUILDERS)
def test_plain_steps_are_plain(name):
    """They have more work to do, and every norm, 7x7 and 1x1 conv of their own."""
    ours, plain = convolutions(BUILDERS[name]()), None
    with plain_forms():
        plain = convolutions(BUILDERS[name]())
    assert plain["work"] > 1.5 * ours["work"]
    assert plain[64, 3, 7, 7] >= ours[64, 3, 7, 7] > 0
    assert plain[64, 64, 1, 1] >= ours[64, 64, 1, 1] + 5


def convolutions(training):
    """Count the convolutions of a step by the shape of their weights, and the operations in all."""
    inputs = {key: drawn[0] for key, drawn in training.draw(0).items()}
    counts = Counter()

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
            if function is torch.ops.aten.convolution.default:
                counts[tuple(arguments[1].shape)] += 1
            return function(*arguments, **(keywords or {}))

    with FlopCounterMode(display=False) as flops, Watch():
        training.step(inputs)
    counts["work"] = flops.get_total_flops()
    return counts


def test_plain_forms_end():
    before = DualSRTraining(DualSR(iterations=1, crop=48), task()).down.kernel()
    with plain_forms():
        pass
    assert not hasattr(DualSRTraining(DualSR(iterations=1, crop=48), task()).down.kernel(), "layers")
    assert before.shape == (13, 13)
