"""Jobs in a worker process: LR files -> method -> SR files and row files."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice

import torch

from baselines.contract import Capture, Restored, SomeFailed, Task
from baselines.memory import lacks_memory, let_go
from ikebench import devices
from ikebench.engines.contract import LastResult, Send, Spoiled
from ikebench.errors import one_line
from ikebench.run.checkpoint import CheckpointFile
from ikebench.run.jobs import Job, in_smaller_tiles
from ikebench.run.results import note_of, write_failure, write_result
from ikebench.run.tasks import read_task, shares
from ikebench.run.traces import traced_seconds
from ikebench.run.worker import MOST_IN_FLIGHT, Restorer
from ikebench.store.rows import RunRow

SHARE_OF_FREE = 0.8  # of a GPU's free memory, to be filled: images differ in size


class Restoring:
    """A worker's way through the jobs it is handed.

    Trouble becomes a row with its error. What memory does not hold is tried with fewer images at once, then in smaller
    tiles. What makes a GPU useless to this process (an illegal address, say: every later call fails too) or leaves
    something behind in it (a failed capture) is for another process to go on from.
    """

    def __init__(self, restorer: Restorer, worker: int) -> None:
        """Take a device: the worker's in turn."""
        self.restorer, self.root = restorer, restorer.root
        self.device = torch.device(restorer.devices[worker % len(restorer.devices)])
        devices.select(self.device)  # before anything else can touch a GPU
        torch.set_num_threads(restorer.threads)
        self.capture = Capture(restorer.capture, restorer.trouble)

    def run(self, jobs: Sequence[Job], send: Send) -> list[RunRow] | LastResult:
        """Run jobs that differ in their images alone and write what came of them; gives their rows, in order.

        Raises:
            Spoiled: if this process has lost its GPU.
        """
        try:
            rows = self._run(jobs, send)
        except torch.AcceleratorError as error:  # of a call that waits for the GPU or asks it, not of an image
            raise Spoiled(one_line(error)) from error
        if self.capture.trouble == self.restorer.trouble:
            return rows
        self.restorer.trouble = self.capture.trouble
        return LastResult(rows, self.restorer)

    def _run(self, jobs: Sequence[Job], send: Send) -> list[RunRow]:
        devices.set_arithmetic(self.device, jobs[0].precision)
        progress = shares(send, len(jobs))
        waiting, ended = dict(enumerate(jobs)), dict[int, RunRow]()
        while waiting:
            most = self.restorer.room.get(_like(jobs[0])) or self.restorer.in_flight or 1
            group = dict(islice(waiting.items(), most))
            rows, lacking = self._restore(group, progress)
            ended |= rows | self._relieve(lacking, waiting, len(group))
            waiting = {index: job for index, job in waiting.items() if index not in ended}
        return [ended[index] for index in range(len(jobs))]

    def _restore(
        self, jobs: Mapping[int, Job], progress: Sequence[Send]
    ) -> tuple[dict[int, RunRow], dict[int, Exception]]:
        """Restore images together; gives the rows, and the errors of those that memory did not hold."""
        devices.reset_peak_memory(self.device)
        remarks: dict[int, list[str]] = {index: [] for index in jobs}
        given = {
            index: read_task(self.restorer, job, self.device, len(jobs), progress[index], remarks[index].append)
            for index, job in jobs.items()
        }
        tasks = {index: replace(task, capture=self.capture) for index, task in given.items() if isinstance(task, Task)}
        found, seconds = _timed(next(iter(jobs.values())), list(tasks.values()))
        outcomes: dict[int, Task | Restored | Exception] = {**given, **dict(zip(tasks, found, strict=True))}
        peak = devices.peak_memory_mib(self.device)
        if any(isinstance(outcome, Restored) for outcome in found):
            self._learn_room(jobs)
        rows, lacking = {}, {}
        for index, job in jobs.items():
            outcome = outcomes[index]
            row = replace(_row(job, self.device, len(jobs)), seconds=seconds, peak_mem_mib=peak)
            if isinstance(outcome, Restored):
                rows[index] = self._finish(job, tasks[index], outcome, row, remarks[index])
            elif isinstance(outcome, Exception) and lacks_memory(outcome):
                lacking[index] = outcome
            elif isinstance(outcome, Exception):
                rows[index] = write_failure(self.root, job, outcome, replace(row, retry=_has_resumed(given[index])))
        return rows, lacking

    def _finish(self, job: Job, task: Task, outcome: Restored, row: RunRow, said: Sequence[str]) -> RunRow:
        """Write what came of a job; what cannot be written is a failure too."""
        before = task.checkpoint.seconds_before if isinstance(task.checkpoint, CheckpointFile) else 0.0
        ended = replace(row, seconds=(row.seconds or 0.0) + before, note=note_of(job, outcome, said))
        try:
            return write_result(self.root, job, outcome, ended, task.lr.shape)
        except Exception as error:
            return write_failure(self.root, job, error, row)

    def _learn_room(self, jobs: Mapping[int, Job]) -> None:
        """Where nobody says how many images to train at once: the first image, alone, has shown what one takes."""
        like = _like(next(iter(jobs.values())))
        if self.device.type == "cuda" and self.restorer.in_flight is None and like not in self.restorer.room:
            room = devices.room_for(self.device, SHARE_OF_FREE, self.restorer.gpu_share)
            self.restorer.room[like] = min(max(room, 1), MOST_IN_FLIGHT)

    def _relieve(self, lacking: Mapping[int, Exception], waiting: dict[int, Job], tried: int) -> dict[int, RunRow]:
        """Make the next try smaller; gives the row of a job of which nothing is left to make smaller."""
        rows = {}
        for index, error in lacking.items():
            job = waiting[index]
            if tried > 1:
                self.restorer.room[_like(job)] = tried // 2
            elif smaller := in_smaller_tiles(job):
                waiting[index] = smaller
            else:
                rows[index] = write_failure(self.root, job, error, _row(job, self.device, 1))
        return rows


