"""Which weights and which images are here; the files are named and counted, not read."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from ikebench.catalog import method_class, method_paths, uses
from ikebench.data import sources
from ikebench.doctor.facts import Fact
from ikebench.errors import UserError
from ikebench.images import by_stem
from ikebench.progress import counted
from ikebench.store.rows import DataRow, RunRow
from ikebench.store.tables import read_rows
from ikebench.store.workspace import Workspace
from ikebench.weight_files import in_folder

WEIGHTS, DATA = "weights", "data"


def weights(workspace: Workspace) -> list[Fact]:
    """Say for every method that needs trained weights, at which scales there are some."""
    folder, found = workspace.weights_folder, []
    for name in method_paths():
        try:
            method = method_class(name)
        except UserError as error:  # somebody else's package
            found.append(Fact(WEIGHTS, name, None, str(error), "mend or uninstall the package that brings it"))
            continue
        if "weights" not in uses(method):
            continue
        files = {scale: in_folder(name, scale, folder) for scale in method.scales}
        there = {scale: path.name for scale, path in files.items() if path}
        lacking = ",".join(str(scale) for scale, path in files.items() if path is None)
        words = ", ".join(f"x{scale} {file}" for scale, file in there.items()) or f"none in {folder}"
        mend = f"ikebench fetch {name} --scale {lacking}" if lacking else ""
        found.append(Fact(WEIGHTS, name, {f"x{scale}": file for scale, file in there.items()}, words, mend))
    return found


def data(workspace: Workspace) -> list[Fact]:
    """Say which HR images can be had, and what the workspace holds."""
    return [_sample(), _div2k(workspace), *_sets(workspace), *_results(workspace)]


def _sample() -> Fact:
    package = find_spec("skimage")
    folder = Path(package.origin).parent / "data" if package and package.origin else Path()
    there = [name for name in sources.SAMPLE_IMAGES if (folder / name).is_file()]
    mend = "" if len(there) == len(sources.SAMPLE_IMAGES) else "pip install --force-reinstall scikit-image"
    return Fact(DATA, "sample", len(there), f"{len(there)} HR images: --hr sample", mend)


def _div2k(workspace: Workspace) -> Fact:
    """Count DIV2K's validation images, and how many of each Track 2 folder have their HR."""
    try:
        source = sources.find_hr("div2k", fetched=workspace.div2k_folder)
    except UserError as error:
        wrong, _, remedy = str(error).partition(": ")
        return Fact(DATA, "div2k", None, wrong, "ikebench fetch div2k" if "`" in remedy else remedy)
    pairs = _paired(source.files, source.track2)
    words = [f"{len(source.files)} HR images"] + [f"{count} with Track 2 LR x{scale}" for scale, count in pairs.items()]
    value = {"hr": len(source.files)} | {f"track2_x{scale}": count for scale, count in pairs.items()}
    return Fact(DATA, "div2k", value, ", ".join(words), "" if pairs else "ikebench fetch div2k")


def _paired(hr: Mapping[str, Path], track2: Path | None) -> dict[int, int]:
    pairs = {}
    for scale in (2, 3, 4):
        if track2 and (track2 / f"X{scale}").is_dir():
            pairs[scale] = len(hr.keys() & by_stem(track2 / f"X{scale}", f"x{scale}").keys())
    return pairs


def _sets(workspace: Workspace) -> list[Fact]:
    try:
        rows = read_rows(workspace.data_table, DataRow, old=True) if workspace.data_table.exists() else []
    except UserError as error:
        return [Fact(DATA, "data.parquet", None, str(error), "ikebench make-data")]
    if not rows:
        return [Fact(DATA, "LR images", None, f"none in {workspace.root}", "ikebench make-data --hr sample")]
    names = dict.fromkeys(row.set for row in rows)
    return [_set(workspace.root, name, [row for row in rows if row.set == name]) for name in names]


def _set(root: Path, name: str, rows: Sequence[DataRow]) -> Fact:
    """Count a set's LR images of each kind, those without HR, and those of which a file is gone."""
    cells = Counter(f"{row.kind} x{row.scale}" for row in rows)
    alone = sum(row.hr_path is None for row in rows)
    gone = sum(not all(os.path.exists(root / path) for path in (row.lr_path, row.hr_path) if path) for row in rows)
    words = [
        counted(len({row.image for row in rows}), "image")
        + ": "
        + ", ".join(f"{n} {cell}" for cell, n in cells.items())
    ]
    words += [f"{alone} without HR"] * bool(alone) + [f"{gone} whose files are gone"] * bool(gone)
    value = {"lr": len(rows), "paired": len(rows) - alone, "gone": gone, "cells": dict(cells)}
    return Fact(DATA, f"set {name}", value, "; ".join(words), "ikebench make-data, as before" if gone else "")


def _results(workspace: Workspace) -> list[Fact]:
    try:
        runs = read_rows(workspace.runs_table, RunRow, old=True) if workspace.runs_table.exists() else []
    except UserError as error:
        return [Fact(DATA, "runs.parquet", None, str(error), "ikebench score")]
    if not runs:
        return []
    failed = sum(run.status != "ok" for run in runs)
    methods = Counter(run.method for run in runs)
    words = ", ".join(f"{count} {method}" for method, count in methods.items()) + f"; {failed} failed" * bool(failed)
    mend = "ikebench run --retry-failed, as before" if failed else ""
    return [Fact(DATA, "results", {"results": len(runs), "failed": failed, "methods": dict(methods)}, words, mend)]
