"""How EDSR was trained (Lim et al., NTIRE 2017): the hyperparameters of `baselines.supervised_training`."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from baselines.contract import check_ranges
from baselines.edsr import EDSRBaseline

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class EDSRBaselineRecipe:
    """How the EDSR baseline network is trained.

    Sources: Lim et al., NTIRE 2017, section 4.2, and the authors' release. One thing differs: the release starts x3 and
    x4 from the weights of x2, here every scale is trained from scratch.
    """

    version: ClassVar[int] = 1
    """Raised when equal hyperparameters no longer give equal weights."""
    scales: ClassVar[tuple[int, ...]] = (2, 3, 4)

    iterations: int = 300_000  # release: 300 epochs of 1000
    patch: int = 48  # paper: LR px a side; HR patches are scale times larger
    batch: int = 16  # paper
    learning_rate: float = 1e-4  # paper: Adam; its epsilon of 1e-8 is torch's default
    halve_at: float = 2 / 3  # release: after 200 of 300 epochs; a share, so that shorter trainings keep the shape
    beta1: float = 0.9  # paper: Adam
    beta2: float = 0.999  # paper: Adam
    blocks: int = EDSRBaseline.blocks
    width: int = EDSRBaseline.width

    def __post_init__(self) -> None:
        """Refuse what cannot be trained."""
        check_ranges("edsr-baseline", self, dict.fromkeys(("iterations", "patch", "batch", "blocks", "width"), 1))
        if not self.learning_rate > 0:
            raise ValueError(f"edsr-baseline: learning_rate must be positive, not {self.learning_rate}")
        if not 0 <= self.halve_at <= 1:
            raise ValueError(f"edsr-baseline: halve_at is a share of the iterations, 0 to 1, not {self.halve_at}")

    def network(self, scale: int) -> "nn.Module":
        """Build the network with fresh weights: (n, 3, h, w) -> (n, 3, s h, s w), both in [0, 1]."""
        from baselines.edsr_network import EDSRNet

        return EDSRNet(scale, self.blocks, self.width, EDSRBaseline.residual_scale)

    @property
    def halo(self) -> int:
        """LR px that the network looks around a pixel: one a conv, those after the upsampler less."""
        return 2 * self.blocks + 4

    def rates(self, iterations: "Tensor") -> "Tensor":
        """Give the learning rates (n,) float32 of iterations (n,), counted from 0."""
        import torch

        halved = iterations >= round(self.halve_at * self.iterations)
        return self.learning_rate * torch.where(halved, 0.5, 1.0)
