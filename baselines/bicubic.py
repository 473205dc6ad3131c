"""Bicubic upscaling: the line that every method has to beat."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

from baselines.contract import Precision, Restored, Task
from degradations.resample import imresize

if TYPE_CHECKING:
    from torch import Tensor

_GRID = Literal["half-pixel", "top-left"]


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

    grid: _GRID = "half-pixel"  # MATLAB; `baselines.grids`

    def __post_init__(self) -> None:
        """Refuse other grids."""
        if self.grid not in get_args(_GRID):
            raise ValueError(f"bicubic: grid must be {' or '.join(get_args(_GRID))}, not '{self.grid}'")

    def __call__(self, tasks: Sequence[Task], scale: int, precision: Precision = "fp32") -> list[Restored]:
        """Upscale each task's image; float64 inside, whatever the precision asked for."""
        return [Restored(_upscale(task.lr, scale, self.grid)) for task in tasks]


def _upscale(lr: "Tensor", scale: int, grid: _GRID) -> "Tensor":
    import torch

    pixels = lr[0].permute(1, 2, 0).double().cpu().numpy()  # (h, w, 3)
    return torch.from_numpy(imresize(pixels, scale, top_left=grid == "top-left")).permute(2, 0, 1)[None].to(lr)
