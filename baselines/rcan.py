"""RCAN (Zhang et al., ECCV 2018): groups of residual blocks that weigh their channels by what the whole image holds."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from baselines.edsr import BASICSR_TAIL, OFFICIAL_TAIL, HeadBodyTail, conv
from baselines.layouts import Family, KeyLayout, count, pixel_shuffle_scale
from baselines.supervised import Supervised, parts

RCAN_FAMILY = Family(
    "RCAN",
    (
        KeyLayout(
            "official",  # torchSR too; our own network
            255,
            (
                (r"head\.0", "head"),
                (r"body\.(\d+)\.body\.(\d+)\.body\.([02])", r"groups.\1.\2.\3"),
                (r"body\.(\d+)\.body\.(\d+)\.body\.3\.conv_du\.([02])", r"groups.\1.\2.attention.\3"),
                (r"body\.(\d+)\.body\.\d+", r"groups.\1.after"),
                (r"body\.\d+", "after"),
                *OFFICIAL_TAIL,
            ),
        ),
        KeyLayout(
            "BasicSR",
            255,
            (
                (r"conv_first", "head"),
                (r"body\.(\d+)\.residual_group\.(\d+)\.rcab\.([02])", r"groups.\1.\2.\3"),
                (r"body\.(\d+)\.residual_group\.(\d+)\.rcab\.3\.attention\.1", r"groups.\1.\2.attention.0"),
                (r"body\.(\d+)\.residual_group\.(\d+)\.rcab\.3\.attention\.3", r"groups.\1.\2.attention.2"),
                (r"body\.(\d+)\.conv", r"groups.\1.after"),
                *BASICSR_TAIL,
            ),
        ),
    ),
    pixel_shuffle_scale,
    lambda tensors: (
        f"{len(tensors['head.weight'])} channels, {count(tensors, 'groups.')} groups "
        f"and {count(tensors, 'groups.0.')} blocks"
    ),
)


@dataclass(frozen=True)
class RCAN(Supervised):
    """RCAN as in the paper."""

    version: ClassVar[int] = 1
    scales: ClassVar[tuple[int, ...]] = (2, 3, 4)
    source: ClassVar[str] = "Zhang et al. 2018: Residual channel attention networks"
    family: ClassVar[Family] = RCAN_FAMILY
    uses: ClassVar[tuple[str, ...]] = (*Supervised.uses, "tile")

    groups: int = 10  # paper: section 3.5
    blocks: int = 20  # paper: section 3.5, in each group
    width: int = 64  # paper: section 3.5
    reduction: int = 16  # paper: section 3.5
    tile: int = 1024  # ours: LR px; DIV2K's LR images are 1020 px at most, so that no part of them sees other means

    def build(self, scale: int, value_range: float) -> "RCANNet":
        """Build the network; `value_range` is what white has inside."""
        return RCANNet(scale, self, value_range)

    def note(self, lr: Tensor) -> str:
        """Say where the image was too large for one part."""
        number = parts(lr, self.tile)
        return f"worked in {number} parts, each with its own channel means: not quite as the whole" * (number > 1)


class RCANNet(HeadBodyTail):
    """The blocks are groups of blocks with channel attention."""

    halo = 64
    """Not the whole receptive field (412 px): the mean over a part differs from that over the image in any case."""

    def __init__(self, scale: int, size: RCAN, value_range: float = 255) -> None:
        """Build the network; `value_range` is what white has inside."""
        super().__init__(scale, size.width, (_group(size) for _ in range(size.groups)), value_range)


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
