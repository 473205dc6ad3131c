"""What a worker leaves of a job: the SR image, the estimated kernel, and a row file, of a failure too."""

import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from baselines.contract import Restored
from baselines.memory import lacks_memory
from degradations.resample import quantise
from ikebench.errors import one_line, printable
from ikebench.files import sha256_file, write_atomic
from ikebench.images import write_png
from ikebench.kernel_files import write_kernel, write_matlab
from ikebench.run.jobs import Job
from ikebench.store.row_files import write_row
from ikebench.store.rows import VARIANT_OF, RunRow
from ikebench.store.workspace import checkpoint_path, estimated_kernel_path, log_path, row_path

TORCH_LACKS_MEMORY = "DefaultCPUAllocator: can't allocate memory"
MOST_OF_A_TRACEBACK = 20_000  # characters


def write_result(root: Path, job: Job, restored: Restored, row: RunRow, lr_shape: torch.Size) -> RunRow:
    """Write what a method gave.

    Args:
        root: of the workspace.
        job: that has ended.
        restored: what came of it.
        row: of the job, with what was measured; its note is what was said meanwhile, lines joined.
        lr_shape: (1, 3, h, w).

    Returns:
        The row as it was written.

    Raises:
        ValueError: for an SR image of another size than it should be.
        FloatingPointError: for one with values that are not finite.
        OSError: if it cannot be written.
    """
    image = to_image(restored.sr, lr_shape, job.case.scale)
    _keep_log(root, job, restored.log)
    # The old row goes first: a crash in between must not leave the new image under the old row.
    (root / row_path(job.sr_path)).unlink(missing_ok=True)
    write_png(root / job.sr_path, image)
    row = replace(row, status="ok", sr_path=job.sr_path, sr_sha256=sha256_file(root / job.sr_path))
    if restored.kernel is not None:
        row.kernel_path = estimated_kernel_path(job.sr_path, job.case.scale)
        write_matlab((root / row.kernel_path).with_suffix(".mat"), restored.kernel)
        row.kernel_sha256 = write_kernel(root / row.kernel_path, restored.kernel)
    (root / checkpoint_path(job.sr_path)).unlink(missing_ok=True)
    write_row(root / row_path(job.sr_path), row)
    _remove_unnamed(root, job, row)
    return row


def write_failure(root: Path, job: Job, error: Exception, row: RunRow) -> RunRow:
    """Write the row of a job that failed, where that can be; `row` has what was measured.

    What an earlier success has left goes with its row.
    """
    row = replace(row, status="failed", error=_reason(error), seconds=None, note=None)
    with suppress(OSError):  # what was at fault may still be: a full disk, say
        _keep_log(root, job, getattr(error, "log", ""))
        if _is_passing(error):
            row.retry = True
        else:
            row.traceback = printable("".join(traceback.format_exception(error)), MOST_OF_A_TRACEBACK)
            (root / checkpoint_path(job.sr_path)).unlink(missing_ok=True)
        write_row(root / row_path(job.sr_path), row)
        _remove_unnamed(root, job, row)
    return row


def _remove_unnamed(root: Path, job: Job, row: RunRow) -> None:
    """Remove the images and kernels of an earlier row that the new one does not name."""
    kernel = root / estimated_kernel_path(job.sr_path, job.case.scale)
    unnamed = [root / job.sr_path] if row.sr_path is None else []
    unnamed += [kernel, kernel.with_suffix(".mat")] if row.kernel_path is None else []
    for path in unnamed:
        with suppress(OSError):  # a name that is too long for a disk is of no file
            path.unlink()


def _keep_log(root: Path, job: Job, log: str) -> None:
    """Keep what a program printed beside the image, in place of what an earlier one did."""
    if log:
        write_atomic(root / log_path(job.sr_path), log.encode())
    else:
        (root / log_path(job.sr_path)).unlink(missing_ok=True)


def note_of(job: Job, restored: Restored, said: Sequence[str]) -> str | None:
    """Tell what a reader of the table must know beside the settings: the weights, and what the method says."""
    variant = f"{VARIANT_OF}{job.choice.name}" if job.choice.label != job.choice.name else ""
    weights = f"weights {job.weights.path.name}" if job.weights else ""
    return printable("; ".join(filter(None, [variant, weights, restored.note, *dict.fromkeys(said)]))) or None


def to_image(sr: torch.Tensor, lr_shape: torch.Size, scale: int) -> np.ndarray:
    """Round an SR image (1, 3, s h, s w) in [0, 1] to (s h, s w, 3) uint8.

    Raises:
        ValueError: for another shape than that of the LR image (1, 3, h, w) times the scale.
        FloatingPointError: for values that are not finite.
    """
    expected = (1, 3, lr_shape[2] * scale, lr_shape[3] * scale)
    if tuple(sr.shape) != expected:
        raise ValueError(f"the method gave an image of shape {tuple(sr.shape)} in place of {expected}")
    if not torch.isfinite(sr).all():
        raise FloatingPointError("the SR image has values that are not finite")
    levels = sr[0].permute(1, 2, 0).cpu().double().numpy() * 255
    # Bicubic weights are dyadic, so exact halves are common: float32 in [0, 1] must not decide how they round.
    return quantise(np.round(levels, 4))


def _is_passing(error: Exception) -> bool:
    """Say whether a disk, memory or the GPU is at fault, not the image: the job is worth another try, and its state."""
    no_memory = isinstance(error, MemoryError) or TORCH_LACKS_MEMORY in str(error) or lacks_memory(error)
    return no_memory or isinstance(error, (OSError, torch.AcceleratorError))


def _reason(error: Exception) -> str:
    if lacks_memory(error):
        said = printable(" ".join(str(error).split()))
        return f"the GPU's memory does not hold it: {'. '.join(said.split('. ')[:2])}"
    return one_line(error)
