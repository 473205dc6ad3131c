"""One image's training of the released IKE: where it departs from the paper, and nothing else."""

import torch
from torch import Tensor

from baselines.contract import Precision, Task
from baselines.zeroshot.crops import NoisyCrops
from baselines.zeroshot.quirks import CHANNEL_SUM, NOISE_IN_PLACE, chosen_quirks
from baselines.zeroshot.regularisers import BicubicLoss, bicubic_targets, sobel_magnitude
from baselines.zeroshot.training import chunk_span
from ikebench.ike.network import Coupling
from ikebench.ike.release import IKERelease
from ikebench.ike.training import Crop, IKETraining


class ReleaseTraining(IKETraining):
    """One image's training."""

    inverse = staticmethod(Coupling.released_reverse)
    more_forward_terms = True

    def __init__(self, release: IKERelease, task: Task, scale: int, precision: Precision = "fp32") -> None:
        """Build the networks and draw every crop position.

        Raises:
            ValueError: if a side of the LR image is under 12 x scale px.
        """
        super().__init__(release, task, scale, precision)
        quirks = chosen_quirks("ike-release", release.quirks, release.known_quirks)
        self.channel_sum = CHANNEL_SUM in quirks
        noise = self.value_range.span * release.noise
        self.crops = NoisyCrops(self.lr, self.pairs, noise, self.seed, in_place=NOISE_IN_PLACE in quirks)
        self.bicubic_loss = BicubicLoss(release.bicubic_threshold).to(self.lr)
        self.networks.append(self.bicubic_loss)  # so that checkpoints hold it

    def draw(self, chunk: int) -> dict[str, Tensor]:
        """Cut the crops, draw the noise and the schedules of one chunk of iterations."""
        drawn = super().draw(chunk)
        crops, side = drawn["crop"][:, 0], self.crop // self.scale
        targets = bicubic_targets(crops, side, step=self.scale, channel_sum=self.channel_sum)
        iterations = chunk_span(chunk).start + torch.arange(len(crops), device=self.lr.device)
        return drawn | {"target": targets[:, None], "iteration": iterations}

    def _crops(self, chunk: int, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Cut the crops from an image in which noise may stay (quirk)."""
        return self.crops.cut(chunk)

    def _forward_terms(self, llr: Tensor, crop: Crop, inputs: dict[str, Tensor]) -> list[Tensor]:
        """Beside the adversary, a bicubic loss that fades away."""
        bicubic_loss = self.bicubic_loss(llr.transpose(0, 1), inputs["target"], inputs["iteration"])
        return [*super()._forward_terms(llr, crop, inputs), bicubic_loss]

    def _total_variation(self, sr: Tensor) -> Tensor:
        """Squared, in place of equation (5)."""
        along_x, along_y = sr[..., 1:] - sr[..., :-1], sr[..., 1:, :] - sr[..., :-1, :]
        return 2 * (along_x.square().mean() + along_y.square().mean())

    def _mask(self, bicubic: Tensor) -> Tensor:
        """One mask for all colours: Sobel of their sum in 8 bit, stretched to [0, 1]."""
        levels = self.value_range.back(bicubic, 255).round().clamp(0, 255).sum(dim=0, keepdim=True)  # (1, 1, h, w)
        magnitude = sobel_magnitude(levels, border="edge")
        low, high = magnitude.amin(), magnitude.amax()
        return 1 - (magnitude - low) / (high - low).clamp_min(1e-12)
