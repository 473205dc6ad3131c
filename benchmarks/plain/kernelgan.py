"""KernelGAN, plainly."""

import torch
import torch.nn.functional as F
from torch import Tensor

from baselines.kernelgan_training import KernelGANTraining

from .losses import BicubicSchedule, bicubic_target, kernel_loss
from .networks import Judge, copies, downscale, kernel_of


class PlainKernelGAN:
    """Images in [-1, 1]; see `benchmarks.plain.PlainForm`."""

    def __init__(self, training: KernelGANTraining) -> None:
        """Start from the training's weights and schedule."""
        self.channel_sum = training.channel_sum
        self.g, self.d = copies(training.down.weights), Judge(training.judge)
        self.g_adam = torch.optim.Adam(self.g, lr=2e-4, betas=(0.5, 0.999))
        self.d_adam = torch.optim.Adam(self.d.parameters(), lr=2e-4, betas=(0.5, 0.999))
        self.optimisers = [self.g_adam, self.d_adam]
        bicubic = training.bicubic_loss
        self.schedule = BicubicSchedule(0.4, float(bicubic.weight), int(bicubic.in_a_row), bool(bicubic.similar))

    def step(self, inputs: dict[str, Tensor], iteration: int) -> list[Tensor]:
        """G's step, then D's."""
        crop, real, noise = inputs["crop"], inputs["real"], inputs["fake_noise"]
        for optimiser in self.optimisers:
            optimiser.param_groups[0]["lr"] = 2e-4 * 0.1 ** (iteration // 750)

        self.g_adam.zero_grad()
        fake, kernel = downscale(self.g, crop, strided=5), kernel_of(self.g)
        target = bicubic_target(crop, fake.shape[-1], 2, channel_sum=self.channel_sum)
        bicubic = F.mse_loss(fake, target)
        constrained = self.schedule.weight < 5e-3
        loss = (self.d(fake) - 1).abs().mean()
        loss = loss + self.schedule.weight * bicubic + kernel_loss(kernel, constrained=constrained)
        loss.backward()
        self.g_adam.step()
        self.schedule.follow(iteration, float(bicubic.detach()))

        self.d_adam.zero_grad()
        real_scores = self.d(real)
        fake_scores = self.d((downscale(self.g, crop, strided=5) + noise).detach())
        d_loss = 0.5 * ((real_scores - 1).abs().mean() + fake_scores.abs().mean())
        d_loss.backward()
        self.d_adam.step()
        return [loss.detach(), d_loss.detach()]
