"""Whether files are there as they were written: those that a workspace's tables speak of, or all of a bundle."""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ikebench.archive.differences import ADDED, CHANGED, MISSING, Difference, Tables
from ikebench.files import sha256_file
from ikebench.store.bundles import INVENTORY
from ikebench.store.row_files import RowFiles
from ikebench.store.rows import RunRow, schema_of
from ikebench.store.workspace import Workspace, checkpoint_path, log_path, row_path, sr_path, trace_path

HELD = ("data", "sr")
"""Folders of a workspace that hold nothing but what the tables speak of."""

SET_ASIDE = re.compile(r"\.json\.damaged\d*$")


BESIDE = (row_path, trace_path, checkpoint_path, log_path)
"""What lies beside an SR image."""


def written(tables: Tables) -> dict[str, str | None]:
    """List the images and kernels of the tables: path -> SHA-256."""
    files: dict[str, str | None] = {}
    for image in tables.data:
        files |= {image.hr_path or "": image.hr_sha256, image.lr_path: image.lr_sha256}
        files[image.kernel_path or ""] = image.kernel_sha256
    for run in tables.runs:
        files |= {run.sr_path or "": run.sr_sha256, run.kernel_path or "": run.kernel_sha256}
    files.pop("", None)
    return files


def companions(runs: Sequence[RunRow]) -> set[str]:
    """List what may lie beside SR images without a hash in a table."""
    paths = {make(sr_path(run)) for run in runs for make in BESIDE}
    return paths | {run.kernel_path.removesuffix(".npy") + ".mat" for run in runs if run.kernel_path}


def check_files(
    root: Path, files: Mapping[str, str | None], workers: int, report: Callable[[str], None]
) -> list[Difference]:
    """Hash files, all of them, whatever is remembered of them.

    Args:
        root: the workspace, or the folder of a bundle.
        files: path -> SHA-256.
        workers: threads.
        report: called with the name of each file when it is read.
    """

    def check(path: str) -> Difference | None:
        try:
            intact = sha256_file(root / path) == files[path]
        except FileNotFoundError:
            return Difference(path, MISSING)
        except OSError as error:
            return Difference(path, CHANGED, str(error.strerror))
        finally:
            report(path)
        return None if intact else Difference(path, CHANGED)

    with ThreadPoolExecutor(workers) as pool:  # hashing lets other threads work
        return [found for found in pool.map(check, files) if found]


def added(root: Path, folders: Sequence[str], known: set[str]) -> list[Difference]:
    """Name the files below some folders that nobody knows.

    Hidden ones are ikebench's own memory, and damaged row files it has set aside itself.
    """
    paths = (path for folder in folders for path in _below(root, folder))
    return [Difference(path, ADDED) for path in paths if path not in known and not SET_ASIDE.search(path)]


def added_to_bundle(root: Path, files: Mapping[str, str | None]) -> list[Difference]:
    """Name the files of a bundle that are not of its list."""
    return added(root, ("",), {*files, INVENTORY})


def check_row_files(workspace: Workspace, runs: Sequence[RunRow]) -> list[Difference]:
    """Hold the row files against `runs.parquet`, which was gathered from them."""
    tabled = {row_path(sr_path(run)): run for run in runs}
    there = {row_path(sr_path(row)): row for row in RowFiles(workspace).all()}
    found = [Difference(path, MISSING, "or damaged") for path in tabled.keys() - there.keys()]
    found += [
        Difference(path, ADDED, "`ikebench score` takes it into the tables") for path in there.keys() - tabled.keys()
    ]
    for path in tabled.keys() & there.keys():
        differing = [
            name for name in schema_of(RunRow).names if getattr(tabled[path], name) != getattr(there[path], name)
        ]
        if differing:
            found.append(Difference(path, CHANGED, f"{', '.join(differing)} other than in runs.parquet"))
    return found


def _below(root: Path, folder: str) -> Iterator[str]:
    for parent, folders, names in os.walk(root / folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        inner = os.path.relpath(parent, root)
        yield from (os.path.normpath(f"{inner}/{name}") for name in names if not name.startswith("."))
