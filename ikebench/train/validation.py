"""PSNR on images that were not trained on."""

from collections.abc import Sequence

import torch

from baselines.tiling import tiled
from degradations.resample import imresize, quantise
from ikebench.scoring.metrics import luma, psnr, shave
from ikebench.train.images import Pair, Pixels
from reports.protocols import PROTOCOLS

PROTOCOL = "dualsr"  # luma, s px shaved, as papers report Set5
TILE = 256  # LR px a side, of validation images on the device


class Validation:
    """PSNR on images that were not trained on, against bicubic; both NaN without images."""

    def __init__(self, pairs: Sequence[Pair], scale: int, halo: int, device: torch.device) -> None:
        """Take LR and HR of each image; `halo` is how far the network looks, in LR px."""
        self.pairs, self.scale, self.halo, self.device = pairs, scale, halo, device
        self.bicubic = self._mean([self._score(quantise(imresize(lr, scale)), hr) for lr, hr in pairs])

    def __call__(self, network: torch.nn.Module) -> float:
        """Give the mean PSNR in dB of the 8-bit SR images, made in fp32."""
        return self._mean([self._score(self._restore(network, lr), hr) for lr, hr in self.pairs])

    @torch.no_grad()
    def _restore(self, network: torch.nn.Module, lr: Pixels) -> Pixels:
        image = torch.from_numpy(lr).to(self.device).permute(2, 0, 1)[None].float() / 255  # (1, 3, h, w)
        sr = tiled(network, image, TILE, self.halo, self.scale)
        return quantise(255 * sr[0].permute(1, 2, 0).double().cpu().numpy())

    def _score(self, sr: Pixels, hr: Pixels) -> float:
        border = PROTOCOLS[PROTOCOL].border(self.scale)
        return psnr(shave(luma(sr), border), shave(luma(hr), border))

    @staticmethod
    def _mean(values: Sequence[float]) -> float:
        return sum(values) / len(values) if values else float("nan")
