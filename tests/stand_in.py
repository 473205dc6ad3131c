"""Run every zero-shot training on a device that is not there: `python tests/stand_in.py` prints a line for each.

The device is torch's stand-in for other people's backends, given a name here, under `FakeTensorMode`: its tensors have
shapes and a device and no values, and an operation on tensors of two devices raises, as it does on a GPU. `cuda` itself
cannot be faked: a CPU build of torch has no device guard for it, and autograd ends the process. What the stand-in lacks
is patched: generators of random numbers, casts to bfloat16, fused Adam. Not for tests to import: the name is for good.
"""

import copy
from unittest.mock import patch

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

from baselines.contract import Task

DEVICE = "standin"


class Module:
    """What torch wants to know of a backend."""

    @staticmethod
    def is_available():
        return True

    @staticmethod
    def device_count():
        return 1

    @staticmethod
    def current_device():
        return 0

    @staticmethod
    def get_amp_supported_dtype():
        return [torch.bfloat16]


def moved(tensor, memo):
    """Give a tensor without values on the stand-in: what `deepcopy` calls for each tensor of a training."""
    options = {"dtype": tensor.dtype, "device": f"{DEVICE}:0"}
    fake = torch.empty_strided(tensor.size(), tensor.stride(), **options)
    return torch.nn.Parameter(fake) if isinstance(tensor, torch.nn.Parameter) else fake


def run(training):
    """Draw a chunk, train an iteration and restore, all on the stand-in."""
    with patch.object(torch.Tensor, "__deepcopy__", moved), patch.object(torch.nn.Parameter, "__deepcopy__", moved):
        training = copy.deepcopy(training)
    inputs = training.draw(0)
    training.step({name: drawn[0] for name, drawn in inputs.items()})
    for ending in ("restore", "kernel"):
        if callable(give := getattr(training, ending, None)):
            give()


def main():
    """Run them all."""
    from test_in_flight import TRAININGS, photo

    _setup_privateuseone_for_python_backend(DEVICE, Module())
    every_operation = torch.library.Library("_", "IMPL")
    every_operation.fallback(torch.library.fallthrough_kernel, "AutocastPrivateUse1")  # it casts nothing
    adam, generator = torch.optim.Adam, torch.Generator
    plain = {"capturable": True, "fused": False, "foreach": False}
    for name, build in TRAININGS.items():
        with patch.object(torch.optim, "Adam", lambda *what, **how: adam(*what, **how | plain)):
            training = build(Task(photo(), seed=3))
        with FakeTensorMode(), patch.object(torch, "Generator", lambda device: generator()):
            run(training)
        print(name, flush=True)


if __name__ == "__main__":
    main()
