"""EDSR (Lim et al., NTIRE 2017): residual blocks without normalisation, and an upsampling tail by pixel shuffle."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from baselines.layouts import Family, KeyLayout, Recognised, count, pixel_shuffle_scale
from baselines.normalisation import Normalisation
from baselines.supervised import Supervised

if TYPE_CHECKING:
    from torch import Tensor

    from baselines.edsr_network import EDSRNet

OFFICIAL_TAIL = (  # conv, pixel shuffle, and at x4 both again; conv. RCAN's too
    (r"tail\.0\.0", "up.0"),
    (r"tail\.0\.2", "up.1"),
    (r"tail\.0\.4", "up.2"),
    (r"tail\.1", "last"),
)
BASICSR_TAIL = (
    (r"upsample\.0", "up.0"),
    (r"upsample\.2", "up.1"),
    (r"upsample\.4", "up.2"),
    (r"conv_after_body", "after"),
    (r"conv_last", "last"),
)
BASICSR_BODY = (
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
                *OFFICIAL_TAIL,
                (r"body\.\d+", "after"),
            ),
        ),
        KeyLayout(
            "mmediting",
            1,  # from its configuration; not confirmed by a PSNR on Set5 yet
            (
                (r"conv_first", "head"),
                (r"upsample\.(\d)\.upsample_conv", r"up.\1"),
                *BASICSR_BODY,
                *BASICSR_TAIL,
            ),
        ),
        KeyLayout("BasicSR", 255, ((r"conv_first", "head"), *BASICSR_BODY, *BASICSR_TAIL)),
    ),
    pixel_shuffle_scale,
    lambda tensors: {"width": len(tensors["head.weight"]), "blocks": count(tensors, "blocks.")},
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

    def build(self, scale: int, normalisation: Normalisation) -> "EDSRNet":
        """Build the network with what its weights were trained on."""
        from baselines.edsr_network import EDSRNet

        return EDSRNet(scale, self.blocks, self.width, self.residual_scale, normalisation)

    def _sized(self, found: Recognised) -> Self:
        method = super()._sized(found)
        for name, other in released().items():
            if method != self and method.size == other.size and method.residual_scale != other.residual_scale:
                raise ValueError(f"these weights are {found.words}: run them as {name}")
        return method

    @property
    def size(self) -> tuple[int, int]:
        """Width and blocks."""
        return self.width, self.blocks

    def note(self, lr: "Tensor") -> str:
        """Say what of a network of another size than the released ones' is assumed."""
        known = any(self.size == other.size for other in released().values())
        assumed = not known and self.residual_scale == type(self).residual_scale
        return f"residual_scale {self.residual_scale}, which the weights do not tell" * assumed


@dataclass(frozen=True)
class EDSRBaseline(EDSR):
    """The small EDSR of the release: a thirtieth of the parameters."""

    effort: ClassVar[float] = 0.4  # benchmarks/estimate.py

    blocks: int = 16  # paper: section 4.3, the baseline model
    width: int = 64  # paper: section 4.3
    residual_scale: float = 1.0  # paper: only the wide network needs it
    tile: int = 1024  # ours: LR px; a quarter of EDSR's channels


def released() -> dict[str, EDSR]:
    """Give the networks of the release: name in the catalog -> method."""
    return {"edsr": EDSR(), "edsr-baseline": EDSRBaseline()}
