"""Whether `scores.parquet` says what the other tables say, and what measuring again gives."""

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields

from ikebench.archive.differences import ADDED, CHANGED, MISSING, Difference, Tables
from ikebench.scoring import scorer
from ikebench.store.hashes import Hashes
from ikebench.store.rows import LATER, MEASURES, DataRow, RunCase, RunRow, ScoreRow
from ikebench.store.workspace import Workspace, sr_path

TOLERANCE = 1e-4
"""dB, SSIM or px between two measurements: another CPU rounds otherwise. On the same one they are equal."""

MEASURED = ("measures", "kernel_psnr", "psnr_lr")
OUTCOME = ("status", "error")

Pair = tuple[ScoreRow, RunRow, DataRow]
"""The scores of a result, the result, and the LR image that it was made from."""


def pairs(tables: Tables) -> tuple[list[Pair], list[Difference]]:
    """Find the results that scores are of; results without scores and scores without a result are differences.

    Without a result are also those on images that have been made anew since: `ikebench report` leaves them out.
    """
    current, _, _ = scorer.sort_out(tables.runs, tables.data)
    results = {_result(run): (run, image) for run, image in current}
    scores = {_result(row): row for row in tables.scores}
    found = [Difference(_named(results[key][0]), MISSING) for key in results.keys() - scores.keys()]
    found += [
        Difference(_named(scores[key]), ADDED, "there is no such result on the LR images of now")
        for key in scores.keys() - results.keys()
    ]
    return [(scores[key], *results[key]) for key in scores.keys() & results.keys()], found


def check_described(found: Sequence[Pair]) -> list[Difference]:
    """Hold what scores say of their results against the other tables, and each against itself."""
    differences = []
    for row, run, image in found:
        expected = scorer.described(run, image)
        refused = run.status == "ok" and row.status == "failed"  # the scorer's own verdict on a file
        names = [one.name for one in fields(ScoreRow) if one.name not in MEASURED]
        wrong = [name for name in names if not (refused and name in OUTCOME) and _differ(row, expected, name)]
        if wrong:
            differences.append(Difference(_named(row), CHANGED, f"{', '.join(wrong)} other than in runs and data"))
        elif (row.status == "ok") != bool(row.measures):
            differences.append(
                Difference(_named(row), CHANGED, f"{row.status}, and yet measured: {bool(row.measures)}")
            )
    return differences


def measurable(workspace: Workspace, found: Sequence[Pair]) -> list[Pair]:
    """Choose the scores whose images are there, HR too; it is in no bundle."""
    root = workspace.root
    return [
        (row, run, image)
        for row, run, image in found
        if run.status == "ok" and (root / (image.hr_path or "")).is_file() and (root / (run.sr_path or "")).is_file()
    ]


def check_measured(
    workspace: Workspace, found: Sequence[Pair], hashes: Hashes, workers: int, report: Callable[[str], None]
) -> list[Difference]:
    """Score again, and compare.

    Args:
        workspace: where the images are.
        found: scores to measure again.
        hashes: of the workspace's files.
        workers: threads.
        report: called with the name of each image when it is measured.
    """

    def check(pair: Pair) -> Difference | None:
        row, run, image = pair
        again = scorer.score_run(workspace, run, image, hashes, scorer.Known())
        report(row.image)
        wrong = _wrong_measures(row, again)
        return Difference(_named(row), CHANGED, "; ".join(wrong)) if wrong else None

    with ThreadPoolExecutor(workers) as pool:  # OpenCV and NumPy let other threads work
        return [difference for difference in pool.map(check, found) if difference]


def _wrong_measures(row: ScoreRow, again: ScoreRow) -> list[str]:
    """Say in words what measuring again gives otherwise."""
    if row.status != again.status:
        return [f"{row.status} in the table, {again.status} when scored again ({again.error or row.error})"]
    values = [(name, row.measures.get(name), again.measures.get(name)) for name in MEASURES]
    values += [(name, getattr(row, name), getattr(again, name)) for name in ("kernel_psnr", "psnr_lr")]
    return [
        f"{name} is {_shown(old)} in the table, {_shown(new)} measured again"
        for name, old, new in values
        if not _close(old, new) and not (old is None and name in LATER)
    ]


def _differ(row: ScoreRow, expected: ScoreRow, name: str) -> bool:
    old = getattr(row, name)
    return old != getattr(expected, name) and not (old is None and name in LATER)


def _close(old: float | None, new: float | None) -> bool:
    if old is None or new is None:
        return old is new
    if math.isnan(old) or math.isnan(new):
        return math.isnan(old) and math.isnan(new)
    return old == new or abs(old - new) <= TOLERANCE


def _shown(value: float | None) -> str:
    return "nothing" if value is None else f"{value:.5g}"


def _result(row: RunCase) -> tuple[str, str, str, int, str, int]:
    return *row.case, row.method, row.seed


def _named(row: RunCase) -> str:
    return f"scores.parquet, {sr_path(row)}"
