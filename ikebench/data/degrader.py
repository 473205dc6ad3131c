"""What a worker of make-data does: one HR image in, its HR, LR and kernel files out."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from PIL import Image

from degradations.contract import Degradation, Given, Imported, is_imported
from degradations.resample import cut_to_multiple
from ikebench.catalog import kind_class
from ikebench.data.recipe import Recipe
from ikebench.files import is_intact, sha256_file, write_atomic
from ikebench.images import png_bytes, read_image
from ikebench.kernel_files import write_kernel
from ikebench.seeds import lr_rng
from ikebench.store.row_files import load_row, write_row
from ikebench.store.rows import DataRow
from ikebench.store.workspace import hr_path, lr_path, row_path, true_kernel_path

MIN_SIDE = 32
"""px of an HR image after cutting: below, no method has anything to work with."""


@dataclass
class Made:
    """What came of one image or, added up, of a set.

    Attributes:
        rows: of `data.parquet`.
        made: number of LR images written anew.
        refused: what cannot be used ("0801", or "0801 track2 x2" where it is one LR image only) -> why.
        outdated: number of LR images dropped from the table because their HR has been replaced by another.
    """

    rows: list[DataRow] = field(default_factory=list)
    made: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    outdated: int = 0

    def add(self, other: "Made") -> None:
        """Add what came of one more image."""
        self.rows += other.rows
        self.made += other.made
        self.refused |= other.refused


@dataclass(frozen=True)
class ImageWork:
    """One HR image to degrade, and the rows that the table has of it."""

    set_name: str
    image: str
    path: Path
    known: Sequence[DataRow]


@dataclass(frozen=True)
class Degrader:
    """Degrades one image after another in a worker process: a picklable `ikebench.engines.contract.Work`."""

    root: Path
    recipe: Recipe

    def __call__(self, work: ImageWork, worker: int, send: Callable[[int, int], None]) -> Made:
        """Write one image's HR, LR and kernels."""
        cv2.setNumThreads(1)
        try:
            hr = self._read(work)
            target = hr_path(work.set_name, work.image)
            hr_sha256 = self._write_hr(target, hr)
        except (ValueError, OSError) as error:
            return Made(refused={work.image: str(error)})
        made = Made()
        for case in self.recipe.cases(work.set_name, work.image):
            try:
                self._make(replace(case, hr_path=target, hr_sha256=hr_sha256), work, hr, made)
            except (ValueError, OSError) as error:
                made.refused[f"{work.image} {case.kind} x{case.scale}"] = str(error)
        return made

    def _read(self, work: ImageWork) -> np.ndarray:
        hr = read_image(work.path)
        smallest = min(min(cut_to_multiple(hr, scale).shape[:2]) for scale in self.recipe.scales)
        if smallest < MIN_SIDE:
            size = f"{hr.shape[1]}x{hr.shape[0]} px"
            raise ValueError(f"{work.path.name} is {size}: the least is {MIN_SIDE} px a side")
        return hr

    def _write_hr(self, target: str, hr: np.ndarray) -> str:
        """Write the HR image as used, unless it is there; gives the SHA-256 of the file."""
        path = self.root / target
        if not (path.exists() and _same_pixels(path, hr)):
            write_atomic(path, png_bytes(hr))
        return sha256_file(path)

    def _make(self, row: DataRow, work: ImageWork, hr: np.ndarray, made: Made) -> None:
        """Make one LR image, unless the one that is there is what would be made."""
        path = self.root / row_path(lr_path(row.set, row.kind, row.scale, row.image))
        known = [*(known for known in work.known if known.case == row.case), *_rows_in(path)]
        there = [old for old in known if _is_there(old, lambda path, digest: is_intact(self.root / path, digest))]
        for old in there:
            if _is_like(old, row):
                made.rows.append(old)
                return
        new, remark = self._make_lr(row, hr)
        made.rows.append(new)
        if new not in there:
            write_row(path, new)  # until it is in the table: who is killed before that goes on from here
            made.made += 1
        if remark:
            made.refused[f"{row.image} {row.kind} x{row.scale}"] = remark

    def _make_lr(self, row: DataRow, hr: np.ndarray) -> tuple[DataRow, str]:
        """Write an LR image and its kernel; gives its row, and what is wrong beside."""
        given = self._given(row, hr)
        target = lr_path(row.set, row.kind, row.scale, row.image)
        row = write_lr(self.root, replace(row, lr_path=target, preset=given.preset or row.preset), given.data)
        if given.kernel is not None:
            row.kernel_path = true_kernel_path(row.set, row.kind, row.scale, row.image)
            row.kernel_sha256 = write_kernel(self.root / row.kernel_path, given.kernel)
        return row, given.remark

    def _given(self, row: DataRow, hr: np.ndarray) -> Given:
        """Degrade the HR image, or take the LR image that belongs to it."""
        degradation = self.recipe.degradations[row.kind]
        if is_imported(degradation):
            return cast(Imported, degradation).given(row.image, row.scale, hr)
        rng = lr_rng(self.recipe.seed, row.image, row.kind, row.scale)
        degraded = cast(Degradation, degradation)(cut_to_multiple(hr, row.scale), row.scale, rng)
        return Given(png_bytes(degraded.lr), degraded.kernel)


def _rows_in(path: Path) -> list[DataRow]:
    """Read the row that make-data left when it was killed, if it did."""
    try:
        return [load_row(path, DataRow)]
    except (OSError, ValueError):
        return []


def is_current(old: DataRow, new: DataRow, intact: Callable[[str, str | None], bool]) -> bool:
    """Say whether the LR image that is there is the one that would be made; imported files are always compared anew."""
    return _is_like(old, new) and _is_there(old, intact)


def _is_like(old: DataRow, new: DataRow) -> bool:
    decisive = ("preset", "version", "parameters", "seed", "hr_sha256")
    return all(getattr(old, name) == getattr(new, name) for name in decisive) and not is_imported(kind_class(old.kind))


def _is_there(old: DataRow, intact: Callable[[str, str | None], bool]) -> bool:
    if old.kernel_path and not intact(old.kernel_path, old.kernel_sha256):
        return False
    return intact(old.lr_path, old.lr_sha256)


def write_lr(root: Path, row: DataRow, data: bytes, *, write: bool = True) -> DataRow:
    """Write an LR file to the row's `lr_path`, unless it is there, and give the row with what the file decides."""
    digest = sha256(data).hexdigest()
    if write and not is_intact(root / row.lr_path, digest):
        write_atomic(root / row.lr_path, data)
    with Image.open(io.BytesIO(data)) as picture:
        width, height = picture.size
    return replace(row, lr_sha256=digest, height=height, width=width)


def _same_pixels(path: Path, image: np.ndarray) -> bool:
    try:
        return np.array_equal(read_image(path), image)
    except ValueError:
        return False
