"""One job, in a worker process: LR file -> method -> SR file and row file."""

import ctypes
import io
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
import torch

from baselines.contract import Precision, Restored, Task
from baselines.weights import read_weights
from degradations.resample import quantise
from ikebench.image_files import read_image, sha256_file, write_atomic, write_png
from ikebench.jobs import Job, WeightsFile
from ikebench.store import RETRY, Row, checkpoint_path, estimated_kernel_path, row_path, write_row

PROGRESS_EVERY = 0.5  # seconds between two messages to the parent


@dataclass(frozen=True)
class Restorer:
    """Runs jobs in a worker: a picklable `ikebench.engines.Work`.

    Attributes:
        root: of the workspace.
        devices: torch devices; worker i uses the i-th, in turn.
        precision: of the training.
        threads: of each worker on a CPU.
        checkpoint_every: iterations between two saved states; None for none.
    """

    root: Path
    devices: tuple[str, ...]
    precision: Precision = "fp32"
    threads: int = 1
    checkpoint_every: int | None = None

    def __call__(self, job: Job, worker: int, send: Callable[[int, int], None]) -> Row:
        """Run a job and write what came of it; gives the row. Trouble becomes a row with its error."""
        torch.set_num_threads(self.threads)
        device = torch.device(self.devices[worker % len(self.devices)])
        row = job.row(self.precision) | {"device": _device_name(device)}
        _reset_peak_memory(device)
        try:
            row |= self._restore(job, device, _throttled(send))
        except OSError as error:  # a file or disk at fault, not the method: the job is not over
            row |= {"status": "failed", "error": _one_line(error), RETRY: True}
        except Exception as error:  # whatever goes wrong in one job: the rest goes on
            row |= {"status": "failed", "error": _one_line(error), "traceback": traceback.format_exc()}
            (self.root / checkpoint_path(job.sr_path)).unlink(missing_ok=True)
        row["peak_mem_mib"] = _peak_memory_mib(device)
        write_row(self.root / row_path(job.sr_path), row)
        return row

    def _restore(self, job: Job, device: torch.device, progress: Callable[[int, int], None]) -> Row:
        lr_file = self.root / job.data["lr_path"]
        if sha256_file(lr_file) != job.data["lr_sha256"]:
            raise OSError(f"{job.data['lr_path']} is not what make-data wrote: run make-data again")
        lr = torch.from_numpy(read_image(lr_file)).permute(2, 0, 1)[None].to(device).float() / 255
        checkpoint = self._checkpoint(job, device) if self.checkpoint_every else None
        weights = None if job.weights is None else _weights(job.weights)
        task = Task(lr, job.seed, self._true_kernel(job), weights, progress, checkpoint)
        restored, seconds = _timed(job, task, self.precision)
        seconds += checkpoint.seconds_before if checkpoint else 0
        columns = self._write(job, restored, lr.shape)
        (self.root / checkpoint_path(job.sr_path)).unlink(missing_ok=True)
        return columns | {"status": "ok", "seconds": seconds, "note": _note(job, restored)}

    def _true_kernel(self, job: Job) -> np.ndarray | None:
        path = job.data["kernel_path"]
        return None if path is None else np.load(self.root / path)

    def _checkpoint(self, job: Job, device: torch.device) -> "CheckpointFile":
        assert self.checkpoint_every is not None
        return CheckpointFile(self.root / checkpoint_path(job.sr_path), job.key, self.checkpoint_every, device)

    def _write(self, job: Job, restored: Restored, lr_shape: torch.Size) -> Row:
        image = _to_image(restored.sr, lr_shape, job.case["scale"])
        # The old row goes first: a crash in between must not leave the new image under the old row.
        (self.root / row_path(job.sr_path)).unlink(missing_ok=True)
        path = self.root / job.sr_path
        write_png(path, image)
        columns = {"sr_path": job.sr_path, "sr_sha256": sha256_file(path)}
        if restored.kernel is not None:
            columns["kernel_path"] = estimated_kernel_path(job.sr_path, job.case["scale"])
            _write_kernel(self.root / columns["kernel_path"], restored.kernel)
        return columns


