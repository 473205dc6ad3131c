"""ZSSR (Shocher, Cohen, Irani, CVPR 2018) as KernelGAN's release runs it: with a kernel, without augmentation."""

from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from baselines.contract import LATER, Precision, Restored, Task, check_ranges
from baselines.zeroshot.method import ZeroShot
from baselines.zeroshot.quirks import BORDER_TAPS, OLD_NUMPY, chosen_quirks
from baselines.zeroshot.sizes import crop_note, crop_side
from baselines.zeroshot.stages import Stages
from baselines.zeroshot.turns import Course
from degradations.resample import bicubic_kernel

if TYPE_CHECKING:
    from torch import Tensor

Kernel = NDArray[np.float64]

SMALLEST_SON = 8  # px: below, a son has too little to learn from


@dataclass(frozen=True)
class ZSSR(ZeroShot):
    """A small network learns to upscale the LR image from its own downscaled self; here downscaled bicubically."""

    version: ClassVar[int] = 3
    scales: ClassVar[tuple[int, ...]] = (2, 4)
    source: ClassVar[str] = "Shocher, Cohen, Irani 2018: ZSSR"
    known_quirks: ClassVar[tuple[str, ...]] = (BORDER_TAPS, OLD_NUMPY)
    effort: ClassVar[float] = 0.2  # benchmarks/estimate.py
    paper_iterations: ClassVar[int | None] = 3000
    imports: ClassVar[tuple[str, ...]] = ("baselines.zssr_training",)

    iterations: int = 3000  # release: at most, for each scale of the gradual x4
    layers: int = 8  # release
    width: int = 64  # release
    crop: int = 128  # release: side of a father, px
    learning_rate: float = 1e-3  # release: Adam
    smallest_rate: float = 9e-6  # release: it stops below
    log_every: int = 50  # release: reconstruction error of the whole image
    check_every: int = 60  # release: learning-rate policy
    patience: int = 256  # release: iterations at least between two changes of the rate
    fit_over: int = 5  # release: logged errors that the line is fitted to
    slope_ratio: float = 1.5  # release: rate / 10 if -1.5 x slope is below its standard error
    back_projections: int = 4  # KernelGAN release: 2 on the network's result, and 2 more on that
    # Added to the sons, standard deviation in [0, 1]. Off; for real photographs, which have noise: 0.0125 together with
    # back_projections=0 (ZSSR release: X2_REAL_CONF; KernelGAN release: --real), about 5 / 255 (ZSSR paper).
    son_noise: float = field(default=0.0, metadata=LATER)
    quirks: str = "none"  # `baselines.zeroshot.quirks`; all = as released

    def __post_init__(self) -> None:
        """Refuse what cannot be trained."""
        least = {"iterations": 0, "layers": 2, "width": 1, "crop": 4 * SMALLEST_SON, "log_every": 1, "check_every": 1}
        least |= {"fit_over": 3, "back_projections": 0, "patience": 0, "son_noise": 0}
        check_ranges("zssr", self, least)
        if not 0 < self.smallest_rate <= self.learning_rate:
            raise ValueError("zssr: smallest_rate must lie between 0 and learning_rate, or nothing is trained")
        if OLD_NUMPY in chosen_quirks("zssr", self.quirks, self.known_quirks) and self.fit_over < 5:
            raise ValueError(f"zssr: fit_over must be 5 or more with the quirk {OLD_NUMPY}, not {self.fit_over}")

    def restore(self, task: Task, scale: int, precision: Precision) -> Course[Restored]:
        """Train with the bicubic kernel: at x4 first at x2, then at x4."""
        kernels = {step: bicubic_kernel(step) for step in (2, scale)}
        stages = Stages(task, len(kernels))
        sr = yield from self.upscale(task, kernels, stages, precision)
        return Restored(sr, note=self.note(task, scale))

    def note(self, task: Task, scale: int) -> str:
        """Say it where the fathers are smaller than wanted."""
        return crop_note(self.father_side(task.lr, scale), self.crop)

    def father_side(self, lr: "Tensor", scale: int) -> int:
        """Give the side of the fathers in px.

        Raises:
            ValueError: if the LR image is too small.
        """
        return crop_side(lr, self.crop, scale, SMALLEST_SON * scale, f"zssr at x{scale}")

    def upscale(self, task: Task, kernels: dict[int, Kernel], stages: Stages, precision: Precision) -> "Course[Tensor]":
        """Train at every scale of `kernels` in turn, always on the LR image itself, and upscale it by the last one.

        The network and Adam's state go from scale to scale, the learning rate starts anew (release).

        Returns:
            (1, 3, s h, s w).
        """
        trained: dict[str, Any] = {}
        for scale, kernel in kernels.items():
            trained = yield from stages.run(partial(self._train, trained, scale, kernel, precision), f"ZSSR x{scale}")
        return trained["sr"]

    def _train(
        self, before: dict[str, Any], scale: int, kernel: Kernel, precision: Precision, task: Task
    ) -> Course[dict[str, Any]]:
        from baselines.zeroshot.training import TrainingRun
        from baselines.zssr_training import ZSSRTraining

        training = ZSSRTraining(self, task, scale, kernel, precision)
        if before:
            training.net.load_state_dict(before["network"])
            training.adam.load_state_dict(deepcopy(before["adam"]))  # it would go on in the tensors it is given
            training.start_rate()
        run = TrainingRun(training, task)
        while not training.review(run.iteration):
            yield from run.chunks(training.next_review(run.iteration))
        del run  # and a captured step's memory with it: the whole image needs much
        return {
            "sr": training.restore(),
            "network": training.net.state_dict(),
            "adam": training.adam.state_dict(),
        }


@dataclass(frozen=True)
class ZSSRGroundTruth(ZSSR):
    """ZSSR with the true kernel: the upper bound that papers report. At x4 without the step at x2."""

    uses: ClassVar[tuple[str, ...]] = (*ZSSR.uses, "kernel")

    def restore(self, task: Task, scale: int, precision: Precision) -> Course[Restored]:
        """Train with the task's kernel."""
        if task.kernel is None:
            raise ValueError("zssr-gt needs the true kernel, which this degradation does not have")
        sr = yield from self.upscale(task, {scale: task.kernel}, Stages(task, 1), precision)
        return Restored(sr, note=self.note(task, scale))
