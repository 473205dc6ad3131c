"""RCAN (Zhang et al., ECCV 2018): groups of residual blocks that weigh their channels by what the whole image holds."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from baselines.edsr import BASICSR_TAIL, OFFICIAL_TAIL
from baselines.layouts import Family, KeyLayout, count, pixel_shuffle_scale
from baselines.normalisation import Normalisation
from baselines.supervised import Supervised, parts

if TYPE_CHECKING:
    from torch import Tensor

    from baselines.rcan_network import RCANNet

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
                *OFFICIAL_TAIL,
                (r"body\.(\d+)\.body\.\d+", r"groups.\1.after"),
                (r"body\.\d+", "after"),
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
    lambda tensors: {
        "groups": count(tensors, "groups."),
        "blocks": count(tensors, "groups.0."),
        "width": len(tensors["head.weight"]),
        "reduction": len(tensors["head.weight"]) // len(tensors["groups.0.0.attention.0.weight"]),
    },
)


@dataclass(frozen=True)
class RCAN(Supervised):
    """RCAN as in the paper."""

    version: ClassVar[int] = 1
    scales: ClassVar[tuple[int, ...]] = (2, 3, 4)
    source: ClassVar[str] = "Zhang et al. 2018: Residual channel attention networks"
    imports: ClassVar[tuple[str, ...]] = ("baselines.rcan_network",)
    family: ClassVar[Family] = RCAN_FAMILY
    uses: ClassVar[tuple[str, ...]] = (*Supervised.uses, "tile")
    effort: ClassVar[float] = 4.0  # benchmarks/estimate.py

    groups: int = 10  # paper: section 3.5
    blocks: int = 20  # paper: section 3.5, in each group
    width: int = 64  # paper: section 3.5
    reduction: int = 16  # paper: section 3.5
    tile: int = 1024  # ours: LR px; DIV2K's LR images are 1020 px at most, so that no part of them sees other means

    def build(self, scale: int, normalisation: Normalisation) -> "RCANNet":
        """Build the network with what its weights were trained on."""
        from baselines.rcan_network import RCANNet

        return RCANNet(scale, self, normalisation)

    def note(self, lr: "Tensor") -> str:
        """Say where the image was too large for one part."""
        number = parts(lr, self.tile)
        return f"worked in {number} parts, each with its own channel means: not quite as the whole" * (number > 1)
