"""Bicubic upscaling: the line that every method has to beat."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from baselines.contract import Precision, Restored, Task
from degradations.resample import imresize

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Bicubic:
    """MATLAB-compatible bicubic upscaling (Keys 1981, a = -0.5), on the half-pixel grid."""

    version: ClassVar[int] = 1
    scales: ClassVar[tuple[int, ...]] = (2, 3, 4)
    source: ClassVar[str] = "Keys 1981; MATLAB imresize"
    supervision: ClassVar[str] = "none"
    paper_iterations: ClassVar[int | None] = None
    uses: ClassVar[tuple[str, ...]] = ()
    effort: ClassVar[float] = 0.003  # benchmarks/estimate.py

    def __call__(self, tasks: Sequence[Task], scale: int, precision: Precision = "fp32") -> list[Restored]:
        """Upscale each task's image; float64 inside, whatever the precision asked for."""
        return [Restored(_upscale(task.lr, scale)) for task in tasks]


def _upscale(lr: "Tensor", scale: int) -> "Tensor":
    import torch

    pixels = lr[0].permute(1, 2, 0).double().cpu().numpy()  # (h, w, 3)
    return torch.from_numpy(imresize(pixels, scale)).permute(2, 0, 1)[None].to(lr)
