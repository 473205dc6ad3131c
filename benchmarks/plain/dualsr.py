"""DualSR, plainly."""

import torch
import torch.nn.functional as F
from torch import Tensor

from baselines.dualsr_training import DualSRTraining
from baselines.zeroshot.quirks import BORDER_TAPS, CHANNEL_SUM

from .losses import BicubicSchedule, bicubic_target, kernel_loss, resized, sobel
from .networks import Judge, conv_stack, copies, downscale, kernel_of


class PlainDualSR:
    """Two images at once, in [0, 1]; see `benchmarks.plain.PlainForm`."""

    def __init__(self, training: DualSRTraining) -> None:
        """Start from the training's weights and schedule."""
        self.quirks = training.quirks
        self.up_weights, self.up_biases = copies(training.up.weights), copies(training.up.biases)
        self.down, self.d = copies(training.down.weights), Judge(training.judge)
        self.up_adam = torch.optim.Adam([*self.up_weights, *self.up_biases], lr=1e-3, betas=(0.5, 0.999))
        self.down_adam = torch.optim.Adam(self.down, lr=2e-4, betas=(0.5, 0.999))
        self.d_adam = torch.optim.Adam(self.d.parameters(), lr=2e-4, betas=(0.5, 0.999))
        self.optimisers = [self.up_adam, self.down_adam, self.d_adam]
        bicubic = training.bicubic_loss
        self.schedule = BicubicSchedule(0.4, float(bicubic.weight), int(bicubic.in_a_row), bool(bicubic.similar))

    def step(self, inputs: dict[str, Tensor], iteration: int) -> list[Tensor]:
        """One step of both generators, then D's."""
        real_hr, real_lr = inputs["hr"], inputs["lr"]
        self.up_adam.param_groups[0]["lr"] = 1e-3 * 0.5 ** (iteration // 750)
        for adam in (self.down_adam, self.d_adam):
            adam.param_groups[0]["lr"] = 2e-4 * 0.25 ** (iteration // 750)

        self.up_adam.zero_grad()
        self.down_adam.zero_grad()
        fake_hr = self._up(real_lr)
        back_lr = downscale(self.down, fake_hr, strided=2)
        fake_lr = downscale(self.down, real_hr, strided=2)
        back_hr = self._up(fake_lr)
        gan = (self.d(fake_lr) - 1).square().mean()
        cycles = F.l1_loss(back_lr, _middle(real_lr, back_lr)) + F.l1_loss(back_hr, _middle(real_hr, back_hr))
        bicubic = resized(real_lr, 2, low_border=BORDER_TAPS not in self.quirks)
        smooth = 1 - sobel(bicubic).clamp(0, 1)
        interpolation = F.l1_loss(fake_hr * smooth, bicubic * smooth)
        target = bicubic_target(real_hr, fake_lr.shape[-1], 2, channel_sum=CHANNEL_SUM in self.quirks)
        downscaled = F.mse_loss(fake_lr, target)
        constrained = self.schedule.weight < 5e-3
        regular = self.schedule.weight * downscaled + kernel_loss(kernel_of(self.down), constrained=constrained)
        loss = gan + 5 * cycles + 2 * interpolation + 2 * regular
        loss.backward()
        self.up_adam.step()
        self.down_adam.step()
        self.schedule.follow(iteration, float(downscaled.detach()))

        self.d_adam.zero_grad()
        fake_loss = self.d(fake_lr.detach()).square().mean()
        real_loss = (self.d(_middle(real_lr, fake_lr)) - 1).square().mean()
        d_loss = (real_loss + fake_loss) * 0.5
        d_loss.backward()
        self.d_adam.step()
        return [loss.detach(), d_loss.detach()]

    def _up(self, images: Tensor) -> Tensor:
        large = F.interpolate(images, scale_factor=2, mode="bilinear", align_corners=False)
        return large + conv_stack(self.up_weights, self.up_biases, large)


def _middle(images: Tensor, like: Tensor) -> Tensor:
    """Shave images to the size of others."""
    first, side = (images.shape[-1] - like.shape[-1]) // 2, like.shape[-1]
    return images[..., first : first + side, first : first + side]
