"""RRDBNet, ESRGAN's network (Wang et al., ECCV Workshops 2018)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines.edsr_network import conv
from baselines.upscaler import UpscalerNet

DENSE_CONVS = 5  # paper: Figure 4, in each of the three dense blocks of an RRDB
DENSE_BLOCKS = 3
SLOPE = 0.2  # release: of every LeakyReLU


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