@dataclass
class CheckpointFile:
    """A training's state on disk; of this job's key only.

    Attributes:
        path: the file.
        key: of the job.
        every: iterations between two saves.
        device: where a loaded state goes.
        seconds_before: that the training had taken when the loaded state was saved.
    """

    path: Path
    key: str
    every: int
    device: torch.device
    seconds_before: float = 0.0
    started: float = field(default_factory=time.perf_counter)

    def load(self) -> dict[str, Any] | None:
        """Read the state, unless there is none, it is damaged or of another job."""
        try:
            saved = torch.load(self.path, weights_only=True, map_location=self.device)
        except Exception:  # torch.load raises many things for a damaged file; all mean: start anew
            return None
        if saved.get("key") != self.key:
            return None
        self.seconds_before = saved["seconds"]
        return saved["state"]

    def save(self, state: dict[str, Any]) -> None:
        """Write the state, whole or not at all."""
        buffer = io.BytesIO()
        seconds = self.seconds_before + time.perf_counter() - self.started
        torch.save({"key": self.key, "state": state, "seconds": seconds}, buffer)
        write_atomic(self.path, buffer.getvalue())


@lru_cache(maxsize=2)  # jobs of one method and scale follow one another; EDSR's weights take 160 MB
def _weights(file: WeightsFile) -> dict[str, torch.Tensor]:
    if sha256_file(file.path) != file.sha256:
        raise OSError(f"{file.path} has been changed since the run began: run again")
    return read_weights(file.path)


def _timed(job: Job, task: Task, precision: Precision) -> tuple[Restored, float]:
    """Call the method and time the call alone, synchronised."""
    _synchronise(task.lr.device)
    started = time.perf_counter()
    results = job.choice.method([task], job.case["scale"], precision)
    _synchronise(task.lr.device)
    if not (isinstance(results, list) and len(results) == 1 and isinstance(results[0], Restored)):
        raise TypeError("the method must return a list with one baselines.contract.Restored for each task")
    [restored] = results
    return restored, time.perf_counter() - started


def _to_image(sr: torch.Tensor, lr_shape: torch.Size, scale: int) -> np.ndarray:
    expected = (1, 3, lr_shape[2] * scale, lr_shape[3] * scale)
    if tuple(sr.shape) != expected:
        raise ValueError(f"the method gave an image of shape {tuple(sr.shape)} in place of {expected}")
    if not torch.isfinite(sr).all():
        raise FloatingPointError("the SR image has values that are not finite")
    levels = sr[0].permute(1, 2, 0).double().cpu().numpy() * 255
    # Bicubic weights are dyadic, so exact halves are common: float32 in [0, 1] must not decide how they round.
    return quantise(np.round(levels, 4))


def _write_kernel(path: Path, kernel: np.ndarray) -> None:
    array = io.BytesIO()
    np.save(array, kernel)
    write_atomic(path, array.getvalue())
    matlab = io.BytesIO()
    scipy.io.savemat(matlab, {"Kernel": kernel})  # type: ignore[arg-type]  # the stubs miss file objects
    write_atomic(path.with_suffix(".mat"), matlab.getvalue())


def _note(job: Job, restored: Restored) -> str | None:
    """Tell what a reader of the table must know beside the settings: the weights, and what the method says."""
    variant = f"variant of {job.choice.name}" if job.choice.label != job.choice.name else ""
    weights = f"weights {job.weights.path.name}" if job.weights else ""
    return "; ".join(filter(None, [variant, weights, restored.note])) or None


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    explained = isinstance(error, (ValueError, FloatingPointError, OSError))
    return text if explained and text else f"{type(error).__name__}: {text}"


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _throttled(send: Callable[[int, int], None]) -> Callable[[int, int], None]:
    last = 0.0

    def progress(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= PROGRESS_EVERY:
            last = now
            send(done, total)

    return progress


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _reset_peak_memory(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    # Other C libraries and some containers refuse; then the peak is that of the process so far.
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)  # gives back what the job before has freed
        Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM (man 5 proc)


def _peak_memory_mib(device: torch.device) -> float:
    """Peak of the GPU's allocated memory, or of the process's resident memory on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return float("nan")
