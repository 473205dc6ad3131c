"""What a method is: a frozen dataclass of hyperparameters that, called, restores LR images.

Methods touch no files and no global state: what they need from outside (seed, progress, checkpoints) comes in a `Task`.
Neither this module nor that of a method's dataclass imports torch, so that methods can be listed, checked and planned
with without it. What trains and restores is imported inside the call.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")

Precision = Literal["fp32", "tf32", "bf16"]
"""tf32 is fp32 to the methods: whoever calls them lets the GPU round the factors of its products (to 10 bits)."""

NOT_DECISIVE = {"decides": False}
"""Metadata of a method's field that changes nothing in its images: how long it may take, say."""

LATER = {"later": True}
"""Metadata of a method's field that came after results were made, and whose default is what the method did before: at
its default it is in no key."""


class Checkpoint(Protocol):
    """Where a long training keeps its state, so that it can go on after a crash."""

    @property
    def every(self) -> int:
        """Iterations between two saves."""
        ...

    def load(self) -> dict[str, Any] | None:
        """Give the last saved state, or None."""
        ...

    def save(self, state: dict[str, Any]) -> None:
        """Keep `state` (tensors, numbers and containers of them) in place of the last one."""
        ...


class Trace(Protocol):
    """Where a training's losses and images are looked at along the way. A look changes nothing in the training."""

    def wants(self, iteration: int) -> bool:
        """Say whether to record what `iteration` iterations have brought."""
        ...

    def record(self, iteration: int, losses: Mapping[str, float], restore: "Callable[[], Tensor] | None") -> None:
        """Keep the losses; `restore` gives the SR image of the networks as they are, where the training makes one."""
        ...

    def of_stage(self, name: str) -> "Trace":
        """Give the trace of one of several trainings in a row."""
        ...


class Weights(dict[str, "Tensor"]):
    """A state dict that keeps the last thing made of it: to build a network takes a GPU longer than an image.

    Tasks that are handed the same object share the network; it goes with the object.
    """

    def __init__(self, tensors: "Mapping[str, Tensor]") -> None:
        """Take the tensors."""
        super().__init__(tensors)
        self._made: tuple[Hashable, Any] | None = None

    def made(self, key: Hashable, make: Callable[[], T]) -> T:
        """Give what `make` makes of the tensors; where the last call had an equal key, what it made then."""
        if self._made is None or self._made[0] != key:
            self._made = None  # first, because two networks would take twice the memory
            self._made = (key, make())
        return self._made[1]


@dataclass
class Capture:
    """Leave to capture training steps in CUDA graphs; the first capture that fails takes it from all who share it.

    What a failed capture leaves behind is the process's: its memory allocator may stay in capture mode. So the caller
    shares one object among all tasks of a process, and goes on in another process when it can.

    Attributes:
        wanted: whether to capture, where there is CUDA.
        trouble: what went wrong when a capture failed; then none is tried any more.
    """

    wanted: bool = True
    trouble: str | None = None


@dataclass(frozen=True)
class Task:
    """One LR image to restore.

    Attributes:
        lr: (1, 3, h, w) float32 RGB in [0, 1], on the device where the work is to be done.
        seed: of everything random in the method.
        kernel: (n, n) float64, the true kernel where it is known (see `degradations.contract`); for the methods that
            are allowed to know it.
        weights: the state dict of a trained network as its file has it, flat, on the CPU, not to be changed; for the
            methods that need it. Where they are `Weights`, a network made of them serves the next task too.
        progress: called with (iterations done, iterations in all).
        checkpoint: where to keep the state of a long training, if anywhere.
        say: called with a line on what went otherwise than wished, for the result's row.
        capture: whether the training step may be captured in a CUDA graph; shared with the process's other tasks.
        trace: where to record how the training goes, if anywhere.
    """

    lr: "Tensor"
    seed: int = 0
    kernel: NDArray[np.float64] | None = None
    weights: "Mapping[str, Tensor] | None" = None
    progress: Callable[[int, int], None] = lambda done, total: None
    checkpoint: Checkpoint | None = None
    say: Callable[[str], None] = lambda line: None
    capture: Capture = field(default_factory=Capture)
    trace: Trace | None = None


@dataclass(frozen=True)
class Restored:
    """What a method gives for one task.

    Attributes:
        sr: (1, 3, s h, s w) float RGB, nominally in [0, 1]; the harness clamps.
        kernel: (n, n) float64, sum 1, where the method estimates one.
        note: one line for the result's row, where there is something to say (a smaller crop, say).
        log: what a program of somebody else's printed; kept beside the image.
    """

    sr: "Tensor"
    kernel: NDArray[np.float64] | None = None
    note: str = ""
    log: str = ""


class SomeFailed(Exception):
    """Of several tasks, not all could be restored.

    Attributes:
        outcomes: of each task, in order: what was restored, or the error.
    """

    def __init__(self, outcomes: Sequence[Restored | Exception]) -> None:
        """Keep the outcomes."""
        super().__init__(f"{sum(isinstance(outcome, Exception) for outcome in outcomes)} tasks failed")
        self.outcomes = outcomes


def check_ranges(method: str, hyperparameters: object, least: Mapping[str, int]) -> None:
    """Refuse hyperparameters below their least values, learning rates below 0, and betas of Adam outside [0, 1).

    Raises:
        ValueError: naming the method, the first such field and what it may be.
    """
    values = vars(hyperparameters)
    least = dict(least) | {name: 0 for name in values if "rate" in name.split("_")}
    for name, smallest in least.items():
        if values[name] < smallest:
            raise ValueError(f"{method}: {name} must be {smallest} or more, not {values[name]}")
    for name in (name for name in values if name.endswith(("beta1", "beta2"))):
        if not 0 <= values[name] < 1:
            raise ValueError(f"{method}: {name} must be from 0 to below 1, not {values[name]}")


class Method(Protocol):
    """LR -> SR. Equal tasks give equal images with equal CPUs and libraries; on GPUs, to rounding."""

    version: ClassVar[int]
    """Raised when equal hyperparameters no longer give equal images; part of a job's key."""
    scales: ClassVar[tuple[int, ...]]
    source: ClassVar[str]
    """The publication, for `ikebench list methods`."""
    supervision: ClassVar[str]
    """`none`, `zero-shot` (trained on the LR image alone) or `supervised`."""
    paper_iterations: ClassVar[int | None]
    """Iterations of training that the paper spends on an image; None for methods that do not train on it."""

    # Optional: `uses: ClassVar[tuple[str, ...]]`, what decides its images beside the LR image, the scale and its
    # hyperparameters: "seed"; "precision"; "weights" and "kernel", which a task must then bring (never None); "tile",
    # if a field of that name changes the image by more than rounding. Unsaid, it is seed, precision and tile. Then
    # `scale_of(weights) -> int`, the scale that weights are for, a ValueError if they are not the method's; and
    # `effort: ClassVar[float]`, the time of an iteration, that of IKE being 1: it decides the order of jobs; and
    # `imports: ClassVar[tuple[str, ...]]`, modules that the call needs: workers import them before the clock starts.

    def __call__(self, tasks: Sequence[Task], scale: int, precision: Precision = "fp32") -> list[Restored]:
        """Restore each task's image at `scale`.

        Raises:
            ValueError: when an image is too small for the method, with the least size.
            FloatingPointError: when training diverges, with the iteration.
            SomeFailed: in place of either, where several tasks were given and others could be restored.
        """
        ...
