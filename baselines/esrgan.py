"""ESRGAN (Wang et al., ECCV Workshops 2018): RRDBNet, dense blocks under two levels of skips."""

from dataclasses import dataclass
from math import isqrt
from typing import TYPE_CHECKING, ClassVar

from baselines.layouts import Family, KeyLayout, count
from baselines.normalisation import Normalisation
from baselines.supervised import Supervised

if TYPE_CHECKING:
    from baselines.esrgan_network import RRDBNet

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
                (r"model\.9", "up.3"),  # of x8
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
        KeyLayout("BasicSR", 1, BASICSR),  # mmediting too
    ),
    lambda tensors: 2 ** count(tensors, "up.") // isqrt(tensors["head.weight"].shape[1] // 3),  # BasicSR's x2 is x4 of
    lambda tensors: {  # an image whose pixels have been moved into channels
        "blocks": count(tensors, "blocks."),
        "width": len(tensors["head.weight"]),
        "growth": len(tensors["blocks.0.1.1.weight"]),
    },
)


@dataclass(frozen=True)
class ESRGAN(Supervised):
    """ESRGAN's generator, with the weights that its adversary made."""

    version: ClassVar[int] = 1
    scales: ClassVar[tuple[int, ...]] = (4,)
    source: ClassVar[str] = "Wang et al. 2018: ESRGAN"
    imports: ClassVar[tuple[str, ...]] = ("baselines.esrgan_network",)
    family: ClassVar[Family] = RRDB_FAMILY
    effort: ClassVar[float] = 1.3  # benchmarks/estimate.py

    blocks: int = 23  # paper: section 4.1
    width: int = 64  # release
    growth: int = 32  # release
    residual_scale: float = 0.2  # paper: section 4.1 calls it beta
    tile: int = 512
    """LR px; ours. The receptive field reaches 347 px on each side, so that small tiles would be nearly all overlap;
    DIV2K's LR images at x4 are 510 px at most and fit one."""

    def build(self, scale: int, normalisation: Normalisation) -> "RRDBNet":
        """Build the network: for x4, on [0, 1]."""
        from baselines.esrgan_network import RRDBNet

        return RRDBNet(self.blocks, self.width, self.growth, self.residual_scale)


@dataclass(frozen=True)
class ESRGANPSNR(ESRGAN):
    """The same network with the weights before its adversary came in: trained for PSNR alone."""

    source: ClassVar[str] = "Wang et al. 2018: ESRGAN, the PSNR-oriented model"
