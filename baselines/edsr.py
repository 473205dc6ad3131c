"""EDSR (Lim et al., NTIRE 2017): residual blocks without normalisation, and an upsampling tail by pixel shuffle."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from baselines.layouts import DROPPED, Family, KeyLayout, count, pixel_shuffle_scale
from baselines.supervised import Supervised, UpscalerNet

DIV2K_MEAN = (0.4488, 0.4371, 0.4040)  # EDSR release: mean colour of DIV2K's training images, R, G, B in [0, 1]

OFFICIAL_TAIL = (  # conv, pixel shuffle, and at x4 both again; conv. RCAN's too
    (r"tail\.0\.0", "up.0"),
    (r"tail\.0\.2", "up.1"),
    (r"tail\.1", "last"),
    (r"sub_mean|add_mean", DROPPED),  # 1x1 convs that are never trained: the network has its mean as numbers
)
BASICSR_TAIL = (
    (r"conv_after_body", "after"),
    (r"upsample\.0", "up.0"),
    (r"upsample\.2", "up.1"),
    (r"conv_last", "last"),
)
BASICSR_BODY = (
    (r"conv_first", "head"),
    (r"body\.(\d+)\.conv1", r"blocks.\1.0"),
    (r"body\.(\d+)\.conv2", r"blocks.\1.2"),
)
EDSR_FAMILY = Family(
    "EDSR",
    (
        KeyLayout(
            "official",  # torchSR too; our own network
            255,
            (
                (r"head\.0", "head"),
                (r"body\.(\d+)\.body\.([02])", r"blocks.\1.\2"),
                (r"body\.\d+", "after"),
                *OFFICIAL_TAIL,
            ),
        ),
        KeyLayout(
            "mmediting",
            1,  # from its configuration; not confirmed by a PSNR on Set5 yet
            (
                *BASICSR_BODY,
                (r"upsample\.(\d)\.upsample_conv", r"up.\1"),
                *BASICSR_TAIL,
            ),
            prefix="generator.",
        ),
        KeyLayout("BasicSR", 255, (*BASICSR_BODY, *BASICSR_TAIL)),
    ),
    pixel_shuffle_scale,
    lambda tensors: f"{len(tensors['head.weight'])} channels and {count(tensors, 'blocks.')} blocks",
)


@dataclass(frozen=True)
class EDSR(Supervised):
    """EDSR as in the paper; the weights decide what it was trained on (the released ones: bicubic LR of DIV2K)."""

    version: ClassVar[int] = 1
    scales: ClassVar[tuple[int, ...]] = (2, 3, 4)
    source: ClassVar[str] = "Lim et al. 2017: Enhanced deep residual networks"
    family: ClassVar[Family] = EDSR_FAMILY

    blocks: int = 32  # paper: Table 1
    width: int = 256  # paper: Table 1
    residual_scale: float = 0.1  # paper: section 3.1
    tile: int = 512  # ours: LR px; with the overlap, a layer of 256 channels takes 0.4 GB

    def build(self, scale: int, value_range: float) -> "EDSRNet":
        """Build the network; `value_range` is what white has inside."""
        return EDSRNet(scale, self.blocks, self.width, self.residual_scale, value_range)


@dataclass(frozen=True)
class EDSRBaseline(EDSR):
    """The small EDSR of the release: a thirtieth of the parameters."""

    blocks: int = 16  # paper: section 4.3, the baseline model
    width: int = 64  # paper: section 4.3
    residual_scale: float = 1.0  # paper: only the wide network needs it
    tile: int = 1024  # ours: LR px; a quarter of EDSR's channels


class HeadBodyTail(UpscalerNet):
    """conv; blocks, conv; long skip; upsampler; conv, on the image minus DIV2K's mean: EDSR and RCAN.

    Its parameters are named as in the official releases (`head`, `body`, `tail`).
    """

    mean: Tensor

    def __init__(self, scale: int, width: int, blocks: Iterable[nn.Module], value_range: float) -> None:
        """Build what is around the blocks; see `EDSRNet`."""
        super().__init__()
        self.head = nn.Sequential(conv(3, width))
        self.body = nn.Sequential(*blocks, conv(width, width))
        self.tail = nn.Sequential(upsampler(scale, width), conv(width, 3))
        self.value_range = value_range
        self.register_buffer("mean", torch.tensor(DIV2K_MEAN).view(1, 3, 1, 1), persistent=False)

    def features(self, image: Tensor) -> Tensor:
        """(n, 3, h, w) in [0, 1] -> (n, width, h, w)."""
        features = self.head((image - self.mean) * self.value_range).float()  # autocast: blocks add up in float32
        return self.body(features) + features

    def upscale(self, features: Tensor) -> Tensor:
        """(n, width, h, w) -> (n, 3, s h, s w), nominally in [0, 1]."""
        return self.tail(features) / self.value_range + self.mean


class EDSRNet(HeadBodyTail):
    """The blocks are [conv, ReLU, conv] with a skip."""

    def __init__(self, scale: int, blocks: int, width: int, residual_scale: float, value_range: float = 255) -> None:
        """Build the network with PyTorch's default initialisation, as the release.

        Args:
            scale: 2, 3 or 4.
            blocks: residual blocks.
            width: channels of every hidden layer.
            residual_scale: factor of what a block adds.
            value_range: that white has inside; the weights' own.
        """
        super().__init__(scale, width, (ResidualBlock(width, residual_scale) for _ in range(blocks)), value_range)
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
