"""The work of a worker, as an engine hands it on: what it must know, and nothing that needs torch."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ikebench.engines.contract import LastResult, Send
from ikebench.run.jobs import Job
from ikebench.store.rows import RunRow

MOST_IN_FLIGHT = 8  # images on a GPU, however large; a guess until benchmarks/gpu.py has been run on one


@dataclass
class Restorer:
    """Runs jobs in a worker: a picklable `ikebench.engines.contract.Work`, whose items are lists of jobs.

    Attributes:
        root: of the workspace.
        devices: torch devices; worker i uses the i-th, in turn.
        threads: of each worker on a CPU.
        checkpoint_every: iterations between two saved states; None for none.
        in_flight: images at work at once; None for one on a CPU, and as many as its memory holds on a GPU.
        gpu_share: how much of a GPU's memory each worker may take.
        trace_every: iterations between two records of a training's losses and PSNR; None for none.
        capture: let training steps be captured in CUDA graphs.
        imports: modules that its process needs.
        trouble: what this worker has learned: why a capture failed; none is tried after it.
        room: what this worker has learned: method and scale -> images that its device holds.
    """

    root: Path
    devices: tuple[str, ...]
    threads: int = 1
    checkpoint_every: int | None = None
    in_flight: int | None = None
    gpu_share: float = 1.0
    capture: bool = True
    trace_every: int | None = None
    imports: tuple[str, ...] = ("ikebench.run.restoring",)
    trouble: str | None = None
    room: dict[tuple[str, int], int] = field(default_factory=dict)

    @property
    def most_in_flight(self) -> int:
        """How many jobs to hand to a worker at once."""
        return self.in_flight or (1 if self.devices == ("cpu",) else MOST_IN_FLIGHT)

    def __call__(self, jobs: Sequence[Job], worker: int, send: Send) -> list[RunRow] | LastResult:
        """Run jobs that differ in their images alone and write what came of them; gives their rows, in order."""
        from ikebench.run.restoring import Restoring

        return Restoring(self, worker).run(jobs, send)
