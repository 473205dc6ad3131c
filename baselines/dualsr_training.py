"""DualSR's networks, losses and schedule (Emad, Peemen, Corporaal, WACV 2021)."""

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines.contract import Precision, Task
from baselines.dualsr import SCALE, DualSR
from baselines.grids import Grid
from baselines.resize import Resize
from baselines.zeroshot.conv_stack import ConvStack, fan_in_normal
from baselines.zeroshot.crops import CropPairs
from baselines.zeroshot.discriminator import PatchDiscriminator
from baselines.zeroshot.downscaler import LinearDownscaler, filter_valid, normal_around_mean
from baselines.zeroshot.quirks import BORDER_TAPS, CHANNEL_SUM, chosen_quirks
from baselines.zeroshot.regularisers import BicubicLoss, KernelLoss, bicubic_targets, smoothness_mask
from baselines.zeroshot.sizes import KERNEL_SIDE, SMALLEST_CROP, crop_side
from baselines.zeroshot.training import adam, chunk_span, decayed_rate, descend, run_wide, set_learning_rate

BATCH = 2  # release


class DualSRTraining:
    """One image's training (see `baselines.zeroshot.training.Training`).

    `precision` is G_UP's, where nearly all of the time goes; the others stay in float32.
    """

    loss_names = ("generators", "discriminator")

    def __init__(self, dualsr: DualSR, task: Task, precision: Precision = "fp32") -> None:
        """Build the networks and draw every crop position.

        Raises:
            ValueError: if the LR image is too small.
        """
        self.dualsr, self._wide = dualsr, partial(run_wide, precision=precision)
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
        grid: Grid = "half-pixel-cut" if BORDER_TAPS in self.quirks else "half-pixel"
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
        targets = bicubic_targets(large, self.fake_side, channel_sum=CHANNEL_SUM in self.quirks)
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
            _gan_loss(self.judge.frozen(fake_lr), real=True),
            self.dualsr.lambda_cycle * self._cycle_loss(hr, lr, fake_lr, upscaled, kernel),
            self.dualsr.lambda_interpolation * (inputs["mask"] * (upscaled - inputs["bicubic"])).abs().mean(),
            self.dualsr.lambda_kernel * self._kernel_terms(kernel, fake_lr, inputs),
        ]
        loss = torch.stack(terms).sum()
        descend(loss, self.up_adam, self.down_adam)

        images = torch.stack([fake_lr.detach(), _shaved(lr, self.fake_side)])  # the fake from before the step (release)
        fake_scores, real_scores = self.judge.each(images)
        fake_loss, real_loss = _gan_loss(fake_scores, real=False), _gan_loss(real_scores, real=True)
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
        return large + self.up.run(large, self._wide, in_tiles=in_tiles)

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
