"""DualSR (Emad, Peemen, Corporaal, WACV 2021): an upscaler and a downscaler that learn from each other on one image."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines.contract import Precision, Restored, Task, check_ranges
from baselines.resize import Grid, Resize
from baselines.zeroshot.conv_stack import ConvStack, fan_in_normal
from baselines.zeroshot.crops import CropPairs, crop_note, crop_side
from baselines.zeroshot.discriminator import PatchDiscriminator
from baselines.zeroshot.downscaler import (
    KERNEL_SIDE,
    SMALLEST_CROP,
    LinearDownscaler,
    filter_valid,
    normal_around_mean,
)
from baselines.zeroshot.quirks import chosen_quirks
from baselines.zeroshot.regularisers import BicubicLoss, KernelLoss, bicubic_targets, smoothness_mask
from baselines.zeroshot.stages import Stages
from baselines.zeroshot.training import (
    TrainingRun,
    adam,
    chunk_span,
    decayed_rate,
    descend,
    run_wide,
    set_learning_rate,
)
from baselines.zeroshot.turns import Course, restore_in_turns

SCALE = 2  # the released code's only one
BATCH = 2  # release


@dataclass(frozen=True)
class DualSR:
    """G_UP and G_DN, cycle-consistent, a patch discriminator judging G_DN. At x4: x2 run twice (ours)."""

    version: ClassVar[int] = 4
    scales: ClassVar[tuple[int, ...]] = (2, 4)
    source: ClassVar[str] = "Emad, Peemen, Corporaal 2021: DualSR"
    supervision: ClassVar[str] = "zero-shot"
    paper_iterations: ClassVar[int | None] = 3000
    uses: ClassVar[tuple[str, ...]] = ("seed", "precision")
    known_quirks: ClassVar[tuple[str, ...]] = ("channel-sum", "border-taps")

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

    def __call__(self, tasks: Sequence[Task], scale: int, precision: Precision = "fp32") -> list[Restored]:
        """Train on each LR image and upscale it.

        Raises:
            ValueError: if the LR image is too small.
            FloatingPointError: if training diverges.
        """
        return restore_in_turns(lambda task: self._restore(task, scale, precision), tasks)

    def _restore(self, task: Task, scale: int, precision: Precision) -> Course[Restored]:
        rounds = scale // SCALE
        stages = Stages(task, rounds)
        sr, kernel = task.lr, None
        for _ in range(rounds):
            trained = yield from stages.run(partial(self._double, sr, precision))
            sr = trained["sr"].clamp(0, 1)
        if rounds == 1:  # the kernels of two rounds belong to two images
            kernel = trained["kernel"].cpu().double().numpy()
        side = crop_side(task.lr, self.crop, SCALE, SMALLEST_CROP, "dualsr")
        notes = ["x2 run twice" if rounds > 1 else "", crop_note(side, self.crop)]
        return Restored(sr, kernel, "; ".join(filter(None, notes)))

    def _double(self, lr: Tensor, precision: Precision, stage: Task) -> Course[dict[str, Tensor]]:
        task = replace(stage, lr=lr)
        training = DualSRTraining(self, task, precision)
        yield from TrainingRun(training, task).chunks(self.iterations)
        return {"sr": training.restore(), "kernel": training.kernel()}


class DualSRTraining:
    """One image's training (see `baselines.zeroshot.training.Training`).

    `precision` is G_UP's, where nearly all of the time goes; the others stay in float32.
    """

    def __init__(self, dualsr: DualSR, task: Task, precision: Precision = "fp32") -> None:
        """Build the networks and draw every crop position.

        Raises:
            ValueError: if the LR image is too small.
        """
        self.dualsr, self.precision = dualsr, precision
        self.iterations, self.seed, self.lr = dualsr.iterations, task.seed, task.lr
        self.quirks = chosen_quirks("dualsr", dualsr.quirks, dualsr.known_quirks)
        side = crop_side(task.lr, dualsr.crop, SCALE, SMALLEST_CROP, "dualsr")
        sides = (side, side // SCALE)
        self.pairs = CropPairs.draw(task.lr, sides, BATCH * self.iterations, self.seed, coarser=SCALE)
        self._build_networks()
        betas = (dualsr.beta1, dualsr.beta2)
        self.up_adam, self.down_adam, self.judge_adam = (
            adam(network.parameters(), betas) for network in (self.up, self.down, self.judge)
        )
        self.optimisers = [self.up_adam, self.down_adam, self.judge_adam]
        self.fake_side = (side - KERNEL_SIDE) // SCALE + 1  # of G_DN's output: 58
        grid: Grid = "half-pixel-cut" if "border-taps" in self.quirks else "half-pixel"
        self.bicubic = Resize.bicubic(self.lr[..., : sides[1], : sides[1]], SCALE, grid)

    def _build_networks(self) -> None:
        dualsr, generator = self.dualsr, torch.Generator().manual_seed(self.seed)
        self.up = ConvStack(3, dualsr.layers, dualsr.width, fan_in_normal(2), generator)  # He-normal (release)
        self.down = LinearDownscaler(normal_around_mean, generator)
        self.judge = PatchDiscriminator(generator)
        self.kernel_loss = KernelLoss(KERNEL_SIDE, SCALE)
        self.bicubic_loss = BicubicLoss(dualsr.bicubic_threshold)
        modules = [self.up, self.down, self.judge, self.kernel_loss, self.bicubic_loss]
        self.networks = nn.ModuleList(modules).to(self.lr)

    def draw(self, chunk: int) -> dict[str, Tensor]:
        """Cut the crops of one chunk of iterations, and what does not depend on the networks."""
        dualsr, device = self.dualsr, self.lr.device
        span = chunk_span(chunk)
        iterations = torch.arange(self.iterations)[span]
        large, small = self.pairs.cut(self.lr, slice(span.start * BATCH, span.stop * BATCH))
        bicubic = self.bicubic(small)  # (n BATCH, 3, c, c)
        targets = bicubic_targets(large, self.fake_side, channel_sum="channel-sum" in self.quirks)
        drawn = {"hr": large, "lr": small, "bicubic": bicubic, "mask": smoothness_mask(bicubic), "target": targets}
        rate_up = decayed_rate(dualsr.rate_up, dualsr.decay_up, dualsr.decay_every, iterations)
        rate_down = decayed_rate(dualsr.rate_down, dualsr.decay_down, dualsr.decay_every, iterations)
        return {name: images.unflatten(0, (-1, BATCH)) for name, images in drawn.items()} | {
            "rate_up": rate_up.to(self.lr),
            "rate_down": rate_down.to(self.lr),
            "iteration": iterations.to(device),
        }

    def step(self, inputs: dict[str, Tensor]) -> Tensor:
        """One joint step of both generators, then the discriminator's."""
        set_learning_rate(inputs["rate_up"], self.up_adam)
        set_learning_rate(inputs["rate_down"], self.down_adam, self.judge_adam)
        hr, lr = inputs["hr"], inputs["lr"]  # (2, 3, 128, 128), (2, 3, 64, 64)
        kernel = self.down.kernel()
        fake_lr = filter_valid(hr, kernel, SCALE)  # (2, 3, 58, 58)
        upscaled = self._upscale(lr)  # (2, 3, 128, 128)
        terms = [
            _gan_loss(self.judge(fake_lr), real=True),
            self.dualsr.lambda_cycle * self._cycle_loss(hr, lr, fake_lr, upscaled, kernel),
            self.dualsr.lambda_interpolation * (inputs["mask"] * (upscaled - inputs["bicubic"])).abs().mean(),
            self.dualsr.lambda_kernel * self._kernel_terms(kernel, fake_lr, inputs),
        ]
        loss = torch.stack(terms).sum()
        descend(loss, self.up_adam, self.down_adam)

        fake_loss = _gan_loss(self.judge(fake_lr.detach()), real=False)  # the fake from before the step (release)
        real_loss = _gan_loss(self.judge(_shaved(lr, self.fake_side)), real=True)
        judge_loss = 0.5 * (real_loss + fake_loss)
        descend(judge_loss, self.judge_adam)
        return torch.stack([loss, judge_loss]).detach()

    def _cycle_loss(self, hr: Tensor, lr: Tensor, fake_lr: Tensor, upscaled: Tensor, kernel: Tensor) -> Tensor:
        """Down after up, and up after down, give the crop back; its border is left out."""
        back_down = filter_valid(upscaled, kernel, SCALE)  # (2, 3, 58, 58)
        back_up = self._upscale(fake_lr)  # (2, 3, 116, 116)
        down_up = (back_up - _shaved(hr, back_up.shape[-1])).abs().mean()
        return down_up + (back_down - _shaved(lr, back_down.shape[-1])).abs().mean()

    def _kernel_terms(self, kernel: Tensor, fake_lr: Tensor, inputs: dict[str, Tensor]) -> Tensor:
        constraints = self.bicubic_loss.constraints()  # as they were before this iteration
        return self.bicubic_loss(fake_lr, inputs["target"], inputs["iteration"]) + self.kernel_loss(kernel, constraints)

    def _upscale(self, image: Tensor, *, in_tiles: bool = False) -> Tensor:
        """G_UP: (n, 3, h, w) -> (n, 3, 2h, 2w)."""
        large = F.interpolate(image, scale_factor=SCALE, mode="bilinear", align_corners=False)
        return large + (self.up.tiled(large, self._wide) if in_tiles else self._wide(self.up, large))

    def _wide(self, network: nn.Module, image: Tensor) -> Tensor:
        return run_wide(network, image, self.precision)

    @torch.no_grad()
    def restore(self) -> Tensor:
        """Upscale the whole LR image with the networks as they are: (1, 3, 2h, 2w), not clamped."""
        return self._upscale(self.lr, in_tiles=True)

    @torch.no_grad()
    def kernel(self) -> Tensor:
        """Give the downscaling kernel as it is: (13, 13), divided by its sum."""
        kernel = self.down.kernel()
        return kernel / kernel.sum()


def _gan_loss(scores: Tensor, *, real: bool) -> Tensor:
    return (scores - float(real)).square().mean()


def _shaved(image: Tensor, side: int) -> Tensor:
    """Cut the middle (n, c, side, side) out of an image, as many px on every side."""
    border = (image.shape[-1] - side) // 2
    return image[..., border : border + side, border : border + side]
