"""DualSR (Emad, Peemen, Corporaal, WACV 2021): an upscaler and a downscaler that learn from each other on one image."""

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from baselines.contract import Precision, Restored, Task, check_ranges
from baselines.zeroshot.method import ZeroShot
from baselines.zeroshot.quirks import BORDER_TAPS, CHANNEL_SUM, chosen_quirks
from baselines.zeroshot.sizes import SMALLEST_CROP, crop_note, crop_side
from baselines.zeroshot.stages import Stages
from baselines.zeroshot.turns import Course

if TYPE_CHECKING:
    from torch import Tensor

SCALE = 2  # the released code's only one


@dataclass(frozen=True)
class DualSR(ZeroShot):
    """G_UP and G_DN, cycle-consistent, a patch discriminator judging G_DN. At x4: x2 run twice (ours)."""

    version: ClassVar[int] = 4
    scales: ClassVar[tuple[int, ...]] = (2, 4)
    source: ClassVar[str] = "Emad, Peemen, Corporaal 2021: DualSR"
    paper_iterations: ClassVar[int | None] = 3000
    imports: ClassVar[tuple[str, ...]] = ("baselines.dualsr_training", "scipy.sparse")
    known_quirks: ClassVar[tuple[str, ...]] = (CHANNEL_SUM, BORDER_TAPS)
    effort: ClassVar[float] = 0.8  # benchmarks/estimate.py

    iterations: int = 3000  # release
    layers: int = 8  # release: G_UP
    width: int = 64  # release: G_UP
    crop: int = 128  # release: HR role, in px of the LR image; the LR role has half
    lambda_cycle: float = 5.0  # release
    lambda_interpolation: float = 2.0  # release
    lambda_kernel: float = 2.0  # release: of the kernel's regularisers
    bicubic_threshold: float = 0.4  # KernelGAN release
    rate_up: float = 1e-3  # release: Adam, G_UP
    rate_down: float = 2e-4  # release: Adam, G_DN and the discriminator
    beta1: float = 0.5  # release: Adam
    beta2: float = 0.999  # release: Adam
    decay_every: int = 750  # release
    decay_up: float = 0.5  # release
    decay_down: float = 0.25  # release
    quirks: str = "none"  # `baselines.zeroshot.quirks`; all = as released

    def __post_init__(self) -> None:
        """Refuse what cannot be trained."""
        least = {"iterations": 0, "layers": 2, "width": 1, "crop": SMALLEST_CROP, "decay_every": 1}
        check_ranges("dualsr", self, least)
        chosen_quirks("dualsr", self.quirks, self.known_quirks)

    def restore(self, task: Task, scale: int, precision: Precision) -> Course[Restored]:
        """Train at x2; at x4 once more, on what came of it."""
        rounds = scale // SCALE
        stages = Stages(task, rounds)
        sr, kernel = task.lr, None
        for round_ in range(rounds):
            work = partial(self._double, sr, precision)
            trained = yield from stages.run(work, f"DualSR x{SCALE ** (round_ + 1)}")
            sr = trained["sr"].clamp(0, 1)
        if rounds == 1:  # the kernels of two rounds belong to two images
            kernel = trained["kernel"].cpu().double().numpy()
        side = crop_side(task.lr, self.crop, SCALE, SMALLEST_CROP, "dualsr")
        notes = ["x2 run twice" if rounds > 1 else "", crop_note(side, self.crop)]
        return Restored(sr, kernel, "; ".join(filter(None, notes)))

    def _double(self, lr: "Tensor", precision: Precision, stage: Task) -> "Course[dict[str, Tensor]]":
        """Train on an image (1, 3, h, w) at x2; gives its SR image, not clamped, and its kernel."""
        from baselines.dualsr_training import DualSRTraining
        from baselines.zeroshot.training import TrainingRun

        task = replace(stage, lr=lr)
        training = DualSRTraining(self, task, precision)
        yield from TrainingRun(training, task).chunks(self.iterations)
        return {"sr": training.restore(), "kernel": training.kernel()}
