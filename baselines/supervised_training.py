"""Supervised training on bicubic pairs, as EDSR was trained. Pixels in, a trained network out; no files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from baselines.contract import Precision
from baselines.edsr_recipe import EDSRBaselineRecipe
from baselines.zeroshot.training import CHUNK, adam, descend, set_learning_rate

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class PixelPool:
    """Images of any sizes in one tensor, so that a batch of crops is one gather.

    Attributes:
        values: (pixels of all images, 3) uint8.
        first: (images,) where each image starts.
        width: (images,) px.
    """

    values: Tensor
    first: Tensor
    width: Tensor

    @classmethod
    def of(cls, images: Sequence[Pixels], device: torch.device) -> Self:
        """Put images (h, w, 3) into one pool on the device: a copy (DIV2K's 800 take 6.6 GB)."""
        pixels = np.concatenate([image.reshape(-1, 3) for image in images])
        counts = np.array([image.shape[0] * image.shape[1] for image in images])
        widths = np.array([image.shape[1] for image in images])
        first, width = torch.from_numpy(counts.cumsum() - counts), torch.from_numpy(widths)
        return cls(torch.from_numpy(pixels).to(device), first.to(device), width.to(device))

    def crops(self, image: Tensor, corner: Tensor, grid: Tensor) -> Tensor:
        """Cut a crop from each of the named images.

        Args:
            image: (n,) indices of images.
            corner: (n, 2) row and column of the crops' top-left pixels.
            grid: (n, 2, side, side) row and column, from the corner, of every pixel of the crops.

        Returns:
            (n, 3, side, side) float32 in [0, 1], channels last in memory.
        """
        rows, columns = (grid + corner[:, :, None, None]).unbind(1)  # (n, side, side)
        per_crop = (-1, 1, 1)
        index = self.first[image].view(per_crop) + rows * self.width[image].view(per_crop) + columns
        return self.values[index].permute(0, 3, 1, 2).float() / 255


def orientations(side: int) -> Tensor:
    """Give the eight flips and turns of a square, as where each pixel comes from: (8, 2, side, side) rows, columns."""
    line = torch.arange(side)
    grid = torch.stack(torch.meshgrid(line, line, indexing="ij"))
    turned = torch.stack([torch.rot90(grid, quarter, (1, 2)) for quarter in range(4)])
    return torch.cat([turned, turned.flip(3)])


class PairSampler:
    """Draws batches of aligned LR and HR patches."""

    def __init__(self, pairs: Sequence[tuple[Pixels, Pixels]], patch: int, scale: int, device: torch.device) -> None:
        """Take the images in.

        Args:
            pairs: LR (h, w, 3) and HR (s h, s w, 3) of each image.
            patch: side of an LR patch in px.
            scale: s.
            device: where the pixels are kept and the batches are made.

        Raises:
            ValueError: without images, for an image smaller than a patch, or for sides that do not fit.
        """
        if not pairs:
            raise ValueError("no images to train on")
        for lr, hr in pairs:
            if min(lr.shape[:2]) < patch:
                raise ValueError(f"an LR image of {lr.shape[1]}x{lr.shape[0]} px holds no patch of {patch} px")
            if hr.shape[:2] != (scale * lr.shape[0], scale * lr.shape[1]):
                raise ValueError(f"LR {lr.shape[:2]} and HR {hr.shape[:2]} do not differ by a factor of {scale}")
        self.scale = scale
        self.lr = PixelPool.of([lr for lr, _ in pairs], device)
        self.hr = PixelPool.of([hr for _, hr in pairs], device)
        self.room = torch.tensor([lr.shape[:2] for lr, _ in pairs], device=device) - patch + 1  # (images, 2)
        self.lr_grids = orientations(patch).to(device)
        self.hr_grids = orientations(patch * scale).to(device)

    def __call__(self, where: Tensor) -> tuple[Tensor, Tensor]:
        """Cut a batch.

        Args:
            where: (n, 4) float64 in [0, 1), uniformly random: image, row, column, orientation.

        Returns:
            LR (n, 3, patch, patch) and HR (n, 3, s patch, s patch), float32 in [0, 1], flipped and turned alike.
        """
        image = (where[:, 0] * len(self.room)).long()
        corner = (where[:, 1:3] * self.room[image]).long()  # (n, 2)
        orientation = (where[:, 3] * len(self.lr_grids)).long()
        lr = self.lr.crops(image, corner, self.lr_grids[orientation])
        return lr, self.hr.crops(image, corner * self.scale, self.hr_grids[orientation])


class SupervisedTraining:
    """A network's training and how far it has come."""

    def __init__(self, recipe: EDSRBaselineRecipe, sampler: PairSampler, seed: int, precision: Precision) -> None:
        """Build the network with weights that depend on the seed alone."""
        self.recipe, self.sampler, self.seed, self.precision = recipe, sampler, seed, precision
        self.device = sampler.room.device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = recipe.network(sampler.scale)
        self.network = network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.adam = adam(self.network.parameters(), (recipe.beta1, recipe.beta2))
        self.iteration = 0
        self.loss = torch.full((), float("nan"), device=self.device)  # grey levels, of the last iteration
        self._loss_sum, self._loss_count = torch.zeros((), device=self.device), 0

    def advance(self, until: int, stop: Callable[[], bool] = lambda: False) -> None:
        """Train up to iteration `until`, or until `stop`, asked after every iteration, says so.

        Raises:
            FloatingPointError: if the loss is not finite; looked at every 50 iterations and at the end.
        """
        stopped = False
        while self.iteration < until and not stopped:
            chunk, offset = divmod(self.iteration, CHUNK)
            where, rates = self.draw(chunk)
            for index in range(offset, min(CHUNK, until - chunk * CHUNK)):
                self._step(where[index], rates[index])
                self.iteration += 1
                stopped = stop()
                if stopped:
                    break
            if not torch.isfinite(self._loss_sum):
                raise FloatingPointError(f"training diverged before iteration {self.iteration}: the loss is not finite")

    def draw(self, chunk: int) -> tuple[Tensor, Tensor]:
        """Draw the places of the patches (50, batch, 4) and the learning rates (50,) of a chunk of iterations.

        They depend on the seed and `chunk` alone, so that a resumed training sees the same batches.
        """
        drawn = np.random.default_rng([self.seed, chunk]).random((CHUNK, self.recipe.batch, 4))
        iterations = torch.arange(chunk * CHUNK, (chunk + 1) * CHUNK)
        return torch.from_numpy(drawn).to(self.device), self.recipe.rates(iterations).to(self.device)

    def _step(self, where: Tensor, rate: Tensor) -> None:
        """Train one iteration. Static: no branch on data, no look at a value."""
        set_learning_rate(rate, self.adam)
        lr, hr = self.sampler(where)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            sr = self.network(lr)
        loss = 255 * F.l1_loss(sr.float(), hr)  # release: L1, on the range 0-255
        descend(loss, self.adam)
        self.loss = loss.detach()
        self._loss_sum += self.loss
        self._loss_count += 1

    def take_loss(self) -> float:
        """Give the mean loss, in grey levels, since it was last taken (NaN if nothing was trained since)."""
        mean = float(self._loss_sum) / self._loss_count if self._loss_count else float("nan")
        self._loss_sum.zero_()
        self._loss_count = 0
        return mean

    def state(self) -> dict[str, Any]:
        """Give all that is needed to go on: tensors, numbers and containers of them."""
        return {
            "iteration": self.iteration,
            "network": self.network.state_dict(),
            "adam": self.adam.state_dict(),
            "loss_sum": self._loss_sum,
            "loss_count": self._loss_count,
        }

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from a `state` whose tensors lie on the training's device."""
        self.iteration = state["iteration"]
        self.network.load_state_dict(state["network"])
        self.adam.load_state_dict(state["adam"])
        self._loss_sum, self._loss_count = state["loss_sum"], state["loss_count"]

    def weights(self) -> dict[str, Tensor]:
        """Copy the network's weights to the CPU, in torch's plain memory layout."""
        state = self.network.state_dict()
        return {name: value.cpu().clone(memory_format=torch.contiguous_format) for name, value in state.items()}
