"""Where everything lies in a workspace. Paths in tables are relative to it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ikebench.errors import UserError
from ikebench.files import NO_PLAIN_FILE, open_plain, open_to_read, remove_leftovers
from ikebench.store.rows import RunCase

WEIGHTS_VARIABLE = "IKEBENCH_WEIGHTS"


@dataclass(frozen=True)
class Workspace:
    """A folder that holds data sets, SR images, tables and reports."""

    root: Path

    @property
    def data_table(self) -> Path:
        """One row per LR image."""
        return self.root / "data.parquet"

    @property
    def weights_folder(self) -> Path:
        """Trained weights of supervised methods: $IKEBENCH_WEIGHTS, where that is set."""
        named = os.environ.get(WEIGHTS_VARIABLE)
        return Path(named) if named else self.root / "weights"

    @property
    def div2k_folder(self) -> Path:
        """DIV2K as `ikebench fetch div2k` unpacks it."""
        return self.root / "div2k"

    @property
    def runs_table(self) -> Path:
        """One row per SR image."""
        return self.root / "runs.parquet"

    @property
    def scores_table(self) -> Path:
        """One row per scored SR image."""
        return self.root / "scores.parquet"

    @property
    def traces_table(self) -> Path:
        """All traces in one table, where they do not lie beside their SR images: of a bundle."""
        return self.root / "traces.parquet"

    @property
    def manifest(self) -> Path:
        """What made the workspace: commands, versions, device."""
        return self.root / "manifest.json"

    @property
    def report_folder(self) -> Path:
        """Tables and figures."""
        return self.root / "report"

    @property
    def report_memory(self) -> Path:
        """How each format of the report was asked for, and which scores they show."""
        return self.root / ".report.json"

    @contextmanager
    def at_rest(self) -> Iterator[None]:
        """Read while no ikebench changes the workspace; nothing is written for it.

        Raises:
            UserError: if one is at work in it, or `.lock` is no plain file.
        """
        try:
            file = open_to_read(self.root / ".lock")
        except OSError as error:  # nobody has worked here, or not on this machine
            if error.strerror == NO_PLAIN_FILE:
                raise UserError(f"{error.filename}: {NO_PLAIN_FILE}: remove it") from None
            yield
            return
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                raise UserError(f"another ikebench is at work in {self.root}: wait until it has ended") from None
            yield

    @contextmanager
    def locked(self, otherwise: str = "another --workspace") -> Iterator[None]:
        """Keep other ikebench processes from changing the workspace; ends with this process at the latest.

        Args:
            otherwise: what a person can use in its place, where another one is at work.

        Raises:
            UserError: if another one is at work in it, or the folder cannot be written.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            file = open_plain(self.root / ".lock", "ab")
        except OSError as error:
            at = " (.lock)" if error.strerror == NO_PLAIN_FILE else ""
            raise UserError(f"cannot write to {self.root}: {error.strerror}{at}") from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise UserError(f"another ikebench is at work in {self.root}: wait, or use {otherwise}") from None
            self._remove_leftovers()
            yield

    def _remove_leftovers(self) -> None:
        """Remove what killed commands have left half-written; other commands write here under the lock alone."""
        remove_leftovers(self.root, os.listdir(self.root))
        for top in ("data", "sr"):
            for folder, _, names in os.walk(self.root / top):
                remove_leftovers(Path(folder), names)


def hr_path(set_name: str, image: str) -> str:
    """Path of an HR image as used."""
    return f"data/{set_name}/HR/{image}.png"


def lr_path(set_name: str, kind: str, scale: int, image: str) -> str:
    """Path of an LR image, named as DIV2K names them."""
    return f"data/{set_name}/LR_{kind}/X{scale}/{image}x{scale}.png"


def true_kernel_path(set_name: str, kind: str, scale: int, image: str) -> str:
    """Path of the kernel that made an LR image."""
    return f"data/{set_name}/kernels/{kind}/X{scale}/{image}.npy"


def sr_path(case: RunCase) -> str:
    """Path of an SR image; its row file and estimated kernel lie beside it."""
    method = case.method if case.seed == 0 else f"{case.method}@seed{case.seed}"
    return f"sr/{method}/{case.set}/{case.kind}/X{case.scale}/{case.image}.png"


def row_path(sr: str) -> str:
    """Path of the row file of an SR image: there when its job has ended, well or not; of LR, until a table has it."""
    return sr.removesuffix(".png") + ".json"


def checkpoint_path(sr: str) -> str:
    """Path of the state of a training that is under way."""
    return sr.removesuffix(".png") + ".checkpoint"


def log_path(sr: str) -> str:
    """Path of what a program of somebody else's printed on the way to an SR image."""
    return sr.removesuffix(".png") + ".log"


def trace_path(sr: str) -> str:
    """Path of what was recorded of a training under way: losses and PSNR."""
    return sr.removesuffix(".png") + "_trace.parquet"


def companion_paths(sr: str, scale: int) -> list[str]:
    """Paths of all that may lie beside an SR image, its row file apart."""
    kernel = estimated_kernel_path(sr, scale)
    return [checkpoint_path(sr), log_path(sr), trace_path(sr), kernel, kernel.removesuffix(".npy") + ".mat"]


def estimated_kernel_path(sr: str, scale: int) -> str:
    """Path of the kernel that a method estimated."""
    return sr.removesuffix(".png") + f"_kernel_x{scale}.npy"
