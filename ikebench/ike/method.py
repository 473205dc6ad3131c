"""IKE as the paper defines it: its hyperparameters, and the restoration of an image."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

from baselines.contract import LATER, Precision, Restored, Task, check_ranges
from baselines.grids import Grid
from baselines.zeroshot.method import ZeroShot
from baselines.zeroshot.sizes import crop_note
from baselines.zeroshot.turns import Course
from degradations.resample import KEYS_A

if TYPE_CHECKING:
    from ikebench.ike.training import IKETraining

Activation = Literal["none", "relu", "leaky-relu"]
EnergySchedule = Literal["linear", "geometric", "late"]
"""From `lambda_energy` to `lambda_energy_end`: in equal steps; by equal factors; constant until half of the run, then
linear."""
RangeName = Literal["signed", "unit"]
"""Of what networks and losses see: [-1, 1] or [0, 1]."""

GRIDS: tuple[Grid, ...] = ("half-pixel", "align-corners", "top-left")
PAPER_ITERATIONS = 3000  # paper: Training Procedure
SMALLEST_LLR = 12
"""px: below, a downscaled crop leaves too few 9x9 windows and 7x7 patches to learn from."""


@dataclass(frozen=True)
class IKE(ZeroShot):
    """Invertible kernel estimator: paper first, the authors' release where the paper is silent."""

    version: ClassVar[int] = 4
    scales: ClassVar[tuple[int, ...]] = (2, 4)
    source: ClassVar[str] = "Chang, Chiu, Huang 2022: Find the way back"
    paper_iterations: ClassVar[int | None] = PAPER_ITERATIONS
    imports: ClassVar[tuple[str, ...]] = ("ikebench.ike.training", "ikebench.ike.kernel", "scipy.sparse")
    effort: ClassVar[float] = 1.0  # benchmarks/estimate.py

    iterations: int = PAPER_ITERATIONS
    blocks: int = 4  # paper: K
    layers: int = 5  # release: dense blocks
    growth: int = 32  # release: dense blocks
    activation: Activation = "none"  # release: its published command is linear
    xavier_gain: float = 0.1  # release: all of the flow and U
    tri_channel: bool = True  # paper: Table 1; off = plain additive coupling
    bicubic_residual: bool = True  # paper: Bicubic Residual; off = the network sees the image itself
    grid: Grid = "half-pixel"  # ours: aligned with the HR; the release: align-corners; top-left as LR = HR[::s, ::s]
    u_layers: int = 8  # paper: Z-upscale module
    u_width: int = 64  # paper: Z-upscale module
    crop: int = 128  # release: LR px
    lambda_forward: float = 1.0  # paper: eq. (6); 0 = off
    lambda_energy: float = 4.0  # paper: eq. (6), at the start; 0 = off
    lambda_energy_end: float = 1.0  # paper: "gradually decrease it to 1"; ours: linearly over the run
    energy_window: int = 9  # paper: eq. (2)
    lambda_backward: float = 5.0  # paper: eq. (7); 0 = off
    lambda_tv: float = 1.0  # paper: eq. (7); 0 = off
    lambda_interpolation: float = 5.0  # paper: eq. (7); 0 = off
    learning_rate: float = 2e-4  # release: Adam
    beta1: float = 0.25  # release: Adam
    beta2: float = 0.999  # release: Adam
    decay_every: int = 750  # release: flow, U and PD1; PD2 keeps its rate
    decay: float = 0.1  # release
    pd2_decay: bool = False  # release: PD2 keeps its rate; on = it decays as the others
    z_gradient: bool = False  # release: U is given Z as data; on = equation (7) reaches the encoder through Z
    noise: float = 1 / 255  # KernelGAN: on PD1's real crops (of the range [0, 1]) and fakes (of [-1, 1])
    # Paper: one network both ways. Off = one each way, as DualSR's: equal at first, the decoder the encoder's no more.
    invertible: bool = field(default=True, metadata=LATER)
    # What else the paper leaves open.
    energy_schedule: EnergySchedule = field(default="linear", metadata=LATER)  # ours; paper: "gradually"
    adam_per_phase: bool = field(default=False, metadata=LATER)  # release: one Adam for the flow; on = one a phase
    # Release: every iteration has both phases. On = odd iterations encode, even ones decode: half as many of each.
    phases_in_turns: bool = field(default=False, metadata=LATER)
    # Release: the flow follows PD2's scores of the whole SR. On = of a random crop of the size that PD2 learns from.
    pd2_crop: bool = field(default=False, metadata=LATER)
    pd2_noise: float = field(default=0.0, metadata=LATER)  # release: off; as `noise`, on PD2's real crops and fakes
    # KernelGAN, release: [-1, 1]. In [0, 1] (DualSR, ZSSR), equations (2), (4) and (5) weigh half beside (1) and (3).
    value_range: RangeName = field(default="signed", metadata=LATER)
    bicubic_a: float = field(default=KEYS_A, metadata=LATER)  # MATLAB; torch, OpenCV: -0.75. Not of align-corners

    def __post_init__(self) -> None:
        """Refuse what cannot be trained."""
        least = {"iterations": 0, "blocks": 1, "layers": 2, "growth": 1, "u_layers": 2, "u_width": 1, "decay_every": 1}
        least |= {"energy_window": 1, "crop": 4 * SMALLEST_LLR, "pd2_noise": 0}
        check_ranges("ike", self, least)
        if self.energy_window > SMALLEST_LLR:
            raise ValueError(f"ike: energy_window must be {SMALLEST_LLR} or less, not {self.energy_window}")
        named = {"activation": get_args(Activation), "grid": GRIDS}
        named |= {"energy_schedule": get_args(EnergySchedule), "value_range": get_args(RangeName)}
        for name, choices in named.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"ike: {name} must be {', '.join(choices)}, not '{getattr(self, name)}'")
        if self.energy_schedule == "geometric" and not (self.lambda_energy > 0 and self.lambda_energy_end > 0):
            raise ValueError("ike: energy_schedule geometric needs lambda_energy and lambda_energy_end above 0")
        if not -1 <= self.bicubic_a <= 0:
            raise ValueError(f"ike: bicubic_a must be from -1 to 0, not {self.bicubic_a}")
        if self.bicubic_a != KEYS_A and self.grid == "align-corners":
            raise ValueError("ike: bicubic_a is not of the grid align-corners, which is torch's, of -0.75")
        if self.z_gradient and not self.invertible:
            raise ValueError("ike: z_gradient is of one network both ways: not with invertible=false")
        if not (self.lambda_backward or self.lambda_tv or self.lambda_interpolation):
            raise ValueError(
                "ike: lambda_backward, lambda_tv and lambda_interpolation are all 0: nothing to decode for"
            )

    def restore(self, task: Task, scale: int, precision: Precision) -> Course[Restored]:
        """Train on one LR image and restore it; each side must have 12 x scale px."""
        from baselines.zeroshot.training import TrainingRun
        from ikebench.ike.kernel import implicit_kernel

        training = self.training(task, scale, precision)
        yield from TrainingRun(training, task).chunks(self.iterations)
        return Restored(training.restore(), implicit_kernel(training), note=crop_note(training.crop, self.crop))

    def training(self, task: Task, scale: int, precision: Precision) -> "IKETraining":
        """Build one image's training."""
        from ikebench.ike.training import IKETraining

        return IKETraining(self, task, scale, precision)
