"""What supervised methods share: a trained network applied to a whole image, in bounded memory."""

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from baselines.contract import Precision, Restored, Task, check_ranges
from baselines.layouts import Family, Tensors
from baselines.tiling import tiled

UPSCALE_TILE = 128  # LR px: at x4, EDSR's 256 channels take 0.3 GB there; the narrow overlap costs next to nothing
UPSCALE_HALO = 3  # LR px: more than the few convs behind the first enlargement see, at any scale


_latest: list[Any] = []
"""What the last network was made of, its weights, and the network: to build one takes a GPU longer than an image."""


class UpscalerNet(nn.Module):
    """A network in two parts, because the parts are tiled differently."""

    halo: int
    """px that `features` sees on each side."""

    def features(self, image: Tensor) -> Tensor:
        """(n, 3, h, w) in [0, 1] -> (n, c, h, w): nearly all of the depth, and little of the memory."""
        raise NotImplementedError

    def upscale(self, features: Tensor) -> Tensor:
        """(n, c, h, w) -> (n, 3, s h, s w), nominally in [0, 1]: a few layers, and most of the memory."""
        raise NotImplementedError

    def forward(self, image: Tensor) -> Tensor:
        """(n, 3, h, w) in [0, 1] -> (n, 3, s h, s w), nominally in [0, 1]."""
        return self.upscale(self.features(image))


class Supervised:
    """What a method is beside its hyperparameters when its network has been trained elsewhere.

    No flips and no self-ensemble: LR images of asymmetric kernels (Track 2) are no longer alike when they are turned.
    """

    supervision: ClassVar[str] = "supervised"
    paper_iterations: ClassVar[int | None] = None
    uses: ClassVar[tuple[str, ...]] = ("precision", "weights")
    family: ClassVar[Family]

    tile: int
    """Side of the parts in which `features` works, in LR px."""

    def __post_init__(self) -> None:
        """Refuse what cannot be built or tiled."""
        counts = {"groups", "blocks", "width", "growth", "reduction", "tile"} & vars(self).keys()
        check_ranges(self.family.name, self, dict.fromkeys(sorted(counts), 1))

    def build(self, scale: int, value_range: float) -> UpscalerNet:
        """Build the network; `value_range` is what white has inside."""
        raise NotImplementedError

    def scale_of(self, weights: Tensors) -> int:
        """Give the scale that weights are for.

        Raises:
            ValueError: if they are not of this network.
        """
        scale = self.family.recognise(weights).scale
        self.network(weights, scale)
        return scale

    def network(self, weights: Tensors, scale: int) -> UpscalerNet:
        """Build the network and put weights of any known layout into it.

        Raises:
            ValueError: if they do not fit.
        """
        found = self.family.recognise(weights)
        network = self.build(scale, found.layout.value_range)
        self.family.load(network, found)
        return network

    def __call__(self, tasks: Sequence[Task], scale: int, precision: Precision = "fp32") -> list[Restored]:
        """Upscale each task's image with its weights; bf16 = convs in bfloat16, the sum of the blocks in float32.

        Raises:
            ValueError: if the weights do not fit.
        """
        restored = []
        for task in tasks:
            if task.weights is None:
                raise ValueError(f"{self.family.name} needs trained weights")
            network = self._placed(task.weights, scale, task.lr.device)
            sr = super_resolve(network, task.lr, scale, self.tile, precision)
            restored.append(Restored(sr, note=self.note(task.lr)))
        return restored

    def _placed(self, weights: Tensors, scale: int, device: torch.device) -> UpscalerNet:
        """Give the network on a device; that of the call before, where nothing has changed since."""
        key = (self, scale, device)
        if not _latest or _latest[0] != key or _latest[1] is not weights:
            _latest.clear()  # two would take twice the memory
            _latest[:] = key, weights, _placed(self.network(weights, scale), device)
        return _latest[2]

    def note(self, lr: Tensor) -> str:
        """Say what a reader of the result must know."""
        return ""


@torch.no_grad()
def super_resolve(network: UpscalerNet, lr: Tensor, scale: int, tile: int, precision: Precision = "fp32") -> Tensor:
    """(1, 3, h, w) in [0, 1] -> (1, 3, s h, s w) float32: equal to `network(lr)` but for rounding."""
    with torch.autocast(lr.device.type, torch.bfloat16, enabled=precision == "bf16"):
        features = tiled(network.features, lr, tile, network.halo)
        return tiled(network.upscale, features, UPSCALE_TILE, UPSCALE_HALO, scale).float()


def _placed(network: UpscalerNet, device: torch.device) -> UpscalerNet:
    if device.type == "cpu":  # channels last is 7 to 25 % quicker there in float32, up to twice as quick in bfloat16
        return network.to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]  # missing in the stubs
    return network.to(device).eval()


def parts(lr: Tensor, tile: int) -> int:
    """Count the tiles of an image."""
    height, width = lr.shape[-2:]
    return math.ceil(height / tile) * math.ceil(width / tile)
