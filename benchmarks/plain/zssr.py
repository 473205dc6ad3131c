"""ZSSR, plainly."""

import torch
import torch.nn.functional as F
from torch import Tensor

from baselines.zssr_training import ZSSRTraining

from .losses import resized
from .networks import conv_stack, copies


class PlainZSSR:
    """Images in [0, 1]; see `benchmarks.plain.PlainForm`. At the first learning rate; the policy is apart."""

    def __init__(self, training: ZSSRTraining) -> None:
        """Start from the training's weights."""
        self.kernel, self.scale, self.low_border = training.kernel, training.scale, training.grid == "half-pixel"
        self.weights = copies(training.net.weights)
        self.adam = torch.optim.Adam(self.weights, lr=1e-3, betas=(0.9, 0.999))
        self.optimisers = [self.adam]

    def step(self, inputs: dict[str, Tensor], iteration: int) -> list[Tensor]:
        """Learn to give the father back from its son."""
        father, weight = inputs["father"], inputs["weight"]
        radius = len(self.kernel) // 2
        padded = _mirrored(_mirrored(father, radius).mT, radius).mT
        son = F.conv2d(padded.transpose(0, 1), self.kernel[None, None], stride=self.scale).transpose(0, 1)
        if "noise" in inputs:
            son = (son + inputs["noise"]).clamp(0, 1)
        large = resized(son, self.scale, low_border=self.low_border)

        self.adam.zero_grad()
        sr = large + conv_stack(self.weights, [None] * len(self.weights), large)
        loss = ((sr - father).abs() * weight).mean()
        loss.backward()
        self.adam.step()
        return [loss.detach()]


def _mirrored(images: Tensor, border: int) -> Tensor:
    """Repeat lines beyond the left and right edge in reverse, the edge pixel first."""
    return torch.cat([images[..., :border].flip(-1), images, images[..., -border:].flip(-1)], dim=-1)
