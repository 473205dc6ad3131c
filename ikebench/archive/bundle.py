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
from ikebench.errors import UserError
from ikebench.files import PARTIAL_SUFFIX, is_intact, sha256_file
from ikebench.store.bundles import INVENTORY
from ikebench.store.gathered import Filter
from ikebench.store.rows import Case, DataRow, RunRow, ScoreRow
from ikebench.store.tables import provenance_of, read_rows, write_rows
from ikebench.store.traces import read_traces, traces_bytes
from ikebench.store.workspace import Workspace

DATE = (1980, 1, 1, 0, 0, 0)  # of every member: the first that a zip file can say
MODE = 0o100644 << 16  # a plain file
UNIX = 3

R = TypeVar("R", bound=Case)


@contextmanager
def apart(output: Path) -> Iterator[Path]:
    """Give an empty folder beside what is to be written, for as long as it is being written."""
    folder = output.with_name(f".{output.name}{PARTIAL_SUFFIX}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_tables(workspace: Workspace, wanted: Filter, folder: Path) -> tuple[list[DataRow], list[RunRow]]:
    """Write tables, traces and manifest of the wanted results into a folder; gives the images and the results."""
    there = Workspace(folder)
    data = _write_table(workspace.data_table, there.data_table, DataRow, wanted)
    runs = _write_table(workspace.runs_table, there.runs_table, RunRow, wanted)
    _write_table(workspace.scores_table, there.scores_table, ScoreRow, wanted)
    traces = read_traces(workspace, runs)
    if len(traces):
        there.traces_table.write_bytes(traces_bytes(traces))
    if workspace.manifest.exists():
        shutil.copyfile(workspace.manifest, there.manifest)
    return data, runs


def _write_table(path: Path, target: Path, row: type[R], wanted: Filter) -> list[R]:
    if not path.exists():
        return []
    taken = [one for one in read_rows(path, row, old=True) if wanted.takes(one)]
    write_rows(target, taken, row, provenance_of(path))
    return taken


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
