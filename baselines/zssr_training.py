"""ZSSR's network, loss and learning rate (Shocher, Cohen, Irani, CVPR 2018), as KernelGAN's release has them."""

import math
from functools import partial
from typing import Any

import numpy as np
import torch
from scipy.ndimage import uniform_filter
from scipy.stats import linregress
from torch import Tensor, nn

from baselines.contract import Precision, Task
from baselines.grids import Grid
from baselines.resize import Resize, downscale
from baselines.zeroshot.conv_stack import ConvStack, fan_in_normal
from baselines.zeroshot.crops import as_array, cut_crops, framed, gray
from baselines.zeroshot.quirks import BORDER_TAPS, OLD_NUMPY, chosen_quirks
from baselines.zeroshot.training import adam, chunk_generator, chunk_span, descend, run_wide, set_learning_rate
from baselines.zssr import ZSSR, Kernel

LOSS_MAP_FRAME = 3  # KernelGAN release: px of the LR image's border that weigh nothing


class ZSSRTraining:
    """One image's training at one scale (see `baselines.zeroshot.training.Training`).

    The learning rate follows the reconstruction error of the whole image, which is looked at between iterations:
    `review` at those that `next_review` names.
    """

    loss_names = ("reconstruction",)

    def __init__(self, zssr: ZSSR, task: Task, scale: int, kernel: Kernel, precision: Precision = "fp32") -> None:
        """Build the network.

        Args:
            zssr: the hyperparameters.
            task: the LR image.
            scale: of the father to the son.
            kernel: (n, n), n odd, applied by correlation; its centre as it is.
            precision: of the network.

        Raises:
            ValueError: if the LR image is too small.
        """
        self.zssr, self.scale, self._wide = zssr, scale, partial(run_wide, precision=precision)
        self.iterations, self.seed, self.lr = zssr.iterations, task.seed, task.lr
        self.side = zssr.father_side(task.lr, scale)
        self.kernel = torch.from_numpy(kernel).to(self.lr)
        quirks = chosen_quirks("zssr", zssr.quirks, zssr.known_quirks)
        self.grid: Grid = "half-pixel-cut" if BORDER_TAPS in quirks else "half-pixel"
        generator = torch.Generator().manual_seed(self.seed)
        self.net = ConvStack(3, zssr.layers, zssr.width, fan_in_normal(0.1), generator, bias=False)  # release
        self.policy = RatePolicy(zssr)
        self.networks = nn.ModuleList([self.net, self.policy]).to(self.lr)
        self.adam = adam(self.net.parameters(), (0.9, 0.999))
        self.optimisers = [self.adam]
        self.start_rate()
        self.loss_map = _loss_map(self.lr)
        height, width = (length - length % scale for length in self.lr.shape[-2:])
        self.whole = self.lr[..., :height, :width]
        self.whole_son = self._enlarged_son(self.whole, self._noise(self.whole, -1))

    def start_rate(self) -> None:
        """Put the learning rate to where the policy has it."""
        set_learning_rate(self.lr.new_tensor(self.policy.rate), self.adam)

    def _noise(self, fathers: Tensor, chunk: int) -> Tensor | None:
        """Draw the noise of the sons of fathers (n, 3, h, w), where there is to be some: (n, 3, h / s, w / s)."""
        if not self.zssr.son_noise:
            return None
        count, channels, height, width = fathers.shape
        generator = chunk_generator(self.seed, chunk + 1, self.lr.device, self.scale)
        shape = (count, channels, height // self.scale, width // self.scale)
        drawn = torch.randn(shape, generator=generator, device=self.lr.device)
        return self.zssr.son_noise * drawn.to(self.lr)

    def _enlarged_son(self, fathers: Tensor, noise: Tensor | None) -> Tensor:
        """Downscale with the kernel and enlarge bicubically: (n, 3, h, w) -> the same shape."""
        sons = downscale(fathers, self.kernel, self.scale)
        if noise is not None:
            sons = (sons + noise).clamp(0, 1)  # release
        return Resize.bicubic(sons, self.scale, self.grid)(sons)

    def draw(self, chunk: int) -> dict[str, Tensor]:
        """Draw the fathers of one chunk of iterations, and their sons."""
        rng = np.random.default_rng([self.seed, self.scale, chunk])
        count = len(range(self.iterations)[chunk_span(chunk)])
        corners = rng.integers(0, np.array(self.lr.shape[-2:]) - self.side + 1, (count, 2))
        fathers = cut_crops(self.lr, corners, self.side)
        noise = self._noise(fathers, chunk)
        drawn = {
            "father": fathers,
            "son": self._enlarged_son(fathers, noise),
            "weight": cut_crops(self.loss_map, corners, self.side),
        }
        if noise is not None:
            drawn["noise"] = noise
        return {name: crops[:, None] for name, crops in drawn.items()}

    def step(self, inputs: dict[str, Tensor]) -> Tensor:
        """Learn to give the father back from its son."""
        error = self._sharpen(inputs["son"]) - inputs["father"]
        loss = (error.abs() * inputs["weight"]).mean()
        descend(loss, self.adam)
        return loss.detach()[None]

    def _sharpen(self, enlarged: Tensor, *, in_tiles: bool = False) -> Tensor:
        return enlarged + self.net.run(enlarged, self._wide, in_tiles=in_tiles)

    def next_review(self, iteration: int) -> int:
        """Give the next iteration after which there is something to look at."""
        log_every, check_every = self.zssr.log_every, self.zssr.check_every
        next_log = (iteration + log_every - 1) // log_every * log_every + 1  # after the iterations 0, 50, 100, ...
        next_check = (iteration // check_every + 1) * check_every
        return min(next_log, next_check, self.iterations)

    @torch.no_grad()
    def review(self, iteration: int) -> bool:
        """Look at the reconstruction error, lower the learning rate where it is due, and say whether training is over.

        `iteration` iterations have been done. A second look at the same iteration changes nothing.
        """
        policy = self.policy
        if 0 < iteration != policy.reviewed_at:
            policy.reviewed_at = iteration
            if (iteration - 1) % self.zssr.log_every == 0:
                error = self._sharpen(self.whole_son, in_tiles=True).clamp(0, 1) - self.whole
                policy.log(iteration - 1, float(error.square().mean()))
            if iteration % self.zssr.check_every == 0 and policy.lowers(iteration - 1):
                self.start_rate()
        return iteration >= self.iterations or policy.rate < self.zssr.smallest_rate

    @torch.no_grad()
    def restore(self) -> Tensor:
        """Upscale the whole LR image with the network as it is: (1, 3, s h, s w) in [0, 1]."""
        enlarge = Resize.bicubic(self.lr, self.scale, self.grid)
        sr = self._sharpen(enlarge(self.lr), in_tiles=True).clamp(0, 1)
        for _ in range(self.zssr.back_projections):
            sr = (sr + enlarge(self.lr - downscale(sr, self.kernel, self.scale))).clamp(0, 1)
        return sr


class RatePolicy(nn.Module):
    """ZSSR's learning rate: a tenth whenever the reconstruction error has stopped falling (release).

    A module without parameters, so that checkpoints hold its state.
    """

    def __init__(self, zssr: ZSSR) -> None:
        """Start with the full rate."""
        super().__init__()
        self.zssr = zssr
        old = OLD_NUMPY in chosen_quirks("zssr", zssr.quirks, zssr.known_quirks)
        self.widening = math.sqrt((zssr.fit_over - 2) / (zssr.fit_over - 4)) if old else 1.0  # of the standard error
        self.rate = zssr.learning_rate
        self.changed_at = 0
        self.reviewed_at = 0
        self.logged: list[tuple[int, float]] = []

    def log(self, iteration: int, error: float) -> None:
        """Take note of an iteration's reconstruction error (MSE)."""
        self.logged.append((iteration, error))

    def lowers(self, iteration: int) -> bool:
        """Lower the rate if the last errors do not fall by more than chance; says whether it did."""
        zssr = self.zssr
        if iteration - self.changed_at <= zssr.patience or len(self.logged) < zssr.fit_over:
            return False
        iterations, errors = zip(*self.logged[-zssr.fit_over :], strict=True)
        line = linregress(iterations, errors)
        if -zssr.slope_ratio * line.slope >= line.stderr * self.widening:
            return False
        self.rate /= 10
        self.changed_at = iteration
        return True

    def get_extra_state(self) -> dict[str, Any]:
        """Give the state for a checkpoint."""
        return {name: getattr(self, name) for name in ("rate", "changed_at", "reviewed_at", "logged")}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Take the state of a checkpoint."""
        for name, value in state.items():
            setattr(self, name, value)


def _loss_map(lr: Tensor) -> Tensor:
    """Weigh pixels by the gradients around them, mean 1 (KernelGAN release): (1, 3, h, w) -> (1, 1, h, w)."""
    along_y, along_x = np.gradient(gray(as_array(lr)))
    blurred = framed(uniform_filter(np.hypot(along_x, along_y), 5, mode="constant"), LOSS_MAP_FRAME)
    weights = blurred / blurred.mean() if blurred.any() else np.ones_like(blurred)
    return torch.from_numpy(weights)[None, None].to(lr)
