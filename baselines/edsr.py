"""EDSR (Lim et al., NTIRE 2017): residual blocks without normalisation, and an upsampling tail by pixel shuffle."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from baselines.layouts import DROPPED, Family, KeyLayout, count, pixel_shuffle_scale
from baselines.supervised import Supervised

if TYPE_CHECKING:
    from baselines.edsr_network import EDSRNet

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
    imports: ClassVar[tuple[str, ...]] = ("baselines.edsr_network",)
    family: ClassVar[Family] = EDSR_FAMILY
    effort: ClassVar[float] = 10.0  # benchmarks/estimate.py

    blocks: int = 32  # paper: Table 1
    width: int = 256  # paper: Table 1
    residual_scale: float = 0.1  # paper: section 3.1
    tile: int = 512  # ours: LR px; with the overlap, a layer of 256 channels takes 0.4 GB

    def build(self, scale: int, value_range: float) -> "EDSRNet":
        """Build the network; `value_range` is what white has inside."""
        from baselines.edsr_network import EDSRNet

        return EDSRNet(scale, self.blocks, self.width, self.residual_scale, value_range)


@dataclass(frozen=True)
class EDSRBaseline(EDSR):
    """The small EDSR of the release: a thirtieth of the parameters."""

    effort: ClassVar[float] = 0.4  # benchmarks/estimate.py

    blocks: int = 16  # paper: section 4.3, the baseline model
    width: int = 64  # paper: section 4.3
    residual_scale: float = 1.0  # paper: only the wide network needs it
    tile: int = 1024  # ours: LR px; a quarter of EDSR's channels
