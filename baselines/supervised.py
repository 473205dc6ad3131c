"""What supervised methods share: what they declare, and the call that puts trained weights into their networks."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Self

from baselines.contract import Precision, Restored, Task, Weights, check_ranges
from baselines.layouts import Family, Recognised, Tensors
from baselines.normalisation import Normalisation

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from baselines.upscaler import UpscalerNet


class Supervised:
    """What a method is beside its hyperparameters when its network has been trained elsewhere.

    No flips and no self-ensemble: LR images of asymmetric kernels (Track 2) are no longer alike when they are turned.
    """

    scales: ClassVar[tuple[int, ...]]
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

    def build(self, scale: int, normalisation: Normalisation) -> "UpscalerNet":
        """Build the network with what its weights were trained on."""
        raise NotImplementedError

    def scale_of(self, weights: Tensors) -> int:
        """Give the scale that weights are for.

        Raises:
            ValueError: if they are not of this network.
        """
        scale = self.family.recognise(weights).scale
        if scale in self.scales:  # else nobody can use them, whatever else is in them
            self.network(weights, scale)
        return scale

    def sized(self, weights: Tensors) -> Self:
        """Give the method with the sizes of these weights' network, where its own are the defaults.

        Raises:
            ValueError: if they are of no known layout.
        """
        return self._sized(self.family.recognise(weights))

    def _sized(self, found: Recognised) -> Self:
        default = type(self)()
        own = {name: number for name, number in found.sizes.items() if getattr(self, name) == getattr(default, name)}
        return replace(self, **own)  # type: ignore[type-var]  # every method is a dataclass

    def network(self, weights: Tensors, scale: int) -> "UpscalerNet":
        """Build the network and put weights of any known layout into it.

        Raises:
            ValueError: if they do not fit.
        """
        found = self.family.recognise(weights)
        network = self._sized(found).build(scale, found.normalisation)
        self.family.load(network, found)
        return network

    def __call__(self, tasks: Sequence[Task], scale: int, precision: Precision = "fp32") -> list[Restored]:
        """Upscale each task's image with its weights; bf16 = convs in bfloat16, the sum of the blocks in float32.

        Raises:
            ValueError: if the weights do not fit.
        """
        from baselines.upscaler import super_resolve

        restored = []
        for task in tasks:
            if task.weights is None:
                raise ValueError(f"{self.family.name} needs trained weights")
            network = self._placed(task.weights, scale, task.lr.device)
            sr = super_resolve(network, task.lr, scale, self.tile, precision)
            restored.append(Restored(sr, note=self.note(task.lr)))
        return restored

    def _placed(self, weights: Tensors, scale: int, device: "torch.device") -> "UpscalerNet":
        """Give the network on a device; that of the task before, where its weights were the same `Weights`."""
        from baselines.upscaler import placed

        def build() -> "UpscalerNet":
            return placed(self.network(weights, scale), device)

        return weights.made((self, scale, device), build) if isinstance(weights, Weights) else build()

    def note(self, lr: "Tensor") -> str:
        """Say what a reader of the result must know."""
        return ""


def parts(lr: "Tensor", tile: int) -> int:
    """Count the tiles of an image."""
    height, width = lr.shape[-2:]
    return math.ceil(height / tile) * math.ceil(width / tile)