def _timed(job: Job, tasks: list[Task]) -> tuple[list[Restored | Exception], float]:
    """Call the method and time the call alone, synchronised; gives each task's outcome and share of the seconds."""
    if not tasks:
        return [], 0.0
    device = tasks[0].lr.device
    devices.synchronise(device)
    started = time.perf_counter()
    outcomes = _outcomes(job, tasks)
    devices.synchronise(device)
    seconds = time.perf_counter() - started - sum(traced_seconds(task) for task in tasks)
    return outcomes, seconds / len(tasks)


def _outcomes(job: Job, tasks: list[Task]) -> list[Restored | Exception]:
    try:
        results = job.choice.method(tasks, job.case.scale, job.precision)
        if not (isinstance(results, list) and [type(result) for result in results] == [Restored] * len(tasks)):
            raise TypeError("the method must return a list with one baselines.contract.Restored for each task")
        return list(results)
    except SomeFailed as some:
        for outcome in some.outcomes:
            if isinstance(outcome, Exception):
                let_go(outcome)
        return list(some.outcomes)
    except Exception as error:
        let_go(error)
        if len(tasks) == 1 or lacks_memory(error) or isinstance(error, torch.AcceleratorError):
            return [error] * len(tasks)
    # A method that does not say which of the images was at fault: one by one.
    return [outcome for task in tasks for outcome in _outcomes(job, [task])]


def _row(job: Job, device: torch.device, in_flight: int) -> RunRow:
    return replace(job.row(), device=devices.name_of(device), in_flight=in_flight)


def _has_resumed(task: Task | Exception) -> bool | None:
    """Say whether a training went on from a state on disk, which may be at fault; it goes with the failure."""
    checkpoint = task.checkpoint if isinstance(task, Task) else None
    return True if isinstance(checkpoint, CheckpointFile) and checkpoint.resumed else None


def _like(job: Job) -> tuple[str, int]:
    """Name what jobs that take about equal memory have in common."""
    return job.choice.label, job.case.scale
