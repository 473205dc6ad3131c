"""KernelGAN (Bell-Kligler et al., NeurIPS 2019): the kernel that keeps an image's patches alike across scales."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from baselines.contract import Precision, Restored, Task, check_ranges
from baselines.zeroshot.quirks import CHANNEL_SUM, NOISE_IN_PLACE
from baselines.zeroshot.sizes import KERNEL_SIDE, SMALLEST_CROP, crop_note, crop_side
from baselines.zeroshot.stages import Stages
from baselines.zeroshot.turns import Course
from baselines.zssr import ZSSR
from degradations.resample import shift_kernel

if TYPE_CHECKING:
    from torch import Tensor

SCALE = 2  # the kernel is estimated at x2; that of x4 follows from it


@dataclass(frozen=True)
class KernelGANZSSR(ZSSR):
    """ZSSR with the kernel that KernelGAN estimates. `iterations` counts for KernelGAN and for each scale of ZSSR."""

    source: ClassVar[str] = "Bell-Kligler, Shocher, Irani 2019: KernelGAN; ZSSR"
    imports: ClassVar[tuple[str, ...]] = (*ZSSR.imports, "baselines.kernelgan_training")
    known_quirks: ClassVar[tuple[str, ...]] = (CHANNEL_SUM, NOISE_IN_PLACE, *ZSSR.known_quirks)

    kernel_crop: int = 64  # release: px of G's input
    kernel_rate: float = 2e-4  # release: Adam, both networks
    kernel_beta1: float = 0.5  # release: Adam
    kernel_beta2: float = 0.999  # release: Adam
    kernel_decay_every: int = 750  # release
    kernel_decay: float = 0.1  # release
    bicubic_threshold: float = 0.4  # release
    noise: float = 1 / 255  # release: on D's real crops (of the range [0, 1]) and fakes (of [-1, 1])
    kept_values: int = 40  # release: post-processing
    cut_share: float = 0.75  # release: of the largest value that is not kept, subtracted from all

    def __post_init__(self) -> None:
        """Refuse what cannot be trained."""
        least = {"kernel_crop": SMALLEST_CROP, "kernel_decay_every": 1, "kept_values": 1}
        check_ranges("kernelgan-zssr", self, least)  # first: it names this method, ZSSR's own checks name ZSSR
        super().__post_init__()
        if self.kept_values >= KERNEL_SIDE**2:
            raise ValueError(f"kernelgan-zssr: kept_values must be under {KERNEL_SIDE**2}, not {self.kept_values}")

    def restore(self, task: Task, scale: int, precision: Precision) -> Course[Restored]:
        """Estimate the kernel, then train ZSSR with it."""
        stages = Stages(task, 2 if scale == SCALE else 3)
        estimated = yield from stages.run(self._estimate, "KernelGAN")
        kernels = {SCALE: estimated.cpu().numpy()}  # a checkpoint may have brought it to the device
        if scale == 4:
            kernels[4] = analytic_x4(kernels[SCALE])
        centred = {step: shift_kernel(kernel, step) for step, kernel in kernels.items()}
        sr = yield from self.upscale(task, centred, stages, precision)
        crop = crop_side(task.lr, self.kernel_crop, SCALE, SMALLEST_CROP, "kernelgan-zssr")
        notes = [crop_note(crop, self.kernel_crop), self.note(task, scale)]
        return Restored(sr, kernel=kernels[scale], note="; ".join(dict.fromkeys(filter(None, notes))))

    def _estimate(self, task: Task) -> "Course[Tensor]":
        """Train KernelGAN; gives the x2 kernel (n, n) float64."""
        import torch

        from baselines.kernelgan_training import KernelGANTraining
        from baselines.zeroshot.training import TrainingRun

        training = KernelGANTraining(self, task)
        yield from TrainingRun(training, task).chunks(self.iterations)
        kernel = training.kernel().cpu().double().numpy()
        return torch.from_numpy(clean_kernel(kernel, self.kept_values, self.cut_share))


def clean_kernel(kernel: NDArray[np.float64], kept: int, share: float) -> NDArray[np.float64]:
    """Clean an estimated kernel: cut its small values off, sum to 1, centre (KernelGAN release).

    Args:
        kernel: (n, n).
        kept: number of largest values above the cut.
        share: of the next largest value, subtracted from all before clipping at 0.

    Returns:
        (m, m), m > n, its centre of mass at `degradations.resample.kernel_centre`.

    Raises:
        FloatingPointError: if nothing positive is left.
    """
    next_largest = np.sort(kernel, axis=None)[-kept - 1]
    cut = np.clip(kernel - share * next_largest, 0, None)
    if not cut.sum() > 0:
        raise FloatingPointError("KernelGAN's kernel collapsed: nothing positive is left of it")
    return shift_kernel(cut / cut.sum(), SCALE)


def analytic_x4(kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the kernel of two downscalings by 2 in a row (KernelGAN release).

    Args:
        kernel: (n, n) of x2.

    Returns:
        (2n - 1, 2n - 1) or so: the 3n - 2 px of the exact kernel without n // 2 px of its border on each side; sum 1.
    """
    side = len(kernel)
    whole = np.zeros((3 * side - 2, 3 * side - 2))
    for (row, column), value in np.ndenumerate(kernel):
        whole[2 * row : 2 * row + side, 2 * column : 2 * column + side] += value * kernel
    border = side // 2
    cropped = whole[border : len(whole) - border, border : len(whole) - border]
    return cropped / cropped.sum()
