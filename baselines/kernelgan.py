"""KernelGAN (Bell-Kligler et al., NeurIPS 2019): the kernel that keeps an image's patches alike across scales."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from baselines.contract import Precision, Restored, Task, check_ranges
from baselines.zeroshot.conv_stack import xavier_normal
from baselines.zeroshot.crops import CropPairs, NoisyCrops, crop_note, crop_side
from baselines.zeroshot.discriminator import PatchDiscriminator
from baselines.zeroshot.downscaler import KERNEL_SIDE, SMALLEST_CROP, LinearDownscaler, filter_valid
from baselines.zeroshot.quirks import chosen_quirks
from baselines.zeroshot.regularisers import BicubicLoss, KernelLoss, bicubic_targets
from baselines.zeroshot.stages import Stages
from baselines.zeroshot.training import (
    TrainingRun,
    adam,
    chunk_generator,
    chunk_span,
    decayed_rate,
    descend,
    set_learning_rate,
)
from baselines.zeroshot.turns import Course
from baselines.zssr import ZSSR
from degradations.resample import shift_kernel

SCALE = 2  # the kernel is estimated at x2; that of x4 follows from it


@dataclass(frozen=True)
class KernelGANZSSR(ZSSR):
    """ZSSR with the kernel that KernelGAN estimates. `iterations` counts for KernelGAN and for each scale of ZSSR."""

    source: ClassVar[str] = "Bell-Kligler, Shocher, Irani 2019: KernelGAN; ZSSR"
    known_quirks: ClassVar[tuple[str, ...]] = ("channel-sum", "noise-in-place", *ZSSR.known_quirks)

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

    def _restore(self, task: Task, scale: int, precision: Precision) -> Course[Restored]:
        stages = Stages(task, 2 if scale == SCALE else 3)
        estimated = yield from stages.run(self._estimate)
        kernels = {SCALE: estimated.cpu().numpy()}  # a checkpoint may have brought it to the device
        if scale == 4:
            kernels[4] = analytic_x4(kernels[SCALE])
        centred = {step: shift_kernel(kernel, step) for step, kernel in kernels.items()}
        sr = yield from self.upscale(task, centred, stages, precision)
        crop = crop_side(task.lr, self.kernel_crop, SCALE, SMALLEST_CROP, "kernelgan-zssr")
        notes = [crop_note(crop, self.kernel_crop), self.note(task, scale)]
        return Restored(sr, kernel=kernels[scale], note="; ".join(dict.fromkeys(filter(None, notes))))

    def _estimate(self, task: Task) -> Course[Tensor]:
        """Train KernelGAN; gives the x2 kernel (n, n) float64."""
        training = KernelGANTraining(self, task)
        yield from TrainingRun(training, task).chunks(self.iterations)
        kernel = training.kernel().cpu().double().numpy()
        return torch.from_numpy(clean_kernel(kernel, self.kept_values, self.cut_share))


class KernelGANTraining:
    """One image's kernel estimation (see `baselines.zeroshot.training.Training`). Images in [-1, 1].

    Always in float32: its networks are too small for less to pay.
    """

    def __init__(self, kernelgan: KernelGANZSSR, task: Task) -> None:
        """Build the networks and draw every crop position.

        Raises:
            ValueError: if the LR image is too small.
        """
        self.kernelgan = kernelgan
        self.iterations, self.seed, self.lr = kernelgan.iterations, task.seed, task.lr * 2 - 1
        quirks = chosen_quirks("kernelgan-zssr", kernelgan.quirks, kernelgan.known_quirks)
        self.channel_sum = "channel-sum" in quirks
        side = crop_side(task.lr, kernelgan.kernel_crop, SCALE, SMALLEST_CROP, "kernelgan-zssr")
        self.fake_side = (side - KERNEL_SIDE) // SCALE + 1  # of G's output: 26
        pairs = CropPairs.draw(task.lr, (side, self.fake_side), self.iterations, self.seed, coarser=SCALE)
        # The noise of real crops is said on the range [0, 1], which is half of this one.
        noise = 2 * kernelgan.noise
        self.crops = NoisyCrops(self.lr, pairs, noise, self.seed, in_place="noise-in-place" in quirks)
        self._build_networks()

    def _build_networks(self) -> None:
        config, generator = self.kernelgan, torch.Generator().manual_seed(self.seed)
        self.down = LinearDownscaler(xavier_normal(0.1), generator)  # release
        self.judge = PatchDiscriminator(generator)
        self.kernel_loss = KernelLoss(KERNEL_SIDE, SCALE)
        self.bicubic_loss = BicubicLoss(config.bicubic_threshold)
        modules = [self.down, self.judge, self.kernel_loss, self.bicubic_loss]
        self.networks = nn.ModuleList(modules).to(self.lr)
        betas = (config.kernel_beta1, config.kernel_beta2)
        self.down_adam, self.judge_adam = adam(self.down.parameters(), betas), adam(self.judge.parameters(), betas)
        self.optimisers = [self.down_adam, self.judge_adam]

    def draw(self, chunk: int) -> dict[str, Tensor]:
        """Cut the crops, draw the noise and the schedule of one chunk of iterations."""
        config, device = self.kernelgan, self.lr.device
        iterations = torch.arange(self.iterations)[chunk_span(chunk)]
        large, real = self.crops.cut(chunk)
        fake_noise = torch.randn(real.shape, generator=chunk_generator(self.seed, chunk, device), device=device)
        rate = decayed_rate(config.kernel_rate, config.kernel_decay, config.kernel_decay_every, iterations)
        return {
            "crop": large[:, None],  # (n, 1, 3, 64, 64)
            "real": real[:, None],  # (n, 1, 3, 26, 26)
            "fake_noise": config.noise * fake_noise[:, None],
            "target": bicubic_targets(large, self.fake_side, channel_sum=self.channel_sum)[:, None],
            "rate": rate.to(self.lr),
            "iteration": iterations.to(device),
        }

    def step(self, inputs: dict[str, Tensor]) -> Tensor:
        """One step of G, then one of the discriminator."""
        set_learning_rate(inputs["rate"], self.down_adam, self.judge_adam)
        kernel = self.down.kernel()
        fake = filter_valid(inputs["crop"], kernel, SCALE)  # (1, 3, 26, 26)
        constraints = self.bicubic_loss.constraints()  # as they were before this iteration
        bicubic_loss = self.bicubic_loss(fake, inputs["target"], inputs["iteration"])
        loss = (self.judge(fake) - 1).abs().mean() + bicubic_loss + self.kernel_loss(kernel, constraints)
        descend(loss, self.down_adam)

        with torch.no_grad():  # the fake to judge is made anew (release)
            fake = filter_valid(inputs["crop"], self.down.kernel(), SCALE)
        real_scores = self.judge(inputs["real"])
        fake_scores = self.judge(fake + inputs["fake_noise"])
        judge_loss = 0.5 * ((real_scores - 1).abs().mean() + fake_scores.abs().mean())
        descend(judge_loss, self.judge_adam)
        return torch.stack([loss, judge_loss]).detach()

    @torch.no_grad()
    def kernel(self) -> Tensor:
        """Give the kernel as it is, not cleaned: (13, 13)."""
        return self.down.kernel()


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
