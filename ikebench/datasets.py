"""Step 1, make-data: HR -> LR files, kernels and `data.parquet`."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from degradations.contract import PRESET, Degradation
from degradations.resample import cut_to_multiple
from degradations.track2 import Track2
from ikebench.catalog import Overrides, check_names, configured, kind_class
from ikebench.errors import UserError
from ikebench.hr_sources import DIV2K_TRACK2, HRSource
from ikebench.image_files import image_paths, png_bytes, read_image, sha256_file, write_atomic
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
    """What make-data did.

    Attributes:
        rows: of `data.parquet`, of this call's images.
        made: LR images written anew.
        refused: image -> why it cannot be used.
    """

    rows: list[Row] = field(default_factory=list)
    made: int = 0
    refused: dict[str, str] = field(default_factory=dict)


def build_recipe(
    kinds: Sequence[str], scales: Sequence[int], seed: int, overrides: Overrides, track2: Path | None
) -> Recipe:
    """Configure the degradations.

    Raises:
        UserError: for unknown parameters, overrides of a kind that is not made, or Track 2 without its files.
    """
    check_names("kind in --set", list(overrides), dict.fromkeys(kinds))
    degradations = {}
    for kind in kinds:
        if kind == "track2":
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
    known = {_case(row): row for row in existing_rows(workspace)}
    made = Made()
    work = [(workspace, source.name, image, path, recipe, known) for image, path in source.files.items()]
    try:
        for image, result in _in_processes(work, workers):
            if isinstance(result, str):
                made.refused[image] = result
            else:
                rows, count = result
                made.rows += rows
                made.made += count
            report(image)
    finally:
        if made.rows:
            _merge(workspace, made.rows, provenance)
    made.refused = {image: made.refused[image] for image in source.files if image in made.refused}
    return made


def import_lr(workspace: Workspace, folder: Path, scale: int, provenance: Row) -> str:
    """Take LR images without HR into a workspace, as set `<folder's name>` and kind `given`; returns the set's name.

    Raises:
        UserError: if the folder holds no image, or one that cannot be read.
    """
    set_name = folder.resolve().name
    rows = []
    try:
        paths = image_paths(folder)
        for path in paths:
            image = path.stem.removesuffix(f"x{scale}")
            target = lr_path(set_name, GIVEN, scale, image)
            rows.append(
                _case_row(set_name, image, GIVEN, scale) | _lr_columns(workspace, target, read_image(path), write=True)
            )
    except ValueError as error:
        raise UserError(str(error)) from error
    if not rows:
        raise UserError(f"--lr {folder}: no images in it")
    _merge(workspace, rows, provenance)
    return set_name


def existing_rows(workspace: Workspace) -> list[Row]:
    """Read the rows of `data.parquet`, if there is one."""
    return to_rows(read_table(workspace.data_table)) if workspace.data_table.exists() else []


def _track2(folder: Path | None) -> Track2:
    if folder is None:
        raise UserError(
            f"kind track2 needs the official LR files: {DIV2K_TRACK2} beside the HR folder, or --track2-lr DIR"
        )
    if not folder.is_dir():
        raise UserError(f"--track2-lr {folder}: no such folder")
    return Track2(folder)


Work = tuple[Workspace, str, str, Path, Recipe, Mapping[tuple[Any, ...], Row]]
Result = tuple[list[Row], int] | str


def _in_processes(work: Sequence[Work], workers: int) -> Iterable[tuple[str, Result]]:
    """Give (image, what came of it) as images are done."""
    if workers <= 1 or len(work) <= 1:
        for item in work:
            yield item[2], _make_image(*item)
        return
    with ProcessPoolExecutor(min(workers, len(work)), mp_context=get_context("spawn"), initializer=_one_thread) as pool:
        futures = {pool.submit(_make_image, *item): item[2] for item in work}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _one_thread() -> None:
    import signal

    import cv2

    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which ends the pool


def _make_image(
    workspace: Workspace, set_name: str, image: str, path: Path, recipe: Recipe, known: Mapping[tuple[Any, ...], Row]
) -> Result:
    """Write one image's HR, LR and kernels; gives its rows and the number of new LR files, or why it is refused."""
    try:
        hr = read_image(path)
        smallest = min(min(cut_to_multiple(hr, scale).shape[:2]) for scale in recipe.scales)
        if smallest < MIN_SIDE:
            return f"{path.name} is {hr.shape[1]}x{hr.shape[0]} px: the least is {MIN_SIDE} px a side"
        hr_columns = _write_hr(workspace, set_name, image, hr)
        rows, count = [], 0
        for kind, degradation in recipe.degradations.items():
            for scale in recipe.scales:
                row = _case_row(set_name, image, kind, scale) | hr_columns | _making(degradation, recipe, image, scale)
                row["seed"], rng = lr_rng(recipe.seed, image, kind, scale)
                old = known.get(_case(row))
                if old is None or not _is_current(workspace, old, row):
                    row |= _make_lr(workspace, row, degradation, hr, rng)
                    count += 1
                else:
                    row = old
                rows.append(row)
    except ValueError as error:
        return str(error)
    return rows, count


