"""What a job becomes in a worker: a task for its method, and its share of the progress."""

import time
from collections.abc import Callable
from functools import lru_cache, partial
from importlib import import_module
from pathlib import Path

import numpy as np
import torch

from baselines.contract import Task
from baselines.weights import read_weights
from ikebench.catalog import uses
from ikebench.engines.contract import Send
from ikebench.files import sha256_file
from ikebench.images import read_image
from ikebench.kernel_files import read_kernel
from ikebench.run.checkpoint import CheckpointFile
from ikebench.run.jobs import Job
from ikebench.run.traces import open_trace
from ikebench.run.worker import Restorer
from ikebench.store.workspace import checkpoint_path
from ikebench.weight_files import WeightsFile

PROGRESS_EVERY = 0.5  # seconds between two messages to the parent


def read_task(
    restorer: Restorer, job: Job, device: torch.device, shared_by: int, progress: Send, say: Callable[[str], None]
) -> Task | Exception:
    """Read what a job needs, or give the error; `shared_by` trainings will be under way at once."""
    try:
        for module in getattr(job.choice.method, "imports", ()):
            import_module(module)
        lr_file = restorer.root / job.data.lr_path
        if sha256_file(lr_file) != job.data.lr_sha256:
            raise OSError(f"{job.data.lr_path} is not what make-data wrote: run make-data again")
        lr = torch.from_numpy(read_image(lr_file)).permute(2, 0, 1)[None].to(device).float() / 255
        checkpoint, every = None, restorer.checkpoint_every
        if every:
            state_file = restorer.root / checkpoint_path(job.sr_path)
            checkpoint = CheckpointFile(state_file, job.key, every, device, shared_by)
        weights = None if job.weights is None else _weights(job.weights)
        kernel = _true_kernel(restorer.root, job)
        trace = open_trace(restorer.root, job, restorer.trace_every) if restorer.trace_every else None
        return Task(lr, job.seed, kernel, weights, progress, checkpoint, say, trace=trace)
    except Exception as error:
        return error


def _true_kernel(root: Path, job: Job) -> np.ndarray | None:
    if "kernel" not in uses(job.choice.method):
        return None
    assert job.data.kernel_path is not None  # or the job would not have been planned
    return read_kernel(root, job.data.kernel_path, job.data.kernel_sha256, "make-data again")


@lru_cache(maxsize=1)  # jobs of one method and scale follow one another; the network stays with its weights
def _weights(file: WeightsFile) -> dict[str, torch.Tensor]:
    if sha256_file(file.path) != file.sha256:
        raise OSError(f"{file.path} has been changed since the run began: run again")
    return read_weights(file.path)


def shares(send: Send, count: int) -> list[Send]:
    """Give each of some jobs its own progress; their mean is sent, now and then."""
    send = _throttled(send)
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
