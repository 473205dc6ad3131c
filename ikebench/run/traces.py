"""What is recorded of a training in a worker: losses, and the PSNR of what it would give as it is."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from baselines.contract import Task, Trace
from degradations.resample import cut_to_multiple
from ikebench.files import sha256_file
from ikebench.images import read_image
from ikebench.run.jobs import Job
from ikebench.run.results import to_image
from ikebench.scoring.metrics import psnr
from ikebench.store.traces import PSNR, TracePoint, read_trace, write_trace
from ikebench.store.workspace import trace_path


@dataclass
class _Record:
    """What the stages of one job share: the points so far, and the seconds that it took to record them."""

    points: list[TracePoint]
    seconds: float = 0.0


@dataclass(frozen=True)
class TraceFile:
    """A trace on disk (see `baselines.contract.Trace`), written anew at every record: a crash loses none.

    Attributes:
        path: the file.
        key: of the job.
        every: iterations between two records.
        hr: (H, W, 3); None where it is not known.
        stage: of several trainings in a row; empty where there is one.
        kept: what has been recorded.
    """

    path: Path
    key: str
    every: int
    hr: NDArray[np.uint8] | None
    stage: str = ""
    kept: _Record = field(default_factory=lambda: _Record([]))

    def wants(self, iteration: int) -> bool:
        """Say whether to record after so many iterations."""
        return iteration % self.every == 0

    def record(self, iteration: int, losses: Mapping[str, float], restore: "Callable[[], torch.Tensor] | None") -> None:
        """Keep the losses, and the PSNR of the SR image where HR is known and of its size."""
        started = time.perf_counter()
        values = dict(losses)
        if restore is not None and self.hr is not None:
            found = _psnr(restore(), self.hr)
            values |= {} if found is None else {PSNR: found}
        # A training that goes on from a checkpoint, or anew, comes by the same iterations again.
        before = [point for point in self.kept.points if point.stage != self.stage or point.iteration < iteration]
        self.kept.points = before + [TracePoint(self.stage, iteration, *named) for named in values.items()]
        write_trace(self.path, self.key, self.kept.points)
        self.kept.seconds += time.perf_counter() - started

    def of_stage(self, name: str) -> Trace:
        """Give the trace of one of several trainings in a row, in the same file."""
        return replace(self, stage=name)


def open_trace(root: Path, job: Job, every: int) -> TraceFile:
    """Go on with the trace of a job, or begin it.

    Raises:
        OSError: if the HR image is not what make-data wrote.
    """
    hr = None
    if job.data.hr_path is not None:
        file = root / job.data.hr_path
        if sha256_file(file) != job.data.hr_sha256:
            raise OSError(f"{job.data.hr_path} is not what make-data wrote: run make-data again")
        hr = np.ascontiguousarray(cut_to_multiple(read_image(file), job.case.scale))
    path = root / trace_path(job.sr_path)
    return TraceFile(path, job.key, every, hr, kept=_Record(read_trace(path, job.key)))


def traced_seconds(task: Task) -> float:
    """Give the seconds that recording has taken: they are none of the method's."""
    return task.trace.kept.seconds if isinstance(task.trace, TraceFile) else 0.0


def _psnr(sr: torch.Tensor, hr: NDArray[np.uint8]) -> float | None:
    """Give the PSNR in dB; NaN for an image that is not finite, None for one of another size (of a first stage)."""
    if sr.shape[-2:] != hr.shape[:2]:
        return None
    if not torch.isfinite(sr).all():
        return float("nan")
    return psnr(to_image(sr, sr.shape, 1), hr)