def _write_hr(workspace: Workspace, set_name: str, image: str, hr: np.ndarray) -> Row:
    target = hr_path(set_name, image)
    path = workspace.root / target
    if not (path.exists() and _same_pixels(path, hr)):
        write_atomic(path, png_bytes(hr))
    return {"hr_path": target, "hr_sha256": sha256_file(path)}


def _same_pixels(path: Path, image: np.ndarray) -> bool:
    try:
        return np.array_equal(read_image(path), image)
    except ValueError:
        return False


def _making(degradation: Degradation | Track2, recipe: Recipe, image: str, scale: int) -> Row:
    """Name what decides the LR image: the preset and every parameter."""
    if isinstance(degradation, Track2):
        official = Path(degradation.folder).resolve().name == DIV2K_TRACK2
        return {"preset": "track2-official" if official else "track2-given", "parameters": "{}"}
    parameters = asdict(degradation)  # type: ignore[call-overload]
    preset = PRESET if degradation == type(degradation)() else f"{PRESET}, changed"
    return {"preset": preset, "parameters": json.dumps(parameters, sort_keys=True)}


def _is_current(workspace: Workspace, old: Row, new: Row) -> bool:
    """Whether the LR image that is there is the one that would be made."""
    decisive = ("preset", "parameters", "seed", "hr_sha256")
    if any(old[name] != new[name] for name in decisive) or old["preset"].startswith("track2"):
        return False
    kernel = old["kernel_path"]
    path = workspace.root / old["lr_path"]
    kernel_there = kernel is None or (workspace.root / kernel).exists()
    return path.exists() and kernel_there and sha256_file(path) == old["lr_sha256"]


def _make_lr(
    workspace: Workspace, row: Row, degradation: Degradation | Track2, hr: np.ndarray, rng: np.random.Generator
) -> Row:
    target = lr_path(row["set"], row["kind"], row["scale"], row["image"])
    if isinstance(degradation, Track2):
        official = degradation.find(row["image"], row["scale"], hr)
        write_atomic(workspace.root / target, official.read_bytes())
        return _lr_columns(workspace, target, read_image(official), write=False)
    degraded = degradation(cut_to_multiple(hr, row["scale"]), row["scale"], rng)
    columns = _lr_columns(workspace, target, degraded.lr, write=True)
    if degraded.kernel is not None:
        columns["kernel_path"] = true_kernel_path(row["set"], row["kind"], row["scale"], row["image"])
        write_atomic(workspace.root / columns["kernel_path"], _npy_bytes(degraded.kernel))
    return columns


def _lr_columns(workspace: Workspace, target: str, lr: np.ndarray, *, write: bool) -> Row:
    if write:
        write_atomic(workspace.root / target, png_bytes(lr))
    sha256 = sha256_file(workspace.root / target)
    return {"lr_path": target, "lr_sha256": sha256, "height": lr.shape[0], "width": lr.shape[1]}


def _npy_bytes(array: np.ndarray) -> bytes:
    from io import BytesIO

    buffer = BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def _case_row(set_name: str, image: str, kind: str, scale: int) -> Row:
    return {"set": set_name, "image": image, "kind": kind, "scale": scale}


def _case(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in CASE_COLUMNS)


def _merge(workspace: Workspace, rows: Sequence[Row], provenance: Row) -> None:
    """Put rows in place of those of the same case, and keep the table in order."""
    merged = {_case(row): row for row in [*existing_rows(workspace), *rows]}
    write_table(workspace.data_table, [merged[case] for case in sorted(merged)], DATA_SCHEMA, provenance)
