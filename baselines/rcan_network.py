"""RCAN's network (Zhang et al., ECCV 2018)."""

from torch import Tensor, nn

from baselines.edsr_network import IN_255, HeadBodyTail, conv
from baselines.normalisation import Normalisation
from baselines.rcan import RCAN


class RCANNet(HeadBodyTail):
    """The blocks are groups of blocks with channel attention."""

    halo = 64
    """Not the whole receptive field (412 px): the mean over a part differs from that over the image in any case."""

    def __init__(self, scale: int, size: RCAN, normalisation: Normalisation = IN_255) -> None:
        """Build the network; `normalisation` is the weights' own."""
        super().__init__(scale, size.width, (_group(size) for _ in range(size.groups)), normalisation)


class Residual(nn.Module):
    """x + body(x)."""

    def __init__(self, *body: nn.Module) -> None:
        """Take the layers of the body."""
        super().__init__()
        self.body = nn.Sequential(*body)

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) -> the same shape."""
        return x + self.body(x)


class ChannelAttention(nn.Module):
    """Each channel times a weight in (0, 1), which two 1x1 convs make of all channels' means."""

    def __init__(self, width: int, reduction: int) -> None:
        """Build both convs; `conv_du` is the release's name."""
        super().__init__()
        narrow = width // reduction
        self.conv_du = nn.Sequential(
            nn.Conv2d(width, narrow, 1), nn.ReLU(inplace=True), nn.Conv2d(narrow, width, 1), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        """(n, width, h, w) -> the same shape."""
        return x * self.conv_du(x.mean((-2, -1), keepdim=True))  # (n, width, 1, 1)


def _group(size: RCAN) -> Residual:
    return Residual(*(_block(size) for _ in range(size.blocks)), conv(size.width, size.width))


def _block(size: RCAN) -> Residual:
    attention = ChannelAttention(size.width, size.reduction)
    return Residual(conv(size.width, size.width), nn.ReLU(inplace=True), conv(size.width, size.width), attention)
