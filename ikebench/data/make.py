"""Step 1, make-data: HR -> LR files, kernels and `data.parquet`."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ikebench.data.degrader import Degrader, ImageWork, Made, is_current
from ikebench.data.recipe import Recipe
from ikebench.data.sources import HRSource
from ikebench.data.table import existing_rows, merge
from ikebench.engines.contract import Finished, Lost
from ikebench.engines.local import run_local
from ikebench.store.checks import check_name
from ikebench.store.hashes import Hashes, Signature, hashes_of
from ikebench.store.rows import DataRow
from ikebench.store.workspace import Workspace, hr_path, row_path

USED_AS = "hr_sha256"
"""What is noted of a source's file: the SHA-256 of the HR image as used that was made of it."""


def make_data(
    workspace: Workspace,
    source: HRSource,
    recipe: Recipe,
    provenance: dict[str, Any],
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
    known = _known_rows(workspace, source.name)
    results: dict[str, Made] = {}
    made = Made()
    with hashes_of(workspace.root) as hashes:
        work = []
        for image, path in source.files.items():
            one = ImageWork(source.name, image, path, known.get(image, ()))
            if (ended := _without_work(one, recipe, hashes)) is None:
                work.append(one)
                continue
            results[image] = ended
            report(image)
        try:
            _make(workspace, work, recipe, hashes, results, workers, report)
        finally:
            for image in source.files:
                made.add(results.get(image, Made()))
            if made.rows:
                made.outdated = merge(workspace, made.rows, provenance)
                for row in made.rows:
                    (workspace.root / row_path(row.lr_path)).unlink(missing_ok=True)
    return made


def _known_rows(workspace: Workspace, set_name: str) -> dict[str, list[DataRow]]:
    """Give the table's rows of a set, by image."""
    known: dict[str, list[DataRow]] = {}
    for row in existing_rows(workspace):
        if row.set == set_name:
            known.setdefault(row.image, []).append(row)
    return known


def _without_work(one: ImageWork, recipe: Recipe, hashes: Hashes) -> Made | None:
    """Give what comes of an image for which there is nothing to do; None where there is."""
    if refusal := _refusal(one.image):
        return Made(refused={one.image: refusal})
    rows = _already_made(one, recipe, hashes)
    return None if rows is None else Made(rows=rows)


def _refusal(image: str) -> str | None:
    """Say why a name can be none of an image: no table can hold it."""
    try:
        check_name("its name", image)
    except ValueError as error:
        return f"{error}: rename it"
    return None


def _make(
    workspace: Workspace,
    work: Sequence[ImageWork],
    recipe: Recipe,
    hashes: Hashes,
    results: dict[str, Made],
    workers: int,
    report: Callable[[str], None],
) -> None:
    """Work on images in processes, and put what came of each into `results`."""
    signatures = [_signature(one, hashes) for one in work]  # from before they are read
    for event in run_local(work, Degrader(workspace.root, recipe), workers):
        image, signature = work[event.item].image, signatures[event.item]
        if isinstance(event, Finished):
            results[image] = event.result
            if signature is not None and event.result.rows:
                hashes.note(_name(work[event.item]), signature, USED_AS, event.result.rows[0].hr_sha256)
        elif isinstance(event, Lost):
            results[image] = Made(refused={image: event.reason})
        report(image)


def _already_made(work: ImageWork, recipe: Recipe, hashes: Hashes) -> list[DataRow] | None:
    """Give the table's rows of an image of which nothing has changed since; None where there is something to do."""
    signature = _signature(work, hashes)
    hr_sha256 = None if signature is None else hashes.noted(_name(work), signature, USED_AS)
    if hr_sha256 is None or not hashes.is_intact(hr_path(work.set_name, work.image), hr_sha256):
        return None
    known = {row.case: row for row in work.known}
    rows = []
    for case in recipe.cases(work.set_name, work.image):
        old = known.get(case.case)
        if old is None or not is_current(old, replace(case, hr_sha256=hr_sha256), hashes.is_intact):
            return None
        rows.append(old)
    return rows


def _signature(work: ImageWork, hashes: Hashes) -> Signature | None:
    try:
        return hashes.signature(_name(work))
    except OSError:  # the worker will say what is wrong with it
        return None


def _name(work: ImageWork) -> str:
    return str(work.path.absolute())
