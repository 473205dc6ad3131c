"""Jobs in a worker process: LR files -> method -> SR files and row files."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from baselines.contract import Restored, SomeFailed, Task
from baselines.memory import lacks_memory
from baselines.weights import read_weights
from ikebench import devices
from ikebench.catalog import uses
from ikebench.engines.contract import Send
from ikebench.files import sha256_file
from ikebench.images import read_image
from ikebench.kernel_files import read_kernel
from ikebench.run.checkpoint import CheckpointFile
from ikebench.run.jobs import Job, in_smaller_tiles
from ikebench.run.results import note_of, write_failure, write_result
from ikebench.store.rows import RunRow
from ikebench.store.workspace import checkpoint_path
from ikebench.weight_files import WeightsFile

PROGRESS_EVERY = 0.5  # seconds between two messages to the parent
MOST_IN_FLIGHT = 8  # images on a GPU, however large; a guess until benchmarks/gpu.py has been run on one
SHARE_OF_FREE = 0.8  # of a GPU's free memory, to be filled: images differ in size


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
        capture: let training steps be captured in CUDA graphs.
        room: what this worker has learned: method and scale -> images that its device holds.
    """

    root: Path
    devices: tuple[str, ...]
    threads: int = 1
    checkpoint_every: int | None = None
    in_flight: int | None = None
    gpu_share: float = 1.0
    capture: bool = True
    room: dict[tuple[str, int], int] = field(default_factory=dict)

    @property
    def most_in_flight(self) -> int:
        """How many jobs to hand to a worker at once."""
        return self.in_flight or (1 if self.devices == ("cpu",) else MOST_IN_FLIGHT)

    def __call__(self, jobs: Sequence[Job], worker: int, send: Send) -> list[RunRow]:
        """Run jobs that differ in their images alone and write what came of them; gives their rows, in order.

        Trouble becomes a row with its error. What memory does not hold is tried with fewer images at once, then in
        smaller tiles.
        """
        torch.set_num_threads(self.threads)
        device = torch.device(self.devices[worker % len(self.devices)])
        devices.select(device)
        devices.set_arithmetic(device, jobs[0].precision)
        progress = _shares(_throttled(send), len(jobs))
        waiting, ended = dict(enumerate(jobs)), dict[int, RunRow]()
        while waiting:
            most = self.room.get(_like(jobs[0])) or self.in_flight or 1
            group = dict(islice(waiting.items(), most))
            rows, lacking = self._restore(group, progress, device)
            ended |= rows | self._relieve(lacking, waiting, len(group), device)
            waiting = {index: job for index, job in waiting.items() if index not in ended}
        return [ended[index] for index in range(len(jobs))]

    def _restore(
        self, jobs: Mapping[int, Job], progress: Sequence[Send], device: torch.device
    ) -> tuple[dict[int, RunRow], dict[int, Exception]]:
        """Restore images together; gives the rows, and the errors of those that memory did not hold."""
        devices.reset_peak_memory(device)
        remarks: dict[int, list[str]] = {index: [] for index in jobs}
        given = {
            index: self._attempt(job, device, len(jobs), progress[index], remarks[index].append)
            for index, job in jobs.items()
        }
        tasks = {index: task for index, task in given.items() if isinstance(task, Task)}
        found, seconds = _timed(next(iter(jobs.values())), list(tasks.values()))
        outcomes: dict[int, Task | Restored | Exception] = {**given, **dict(zip(tasks, found, strict=True))}
        peak = devices.peak_memory_mib(device)
        if any(isinstance(outcome, Restored) for outcome in found):
            self._learn_room(jobs, device)
        rows, lacking = {}, {}
        for index, job in jobs.items():
            outcome = outcomes[index]
            row = replace(_row(job, device, len(jobs)), seconds=seconds, peak_mem_mib=peak)
            if isinstance(outcome, Restored):
                rows[index] = self._finish(job, tasks[index], outcome, row, remarks[index])
            elif isinstance(outcome, Exception) and lacks_memory(outcome):
                lacking[index] = outcome
            elif isinstance(outcome, Exception):
                rows[index] = write_failure(self.root, job, outcome, row)
        return rows, lacking

    def _finish(self, job: Job, task: Task, outcome: Restored, row: RunRow, said: Sequence[str]) -> RunRow:
        """Write what came of a job; what cannot be written is a failure too."""
        before = task.checkpoint.seconds_before if isinstance(task.checkpoint, CheckpointFile) else 0.0
        ended = replace(row, seconds=(row.seconds or 0.0) + before, note=note_of(job, outcome, said))
        try:
            return write_result(self.root, job, outcome, ended, task.lr.shape)
        except Exception as error:
            return write_failure(self.root, job, error, row)

    def _learn_room(self, jobs: Mapping[int, Job], device: torch.device) -> None:
        """Where nobody says how many images to train at once: the first image, alone, has shown what one takes."""
        if device.type == "cuda" and self.in_flight is None:
            room = devices.room_for(device, SHARE_OF_FREE, self.gpu_share)
            self.room.setdefault(_like(next(iter(jobs.values()))), min(max(room, 1), MOST_IN_FLIGHT))

    def _relieve(
        self, lacking: Mapping[int, Exception], waiting: dict[int, Job], tried: int, device: torch.device
    ) -> dict[int, RunRow]:
        """Make the next try smaller; gives the row of a job of which nothing is left to make smaller."""
        rows = {}
        for index, error in lacking.items():
            job = waiting[index]
            if tried > 1:
                self.room[_like(job)] = tried // 2
            elif smaller := in_smaller_tiles(job):
                waiting[index] = smaller
            else:
                rows[index] = write_failure(self.root, job, error, _row(job, device, 1))
        return rows

    def _attempt(
        self, job: Job, device: torch.device, shared_by: int, progress: Send, say: Callable[[str], None]
    ) -> Task | Exception:
        """Read what a job needs."""
        try:
            lr_file = self.root / job.data.lr_path
            if sha256_file(lr_file) != job.data.lr_sha256:
                raise OSError(f"{job.data.lr_path} is not what make-data wrote: run make-data again")
            lr = torch.from_numpy(read_image(lr_file)).permute(2, 0, 1)[None].to(device).float() / 255
            checkpoint = self._checkpoint(job, device, shared_by) if self.checkpoint_every else None
            weights = None if job.weights is None else _weights(job.weights)
            return Task(lr, job.seed, self._true_kernel(job), weights, progress, checkpoint, say, self.capture)
        except Exception as error:
            return error

    def _true_kernel(self, job: Job) -> np.ndarray | None:
        if "kernel" not in uses(job.choice.method):
            return None
        assert job.data.kernel_path is not None  # or the job would not have been planned
        return read_kernel(self.root, job.data.kernel_path, job.data.kernel_sha256, "make-data again")

    def _checkpoint(self, job: Job, device: torch.device, shared_by: int) -> "CheckpointFile":
        assert self.checkpoint_every is not None
        path = self.root / checkpoint_path(job.sr_path)
        return CheckpointFile(path, job.key, self.checkpoint_every, device, shared_by)


