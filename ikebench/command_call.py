"""What a call of somebody else's program is: LR files out, its command run and watched, SR files in."""

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from baselines.contract import Restored, Task
from ikebench import guard
from ikebench.command_method import CommandMethod, names_in
from ikebench.fitting import fitted
from ikebench.images import IMAGE_SUFFIXES, read_image, write_png
from ikebench.kernel_files import write_matlab
from ikebench.pairing import pair

LOG_CHARACTERS = 100_000  # of the end, where there are more
ONE_BY_ONE = {"lr_image", "kernel", "seed"}  # what a command cannot be given for several images at once
PYTHONS = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "CONDA_PREFIX", "__PYVENV_LAUNCHER__")  # of ours, not of theirs


class CommandFailed(ValueError):
    """The command did not give the SR images.

    Attributes:
        log: what it printed.
    """

    def __init__(self, reason: str, log: str) -> None:
        """Say why, with the last line of the log."""
        lines = log.strip().splitlines()
        super().__init__(reason + (f"; its last words: {lines[-1].strip()}" if lines else "; it printed nothing"))
        self.log = log


def call(method: CommandMethod, tasks: Sequence[Task], scale: int) -> list[Restored]:
    """Run a method's command: once on the folder of all LR images, or once on each image where it takes one.

    Raises:
        CommandFailed: if it ends with an error, is out of time, or leaves no fitting images.
    """
    if ONE_BY_ONE & names_in(method.file.command):
        return [restored for task in tasks for restored in _run(method, [task], scale)]
    return _run(method, tasks, scale)


def _run(method: CommandMethod, tasks: Sequence[Task], scale: int) -> list[Restored]:
    with tempfile.TemporaryDirectory(prefix="ikebench-") as scratch:
        lr, sr = Path(scratch, "lr"), Path(scratch, "sr")
        sr.mkdir()
        names = [f"{number:04}" for number in range(1, len(tasks) + 1)]
        for name, task in zip(names, tasks, strict=True):
            write_png(lr / f"{name}x{scale}.png", _pixels(task.lr))
        given = {
            "lr": lr,
            "sr": sr,
            "lr_image": lr / f"{names[0]}x{scale}.png",
            "sr_image": sr / f"{names[0]}.png",
            "scale": scale,
            "seed": tasks[0].seed % 2**32,  # NumPy and many others take no more
            "kernel": Path(scratch, "kernel.mat"),
        }
        if tasks[0].kernel is not None:
            write_matlab(Path(scratch, "kernel.mat"), tasks[0].kernel)
        log = _watched(method, vars(method) | given, tasks[0].lr.device, Path(scratch, "log"))
        found = _found(names, sr, log)
        return [
            Restored(_read(found[name], task.lr, scale, method.file.off_by_one, log), log=log)
            for name, task in zip(names, tasks, strict=True)
        ]


def _watched(method: CommandMethod, given: Mapping[str, Any], device: torch.device, log_file: Path) -> str:
    """Run the command to its end; gives what it printed."""
    words = [word.format_map(given) for word in shlex.split(method.file.command)]
    guarded = [sys.executable, "-I", guard.__file__, str(method.timeout), *words]
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            guarded,
            cwd=method.file.folder,
            env=_environment(method, device),
            stdin=subprocess.PIPE,  # which tells the guard of our death
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for us to hear
        )
        try:
            code = process.wait()
        finally:
            process.stdin.close()  # type: ignore[union-attr]
            process.wait()
    text = log_file.read_text(encoding="utf-8", errors="replace")[-LOG_CHARACTERS:]
    if code == -guard.OUT_OF_TIME:
        raise CommandFailed(f"the command took longer than {method.timeout:g} s (timeout)", text)
    if code != 0:
        raise CommandFailed(f"the command ended with exit code {code}", text)
    return text


def _environment(method: CommandMethod, device: torch.device) -> dict[str, str]:
    """Give the command its own Python, our GPU and no other, and as many threads as we have."""
    file, ours = method.file, dict(os.environ)
    variables = {name: value for name, value in ours.items() if name not in PYTHONS}
    variables["OMP_NUM_THREADS"] = str(torch.get_num_threads())
    variables["CUDA_VISIBLE_DEVICES"] = leased_gpu(device, ours.get("CUDA_VISIBLE_DEVICES"))
    if file.environment is not None:
        variables["VIRTUAL_ENV"] = str(file.environment)
        variables["PATH"] = f"{file.environment / 'bin'}{os.pathsep}{ours.get('PATH', os.defpath)}"
    return variables | dict(file.variables)


def leased_gpu(device: torch.device, visible: str | None) -> str:
    """Name a GPU of ours as another process must say it: we may see only some, and count them anew; "" for the CPU."""
    if device.type != "cuda":
        return ""
    return visible.split(",")[device.index or 0].strip() if visible else str(device.index or 0)


def _found(names: Sequence[str], folder: Path, log: str) -> Mapping[str, Path]:
    """Find the image that was made of each."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())
    if len(names) == len(files) == 1:
        return {names[0]: files[0]}
    pairing = pair(names, files)
    if pairing.without:
        wrote = ", ".join(path.name for path in files[:3]) or "no image"
        raise CommandFailed(f"the command ended well and wrote {wrote} into its SR folder", log)
    return pairing.files


def _read(path: Path, lr: torch.Tensor, scale: int, off_by_one: bool, log: str) -> torch.Tensor:
    """Read an SR image: (1, 3, s h, s w), on the device of the LR image (1, 3, h, w)."""
    height, width = (scale * side for side in lr.shape[-2:])
    try:
        image = fitted(read_image(path), height, width, off_by_one=off_by_one, option="off_by_one = true")
    except ValueError as error:
        raise CommandFailed(str(error), log) from error
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].to(lr) / 255


def _pixels(lr: torch.Tensor) -> NDArray[np.uint8]:
    return (lr[0].permute(1, 2, 0) * 255).round().byte().cpu().numpy()
