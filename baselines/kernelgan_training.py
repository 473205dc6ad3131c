"""KernelGAN's networks, losses and schedule (Bell-Kligler et al., NeurIPS 2019)."""

import torch
from torch import Tensor, nn

from baselines.contract import Task
from baselines.kernelgan import SCALE, KernelGANZSSR
from baselines.zeroshot.conv_stack import xavier_normal
from baselines.zeroshot.crops import CropPairs, NoisyCrops
from baselines.zeroshot.discriminator import PatchDiscriminator
from baselines.zeroshot.downscaler import LinearDownscaler, filter_valid
from baselines.zeroshot.quirks import CHANNEL_SUM, NOISE_IN_PLACE, chosen_quirks
from baselines.zeroshot.regularisers import BicubicLoss, KernelLoss, bicubic_targets
from baselines.zeroshot.sizes import KERNEL_SIDE, SMALLEST_CROP, crop_side
from baselines.zeroshot.training import adam, chunk_generator, chunk_span, decayed_rate, descend, set_learning_rate


class KernelGANTraining:
    """One image's kernel estimation (see `baselines.zeroshot.training.Training`). Images in [-1, 1].

    Always in float32: its networks are too small for less to pay.
    """

    loss_names = ("generator", "discriminator")

    def __init__(self, kernelgan: KernelGANZSSR, task: Task) -> None:
        """Build the networks and draw every crop position.

        Raises:
            ValueError: if the LR image is too small.
        """
        self.kernelgan = kernelgan
        self.iterations, self.seed, self.lr = kernelgan.iterations, task.seed, task.lr * 2 - 1
        quirks = chosen_quirks("kernelgan-zssr", kernelgan.quirks, kernelgan.known_quirks)
        self.channel_sum = CHANNEL_SUM in quirks
        side = crop_side(task.lr, kernelgan.kernel_crop, SCALE, SMALLEST_CROP, "kernelgan-zssr")
        self.fake_side = (side - KERNEL_SIDE) // SCALE + 1  # of G's output: 26
        pairs = CropPairs.draw(task.lr, (side, self.fake_side), self.iterations, self.seed, coarser=SCALE)
        # The noise of real crops is said on the range [0, 1], which is half of this one.
        noise = 2 * kernelgan.noise
        self.crops = NoisyCrops(self.lr, pairs, noise, self.seed, in_place=NOISE_IN_PLACE in quirks)
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
        loss = (self.judge.frozen(fake) - 1).abs().mean() + bicubic_loss + self.kernel_loss(kernel, constraints)
        descend(loss, self.down_adam)

        with torch.no_grad():  # the fake to judge is made anew (release)
            fake = filter_valid(inputs["crop"], self.down.kernel(), SCALE)
        real_scores, fake_scores = self.judge.each(torch.stack([inputs["real"], fake + inputs["fake_noise"]]))
        judge_loss = 0.5 * ((real_scores - 1).abs().mean() + fake_scores.abs().mean())
        descend(judge_loss, self.judge_adam)
        return torch.stack([loss, judge_loss]).detach()

    @torch.no_grad()
    def kernel(self) -> Tensor:
        """Give the kernel as it is, not cleaned: (13, 13)."""
        return self.down.kernel()