@lru_cache(maxsize=2)  # jobs of one method and scale follow one another; EDSR's weights take 160 MB
def _weights(file: WeightsFile) -> dict[str, torch.Tensor]:
    if sha256_file(file.path) != file.sha256:
        raise OSError(f"{file.path} has been changed since the run began: run again")
    return read_weights(file.path)


def _timed(job: Job, tasks: list[Task]) -> tuple[list[Restored | Exception], float]:
    """Call the method and time the call alone, synchronised; gives each task's outcome and share of the seconds."""
    if not tasks:
        return [], 0.0
    device = tasks[0].lr.device
    devices.synchronise(device)
    started = time.perf_counter()
    outcomes = _outcomes(job, tasks)
    devices.synchronise(device)
    return outcomes, (time.perf_counter() - started) / len(tasks)


def _outcomes(job: Job, tasks: list[Task]) -> list[Restored | Exception]:
    try:
        results = job.choice.method(tasks, job.case.scale, job.precision)
        if not (isinstance(results, list) and [type(result) for result in results] == [Restored] * len(tasks)):
            raise TypeError("the method must return a list with one baselines.contract.Restored for each task")
        return list(results)
    except SomeFailed as some:
        return list(some.outcomes)
    except Exception as error:
        if len(tasks) == 1 or lacks_memory(error):
            return [error] * len(tasks)
    # A method that does not say which of the images was at fault: one by one.
    return [outcome for task in tasks for outcome in _outcomes(job, [task])]


def _row(job: Job, device: torch.device, in_flight: int) -> RunRow:
    return replace(job.row(), device=devices.name_of(device), in_flight=in_flight)


def _like(job: Job) -> tuple[str, int]:
    """Name what jobs that take about equal memory have in common."""
    return job.choice.label, job.case.scale


def _shares(send: Send, count: int) -> list[Send]:
    """Give each of some jobs its own progress; their mean is sent."""
    done = [0] * count

    def progress(index: int, iterations: int, total: int) -> None:
        done[index] = iterations
        send(sum(done) // count, total)

    return [partial(progress, index) for index in range(count)]


def _throttled(send: Send) -> Send:
    last = 0.0

    def progress(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= PROGRESS_EVERY:
            last = now
            send(done, total)

    return progress
