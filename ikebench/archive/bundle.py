"""What goes into a bundle, and how it is written: equal results give equal bytes.

A zip file holds its members as they are: PNG, Parquet and a page of pictures do not shrink, and compressed bytes
would be another zlib's. Unlike a tar file, it has a list of its members, so that a table is read without the images
before it.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import ikebench
from ikebench.errors import NO_ROOM, UserError
from ikebench.files import PARTIAL_SUFFIX, is_intact, sha256_file
from ikebench.progress import say
from ikebench.store.bundles import INVENTORY
from ikebench.store.gathered import Filter, images_of_now
from ikebench.store.rows import Case, DataRow, RunCase, RunRow, ScoreRow
from ikebench.store.tables import provenance_of, read_rows, write_rows
from ikebench.store.traces import read_traces, traces_bytes
from ikebench.store.workspace import Workspace

DATE = (1980, 1, 1, 0, 0, 0)  # of every member: the first that a zip file can say
MODE = 0o100644 << 16  # a plain file
UNIX = 3

R = TypeVar("R", bound=Case)


@contextmanager
def apart(output: Path) -> Iterator[Path]:
    """Give an empty folder beside what is to be written, for as long as it is being written.

    Raises:
        OSError: with `output`, where the folder cannot be written.
    """
    folder = output.with_name(f".{output.name}{PARTIAL_SUFFIX}")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(parents=True)
        yield folder
    except (OSError, UserError) as error:
        trouble = error if isinstance(error, OSError) else error.__cause__
        if not isinstance(trouble, OSError) or not _is_of(trouble, folder):
            raise
        raise OSError(trouble.errno, trouble.strerror, str(output)) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_of(error: OSError, folder: Path) -> bool:
    """Tell trouble with what is written from trouble with what is read; a copy on a full disk names what is read."""
    return error.errno in NO_ROOM or Path(str(error.filename)).is_relative_to(folder)


def write_tables(workspace: Workspace, wanted: Filter, folder: Path) -> tuple[list[DataRow], list[RunRow]]:
    """Write tables, traces and manifest of the wanted results into a folder; gives the images and the results.

    Left out are results and scores on images that have been made anew since.
    """
    there = Workspace(folder)
    data = _read(workspace.data_table, DataRow, wanted)
    runs, scores = _read(workspace.runs_table, RunRow, wanted), _read(workspace.scores_table, ScoreRow, wanted)
    if workspace.data_table.exists():
        runs, scores = _current(data, runs, scores)
    _write_table(workspace.data_table, there.data_table, data, DataRow)
    _write_table(workspace.runs_table, there.runs_table, runs, RunRow)
    _write_table(workspace.scores_table, there.scores_table, scores, ScoreRow)
    traces = read_traces(workspace, runs)
    if len(traces):
        there.traces_table.write_bytes(traces_bytes(traces))
    if workspace.manifest.exists():
        shutil.copyfile(workspace.manifest, there.manifest)
    return data, runs


def _read(path: Path, row: type[R], wanted: Filter) -> list[R]:
    return [one for one in read_rows(path, row, old=True) if wanted.takes(one)] if path.exists() else []


def _current(
    data: Sequence[DataRow], runs: Sequence[RunRow], scores: Sequence[ScoreRow]
) -> tuple[list[RunRow], list[ScoreRow]]:
    """Choose what is on the images of now; where scores are not, their result goes with them."""
    images = images_of_now(data)
    stale = {_result(row) for row in scores if images.get(row.case) != (row.lr_sha256, row.hr_sha256)}
    stale |= {_result(run) for run in runs if images.get(run.case, (None,))[0] != run.lr_sha256}
    if stale:
        say(f"{len(stale)} results or their scores are on images that have been made anew since: left out; run again")
    return [run for run in runs if _result(run) not in stale], [row for row in scores if _result(row) not in stale]


def _result(row: RunCase) -> tuple[str, str, str, int, str, int]:
    return *row.case, row.method, row.seed


def _write_table(path: Path, target: Path, rows: Sequence[R], row: type[R]) -> None:
    if path.exists():
        write_rows(target, rows, row, provenance_of(path))


def images(workspace: Workspace, data: Sequence[DataRow], runs: Sequence[RunRow]) -> dict[str, Path]:
    """List the SR images of results, and the kernels, true and estimated: path in the bundle -> file.

    Raises:
        UserError: if one is not as it was written.
    """
    listed = [(run.sr_path, run.sr_sha256) for run in runs]
    listed += [(run.kernel_path, run.kernel_sha256) for run in runs]
    listed += [(image.kernel_path, image.kernel_sha256) for image in data]
    files = {}
    for path, sha256 in listed:
        if path is None:
            continue
        if not is_intact(workspace.root / path, sha256):
            raise UserError(f"{path} is not as it was written: make it again, or leave out --images")
        files[path] = workspace.root / path
    return files


def write_inventory(folder: Path, wanted: Filter, pictured: Mapping[str, Path]) -> dict[str, Path]:
    """List all that lies in a folder and the images that go with it; gives the files of the bundle."""
    files = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()} | dict(pictured)
    described = {
        "bundle": 1,
        "ikebench": ikebench.__version__,
        "chosen": {name: list(values) for name, values in asdict(wanted).items() if values is not None},
        "images": bool(pictured),
        "files": {name: sha256_file(path) for name, path in sorted(files.items())},
    }
    (folder / INVENTORY).write_text(json.dumps(described, indent=1) + "\n")
    return {INVENTORY: folder / INVENTORY, **files}


def write_zip(files: Mapping[str, Path], output: Path) -> None:
    """Write a zip file."""
    with output.open("wb") as file:
        with ZipFile(file, "w", ZIP_STORED) as archive:
            for name, path in sorted(files.items()):
                member = ZipInfo(name, DATE)
                member.external_attr, member.create_system = MODE, UNIX
                member.file_size = path.stat().st_size  # decides whether it needs the format's 64-bit extension
                with path.open("rb") as source, archive.open(member, "w") as target:
                    shutil.copyfileobj(source, target, 2**20)
        file.flush()
        os.fsync(file.fileno())


def write_folder(files: Mapping[str, Path], output: Path) -> None:
    """Write the same as a folder."""
    for name, path in files.items():
        (output / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, output / name)
