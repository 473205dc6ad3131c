"""IKE as the authors' released command runs it: where its hyperparameters depart from the paper's."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from baselines.contract import Precision, Task
from baselines.grids import Grid
from baselines.zeroshot.quirks import CHANNEL_SUM, NOISE_IN_PLACE, chosen_quirks
from ikebench.ike.method import IKE

if TYPE_CHECKING:
    from ikebench.ike.release_training import ReleaseTraining


@dataclass(frozen=True)
class IKERelease(IKE):
    """The released IKE: another grid, a reverse pass that is not the inverse, other losses and weights.

    At x4: its command with two stages, where the published one crashes. The energy loss is off, as in the command; if
    asked for, it is the paper's.
    """

    source: ClassVar[str] = "Chang, Chiu, Huang 2022: the authors' code release"
    imports: ClassVar[tuple[str, ...]] = ("ikebench.ike.release_training", "ikebench.ike.kernel", "scipy.sparse")
    known_quirks: ClassVar[tuple[str, ...]] = (CHANNEL_SUM, NOISE_IN_PLACE)

    grid: Grid = "align-corners"  # release
    lambda_energy: float = 0.0  # release: off in the published command
    lambda_backward: float = 2.0  # release
    bicubic_threshold: float = 1.0  # release: where the bicubic loss counts as small
    quirks: str = "all"  # `baselines.zeroshot.quirks`; none = without its mistakes

    def __post_init__(self) -> None:
        """Refuse what cannot be trained."""
        super().__post_init__()
        chosen_quirks("ike-release", self.quirks, self.known_quirks)

    def training(self, task: Task, scale: int, precision: Precision) -> "ReleaseTraining":
        """Build one image's training."""
        from ikebench.ike.release_training import ReleaseTraining

        return ReleaseTraining(self, task, scale, precision)
