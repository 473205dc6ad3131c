"""ESRGAN (Wang et al., ECCV Workshops 2018): RRDBNet, dense blocks under two levels of skips."""

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines.edsr import conv
from baselines.layouts import Family, KeyLayout, count
from baselines.supervised import Supervised, UpscalerNet

DENSE_CONVS = 5  # paper: Figure 4, in each of the three dense blocks of an RRDB
DENSE_BLOCKS = 3
SLOPE = 0.2  # release: of every LeakyReLU

BASICSR = (  # our own network too
    (r"conv_first", "head"),
    (r"body\.(\d+)\.rdb(\d)\.conv(\d)", r"blocks.\1.\2.\3"),
    (r"conv_body", "after"),
    (r"conv_up(\d)", r"up.\1"),
    (r"conv_hr", "hr"),
    (r"conv_last", "last"),
)
RRDB_FAMILY = Family(
    "RRDBNet",
    (
        KeyLayout(
            "old ESRGAN",
            1,
            (
                (r"model\.0", "head"),
                (r"model\.1\.sub\.(\d+)\.RDB(\d)\.conv(\d)\.0", r"blocks.\1.\2.\3"),
                (r"model\.1\.sub\.\d+", "after"),
                (r"model\.3", "up.1"),
                (r"model\.6", "up.2"),
                (r"model\.8", "hr"),
                (r"model\.10", "last"),
            ),
        ),
        KeyLayout(
            "ESRGAN",
            1,
            (
                (r"conv_first", "head"),
                (r"RRDB_trunk\.(\d+)\.RDB(\d)\.conv(\d)", r"blocks.\1.\2.\3"),
                (r"trunk_conv", "after"),
                (r"upconv(\d)", r"up.\1"),
                (r"HRconv", "hr"),
                (r"conv_last", "last"),
            ),
        ),
        KeyLayout("BasicSR", 1, BASICSR),
        KeyLayout("mmediting", 1, BASICSR, prefix="generator."),
    ),
    lambda tensors: 2 ** count(tensors, "up."),
    lambda tensors: f"{len(tensors['head.weight'])} channels and {count(tensors, 'blocks.')} RRDBs",
)


@dataclass(frozen=True)
class ESRGAN(Supervised):
    """ESRGAN's generator, with the weights that its adversary made."""

    version: ClassVar[int] = 1
    scales: ClassVar[tuple[int, ...]] = (4,)
    source: ClassVar[str] = "Wang et al. 2018: ESRGAN"
    family: ClassVar[Family] = RRDB_FAMILY

    blocks: int = 23  # paper: section 4.1
    width: int = 64  # release
    growth: int = 32  # release
    residual_scale: float = 0.2  # paper: section 4.1 calls it beta
    tile: int = 512
    """LR px; ours. The receptive field reaches 347 px on each side, so that small tiles would be nearly all overlap;
    DIV2K's LR images at x4 are 510 px at most and fit one."""

    def build(self, scale: int, value_range: float) -> "RRDBNet":
        """Build the network: for x4, on [0, 1]."""
        return RRDBNet(self.blocks, self.width, self.growth, self.residual_scale)


@dataclass(frozen=True)
class ESRGANPSNR(ESRGAN):
    """The same network with the weights before its adversary came in: trained for PSNR alone."""

    source: ClassVar[str] = "Wang et al. 2018: ESRGAN, the PSNR-oriented model"


class RRDBNet(UpscalerNet):
    """conv; RRDBs, conv; long skip; twice [double by nearest neighbour, conv]; conv; conv. x4, on [0, 1]."""

    def __init__(self, blocks: int, width: int, growth: int, residual_scale: float) -> None:
        """Build the network, named as in BasicSR."""
        super().__init__()
        self.conv_first = conv(3, width)
        self.body = nn.Sequential(*(RRDB(width, growth, residual_scale) for _ in range(blocks)))
        self.conv_body = conv(width, width)
        self.conv_up1, self.conv_up2 = conv(width, width), conv(width, width)
        self.conv_hr, self.conv_last = conv(width, width), conv(width, 3)
        self.halo = DENSE_BLOCKS * DENSE_CONVS * blocks + 2  # all 3x3 convs of `features`

    def features(self, image: Tensor) -> Tensor:
        """(n, 3, h, w) in [0, 1] -> (n, width, h, w)."""
        features = self.conv_first(image).float()  # autocast: the sum of blocks stays exact
        return self.conv_body(self.body(features)) + features

    def upscale(self, features: Tensor) -> Tensor:
        """(n, width, h, w) -> (n, 3, 4 h, 4 w), nominally in [0, 1]."""
        doubled = _leaky(self.conv_up1(F.interpolate(features, scale_factor=2)))
        quadrupled = _leaky(self.conv_up2(F.interpolate(doubled, scale_factor=2)))
        return self.conv_last(_leaky(self.conv_hr(quadrupled)))


class RRDB(nn.Module):
    """x + residual_scale * three dense blocks in a row."""

    def __init__(self, width: int, growth: int, residual_scale: float) -> None:
        """Build the dense blocks."""
        super().__init__()
        self.rdb1, self.rdb2, self.rdb3 = (DenseBlock(width, growth, residual_scale) for _ in range(DENSE_BLOCKS))
        self.residual_scale = residual_scale

    def forward(self, x: Tensor) -> Tensor:
        """(n, width, h, w) -> the same shape."""
        return x + self.residual_scale * self.rdb3(self.rdb2(self.rdb1(x)))


class DenseBlock(nn.Module):
    """x + residual_scale * the last of five convs, each of which sees all before it."""

    def __init__(self, width: int, growth: int, residual_scale: float) -> None:
        """Build the convs."""
        super().__init__()
        self.conv1, self.conv2, self.conv3, self.conv4 = (
            conv(width + number * growth, growth) for number in range(DENSE_CONVS - 1)
        )
        self.conv5 = conv(width + (DENSE_CONVS - 1) * growth, width)
        self.residual_scale = residual_scale

    def forward(self, x: Tensor) -> Tensor:
        """(n, width, h, w) -> the same shape."""
        seen = x
        for layer in (self.conv1, self.conv2, self.conv3, self.conv4):
            seen = torch.cat([seen, _leaky(layer(seen))], dim=1)
        return x + self.residual_scale * self.conv5(seen)


def _leaky(x: Tensor) -> Tensor:
    return F.leaky_relu(x, SLOPE, inplace=True)
