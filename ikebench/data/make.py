"""Step 1, make-data: HR -> LR files, kernels and `data.parquet`."""

import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from degradations.contract import PRESET, Degradation
from degradations.resample import cut_to_multiple
from degradations.track2 import Track2
from ikebench.catalog import Overrides, check_parameters, configured, kind_class
from ikebench.data.sources import DIV2K_TRACK2, HRSource
from ikebench.engines.local import Finished, Lost, run_local
from ikebench.errors import UserError
from ikebench.files import sha256_file, write_atomic
from ikebench.images import natural_order, png_bytes, read_image
from ikebench.kernel_files import is_intact, write_kernel
from ikebench.seeds import lr_rng
from ikebench.store import (
    CASE_COLUMNS,
    DATA_SCHEMA,
    Row,
    Workspace,
    hr_path,
    lr_path,
    read_table,
    to_rows,
    true_kernel_path,
    write_table,
)

MIN_SIDE = 32
"""px of an HR image after cutting: below, no method has anything to work with."""
GIVEN = "given"
"""The kind of LR images that come without HR."""


@dataclass(frozen=True)
class Recipe:
    """How every image of a set is degraded.

    Attributes:
        degradations: kind -> what makes it.
        scales: how many times smaller.
        seed: base of every image's own seed.
    """

    degradations: Mapping[str, Degradation | Track2]
    scales: Sequence[int]
    seed: int = 0


@dataclass
class Made:
    """What came of one image or, added up, of a set.

    Attributes:
        rows: of `data.parquet`.
        made: number of LR images written anew.
        refused: what cannot be used ("0801", or "0801 track2 x2" where it is one LR image only) -> why.
        outdated: number of LR images dropped from the table because their HR has been replaced by another.
    """

    rows: list[Row] = field(default_factory=list)
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
    known: Sequence[Row]


@dataclass(frozen=True)
class Degrader:
    """Degrades one image after another in a worker process: a picklable `ikebench.engines.local.Work`."""

    workspace: Workspace
    recipe: Recipe

    def __call__(self, work: ImageWork, worker: int, send: Callable[[int, int], None]) -> Made:
        """Write one image's HR, LR and kernels."""
        cv2.setNumThreads(1)
        try:
            hr = read_image(work.path)
            smallest = min(min(cut_to_multiple(hr, scale).shape[:2]) for scale in self.recipe.scales)
            if smallest < MIN_SIDE:
                size = f"{hr.shape[1]}x{hr.shape[0]} px"
                raise ValueError(f"{work.path.name} is {size}: the least is {MIN_SIDE} px a side")
            hr_columns = self._write_hr(work, hr)
        except (ValueError, OSError) as error:
            return Made(refused={work.image: str(error)})
        made = Made()
        for kind in self.recipe.degradations:
            for scale in self.recipe.scales:
                case = {"set": work.set_name, "image": work.image, "kind": kind, "scale": scale}
                try:
                    self._make_case(case | hr_columns, work, hr, made)
                except (ValueError, OSError) as error:
                    made.refused[f"{work.image} {kind} x{scale}"] = str(error)
        return made

    def _write_hr(self, work: ImageWork, hr: np.ndarray) -> Row:
        target = hr_path(work.set_name, work.image)
        path = self.workspace.root / target
        if not (path.exists() and _same_pixels(path, hr)):
            write_atomic(path, png_bytes(hr))
        return {"hr_path": target, "hr_sha256": sha256_file(path)}

    def _make_case(self, row: Row, work: ImageWork, hr: np.ndarray, made: Made) -> None:
        """Make one LR image, unless the one that is there is what would be made."""
        degradation = self.recipe.degradations[row["kind"]]
        row["seed"], rng = lr_rng(self.recipe.seed, row["image"], row["kind"], row["scale"])
        row |= _making(degradation)
        old = next((known for known in work.known if _case(known) == _case(row)), None)
        if old is not None and _is_current(self.workspace, old, row):
            made.rows.append(old)
            return
        made.rows.append(row | self._make_lr(row, degradation, hr, rng))
        made.made += 1

    def _make_lr(self, row: Row, degradation: Degradation | Track2, hr: np.ndarray, rng: np.random.Generator) -> Row:
        target = lr_path(row["set"], row["kind"], row["scale"], row["image"])
        if isinstance(degradation, Track2):
            data = degradation.find(row["image"], row["scale"], hr).read_bytes()
            return _write_lr(self.workspace, target, data)
        degraded = degradation(cut_to_multiple(hr, row["scale"]), row["scale"], rng)
        columns = _write_lr(self.workspace, target, png_bytes(degraded.lr))
        if degraded.kernel is not None:
            columns["kernel_path"] = true_kernel_path(row["set"], row["kind"], row["scale"], row["image"])
            path = self.workspace.root / columns["kernel_path"]
            columns["kernel_sha256"] = write_kernel(path, degraded.kernel)
        return columns


def build_recipe(
    kinds: Sequence[str], scales: Sequence[int], seed: int, overrides: Overrides, track2: Path | None
) -> Recipe:
    """Configure the degradations.

    Raises:
        UserError: for unknown parameters, overrides of a kind that is not made, or Track 2 without its files.
    """
    stray = next((name for name in overrides if name not in kinds), None)
    if stray is not None:
        raise UserError(f"--set {stray}.…: {stray} is not among --kind {','.join(kinds)}")
    degradations = {}
    for kind in kinds:
        if kind == "track2":
            check_parameters(Track2, kind, overrides.get(kind, {}))
            degradations[kind] = _track2(track2)
        else:
            degradations[kind] = configured(kind_class(kind), kind, overrides.get(kind, {}))
    return Recipe(degradations, scales, seed)


