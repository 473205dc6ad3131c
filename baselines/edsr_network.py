"""EDSR's network (Lim et al., NTIRE 2017), and what RCAN's has in common with it."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from baselines.normalisation import Normalisation
from baselines.upscaler import UpscalerNet

IN_255 = Normalisation(255)
"""Of the released networks, and of those trained here."""


class HeadBodyTail(UpscalerNet):
    """conv; blocks, conv; long skip; upsampler; conv, on the image minus a mean: EDSR and RCAN.

    Its parameters are named as in the official releases (`head`, `body`, `tail`).
    """

    mean: Tensor

    def __init__(self, scale: int, width: int, blocks: Iterable[nn.Module], normalisation: Normalisation) -> None:
        """Build what is around the blocks; see `EDSRNet`."""
        super().__init__()
        self.head = nn.Sequential(conv(3, width))
        self.body = nn.Sequential(*blocks, conv(width, width))
        self.tail = nn.Sequential(upsampler(scale, width), conv(width, 3))
        self.value_range = normalisation.value_range
        self.register_buffer("mean", torch.tensor(normalisation.mean).view(1, 3, 1, 1), persistent=False)

    def features(self, image: Tensor) -> Tensor:
        """(n, 3, h, w) in [0, 1] -> (n, width, h, w)."""
        features = self.head((image - self.mean) * self.value_range).float()  # autocast: blocks add up in float32
        return self.body(features) + features

    def upscale(self, features: Tensor) -> Tensor:
        """(n, width, h, w) -> (n, 3, s h, s w), nominally in [0, 1]."""
        return self.tail(features) / self.value_range + self.mean


class EDSRNet(HeadBodyTail):
    """The blocks are [conv, ReLU, conv] with a skip."""

    def __init__(
        self, scale: int, blocks: int, width: int, residual_scale: float, normalisation: Normalisation = IN_255
    ) -> None:
        """Build the network with PyTorch's default initialisation, as the release.

        Args:
            scale: 2, 3 or 4.
            blocks: residual blocks.
            width: channels of every hidden layer.
            residual_scale: factor of what a block adds.
            normalisation: of the images inside; the weights' own.
        """
        super().__init__(scale, width, (ResidualBlock(width, residual_scale) for _ in range(blocks)), normalisation)
        self.halo = 2 * blocks + 2  # 3x3 convs of head and body


class ResidualBlock(nn.Module):
    """x + residual_scale * conv(ReLU(conv(x)))."""

    def __init__(self, width: int, residual_scale: float) -> None:
        """Build both convs."""
        super().__init__()
        self.body = nn.Sequential(conv(width, width), nn.ReLU(inplace=True), conv(width, width))
        self.residual_scale = residual_scale

    def forward(self, x: Tensor) -> Tensor:
        """(n, width, h, w) -> the same shape."""
        return x + self.residual_scale * self.body(x)


def upsampler(scale: int, width: int) -> nn.Sequential:
    """One conv and pixel shuffle each: by 3 at once, by 2 as often as `scale` needs."""
    factors = [3] if scale == 3 else [2] * int(math.log2(scale))
    layers: list[nn.Module] = []
    for factor in factors:
        layers += [conv(width, factor**2 * width), nn.PixelShuffle(factor)]
    return nn.Sequential(*layers)


def conv(inputs: int, outputs: int) -> nn.Conv2d:
    """3x3, zero-padded to the same size."""
    return nn.Conv2d(inputs, outputs, 3, padding=1)
