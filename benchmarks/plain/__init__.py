"""Every training step a second time, as plainly as a reader of the papers would write it: judge of the fast forms.

Layer by layer, `loss.backward()`, PyTorch's ordinary Adam, contiguous tensors, nothing composed; numbers as releases
have them, written down here once more on purpose. Given to both forms are the crops, their noise and their part of
ZSSR's loss map (tests/test_draws.py and tests/test_releases.py hold those), and ZSSR's kernel.
tests/test_step_for_step.py holds ikebench's steps against these, losses, gradients and weights after every optimiser's
step; benchmarks/step_seconds.py measures how much faster they are. One thing is left out, because it changes nothing:
biases before a batch norm, which cancels them. And one is ours: a dense block of IKE pads its input once
(`networks.dense`), where the release pads before each of its five layers, which differs in a frame of 5 px a block.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from baselines.dualsr_training import DualSRTraining
from baselines.kernelgan_training import KernelGANTraining
from baselines.zssr_training import ZSSRTraining
from ikebench.ike.release_training import ReleaseTraining

from .dualsr import PlainDualSR
from .ike import PlainIKE, PlainRelease
from .kernelgan import PlainKernelGAN
from .zssr import PlainZSSR


class PlainForm(Protocol):
    """One image's training, plainly."""

    optimisers: Sequence[torch.optim.Optimizer]
    """In the order of the training that it judges, their parameters too."""

    def step(self, inputs: dict[str, Tensor], iteration: int) -> list[Tensor]:
        """Train one iteration on the crops and noise of `inputs` and give its losses, in the training's order."""
        ...


def plain_form(training: Any) -> PlainForm:  # noqa: ANN401 (any of the trainings)
    """Start the plain form of a training from its weights, Adam's moments at zero."""
    if isinstance(training, KernelGANTraining):
        return PlainKernelGAN(training)
    if isinstance(training, ZSSRTraining):
        return PlainZSSR(training)
    if isinstance(training, DualSRTraining):
        return PlainDualSR(training)
    return (PlainRelease if isinstance(training, ReleaseTraining) else PlainIKE)(training)