def make_data(
    workspace: Workspace,
    source: HRSource,
    recipe: Recipe,
    provenance: Row,
    workers: int = 1,
    report: Callable[[str], None] = lambda image: None,
) -> Made:
    """Degrade every image of a source and write `data.parquet`; what is there already is left alone.

    Args:
        workspace: where to.
        source: the HR images.
        recipe: what to make of each.
        provenance: kept in the table.
        workers: processes.
        report: called with the name of each image when it is done.
    """
    known: dict[str, list[Row]] = {}
    for row in existing_rows(workspace):
        if row["set"] == source.name:
            known.setdefault(row["image"], []).append(row)
    work = [ImageWork(source.name, image, path, known.get(image, ())) for image, path in source.files.items()]
    results: dict[int, Made] = {}
    made = Made()
    try:
        for event in run_local(work, Degrader(workspace, recipe), workers):
            if isinstance(event, Finished):
                results[event.item] = event.result
            elif isinstance(event, Lost):
                results[event.item] = Made(refused={work[event.item].image: event.reason})
            report(work[event.item].image)
    finally:
        for item in sorted(results):
            made.add(results[item])
        if made.rows:
            made.outdated = merge(workspace, made.rows, provenance)
    return made


def import_lr(
    workspace: Workspace, files: Mapping[str, Path], set_name: str, scale: int, *, write: bool
) -> tuple[list[Row], dict[str, str]]:
    """Take LR images without HR into a workspace, as kind `given`.

    Args:
        workspace: where to.
        files: image name -> file.
        set_name: the set's name.
        scale: by which they are to be enlarged.
        write: copy the files; without it only the rows are made.

    Returns:
        Their rows of `data.parquet` (see `merge`), and the images that cannot be read, with the reason.
    """
    rows, refused = [], {}
    for image, path in files.items():
        try:
            data = png_bytes(read_image(path))
        except ValueError as error:
            refused[image] = str(error)
            continue
        target = lr_path(set_name, GIVEN, scale, image)
        case = {"set": set_name, "image": image, "kind": GIVEN, "scale": scale}
        rows.append(case | _write_lr(workspace, target, data, write=write))
    return rows, refused


def existing_rows(workspace: Workspace) -> list[Row]:
    """Read the rows of `data.parquet`, if there is one."""
    return to_rows(read_table(workspace.data_table)) if workspace.data_table.exists() else []


def merge(workspace: Workspace, rows: Sequence[Row], provenance: Row) -> int:
    """Put rows in place of those of the same case, and keep the table in order.

    Rows of the same image that were made from another HR image go: their HR is no longer there. Gives their number.
    """
    current_hr = {(row["set"], row["image"]): row.get("hr_sha256") for row in rows}

    def is_outdated(row: Row) -> bool:
        current = current_hr.get((row["set"], row["image"]))
        return current is not None and row["hr_sha256"] not in (None, current)

    merged = {_case(row): row for row in [*existing_rows(workspace), *rows]}
    kept = [row for row in merged.values() if not is_outdated(row)]
    kept.sort(key=lambda row: (row["set"], natural_order(row["image"]), row["image"], row["kind"], row["scale"]))
    write_table(workspace.data_table, kept, DATA_SCHEMA, provenance)
    return len(merged) - len(kept)


def _track2(folder: Path | None) -> Track2:
    if folder is None:
        raise UserError(
            f"kind track2 needs the official LR files: {DIV2K_TRACK2} beside the HR folder, or --track2-lr DIR"
        )
    if not folder.is_dir():
        raise UserError(f"--track2-lr {folder}: no such folder")
    return Track2(folder)


def _same_pixels(path: Path, image: np.ndarray) -> bool:
    try:
        return np.array_equal(read_image(path), image)
    except ValueError:
        return False


def _making(degradation: Degradation | Track2) -> Row:
    """Name what decides the LR image besides HR and seed: the preset, the degradation's version, every parameter."""
    if isinstance(degradation, Track2):
        official = Path(degradation.folder).resolve().name == DIV2K_TRACK2
        preset = "track2-official" if official else "track2-given"
        return {"preset": preset, "version": degradation.version, "parameters": "{}"}
    preset = PRESET if degradation == type(degradation)() else f"{PRESET}, changed"
    parameters = asdict(degradation)  # type: ignore[call-overload]
    return {"preset": preset, "version": degradation.version, "parameters": json.dumps(parameters, sort_keys=True)}


def _is_current(workspace: Workspace, old: Row, new: Row) -> bool:
    """Whether the LR image that is there is the one that would be made; imported files are always compared anew."""
    decisive = ("preset", "version", "parameters", "seed", "hr_sha256")  # .get: an older table may lack some
    if any(old.get(name) != new[name] for name in decisive) or old["kind"] == "track2":
        return False
    path = workspace.root / old["lr_path"]
    if old["kernel_path"] and not is_intact(workspace.root / old["kernel_path"], old.get("kernel_sha256")):
        return False
    return is_intact(path, old["lr_sha256"])


def _write_lr(workspace: Workspace, target: str, data: bytes, *, write: bool = True) -> Row:
    """Write an LR file and give its columns."""
    if write:
        write_atomic(workspace.root / target, data)
    with Image.open(io.BytesIO(data)) as picture:
        width, height = picture.size
    return {"lr_path": target, "lr_sha256": sha256(data).hexdigest(), "height": height, "width": width}


def _case(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in CASE_COLUMNS)
