"""`ikebench score`: SR -> scores and tables."""

from collections.abc import Sequence
from typing import Any

import click

from ikebench.commands.options import FAILED, OK, say, workers_option, workspace_option
from ikebench.commands.report import remake
from ikebench.data.table import require_data
from ikebench.errors import UserError
from ikebench.machine import at_once, core_count
from ikebench.progress import Progress
from ikebench.provenance import describe
from ikebench.store.hashes import Hashes, hashes_of
from ikebench.store.row_files import RowFiles
from ikebench.store.rows import RunRow
from ikebench.store.strays import strays
from ikebench.store.tables import write_rows
from ikebench.store.workspace import Workspace

MOST_STRAYS = 3  # named in a line each
BYTES_PER_PIXEL = 120  # of HR, that a thread takes at most: the degradations' 90, images, benchmarks/scoring.md's rest


@click.command()
@workers_option("Threads.  [default: one per core, fewer where memory is short]")
@workspace_option
def command(workspace: Workspace, workers: int | None) -> int:
    """Score the SR images into scores.parquet, and report. What has not changed since is not measured again."""
    return score(workspace, workers)


def score(workspace: Workspace, workers: int | None) -> int:
    """SR -> scores and report; exit code 1 if files are refused."""
    require_data(workspace)
    with workspace.locked(), hashes_of(workspace.root) as hashes:
        described = describe(workspace, "score", {})
        runs = collect(workspace, RowFiles(workspace, mend=True), described)
        if not runs:
            raise UserError(f"no results in {workspace.root}: `ikebench run --methods bicubic` makes some")
        return score_and_report(workspace, runs, hashes, described, workers)


def collect(workspace: Workspace, rows: RowFiles, described: dict[str, Any]) -> list[RunRow]:
    """Gather all row files into `runs.parquet`."""
    runs = rows.all()
    write_rows(workspace.runs_table, runs, RunRow, described)
    return runs


def score_and_report(
    workspace: Workspace, runs: Sequence[RunRow], hashes: Hashes, described: dict[str, Any], workers: int | None
) -> int:
    """Score what there is, and write the tables."""
    from ikebench.scoring import scorer

    data = require_data(workspace)
    _say_strays(workspace)
    largest = max((row.height * row.width * row.scale**2 for row in data), default=1)
    workers = workers or at_once(core_count(), largest * BYTES_PER_PIXEL)
    with Progress(len(runs), len(runs), "scored") as progress:
        scored = scorer.score(workspace, runs, data, hashes, described, workers, progress.advance)
    if scored.stale:
        say(f"{scored.stale} results are on LR images that have been made anew since: not scored; run again")
    if scored.unscorable:
        say(f"{scored.unscorable} results have no HR to score against; the images are in {workspace.root / 'sr'}")
    for line in scored.refused:
        say(f"refused: {line}")
    if scored.rows:
        remake(workspace)
    else:
        say(f"nothing is scored: a report in {workspace.report_folder} is of earlier scores")
    return FAILED if scored.refused else OK


def _say_strays(workspace: Workspace) -> None:
    """Tell of images that somebody has laid under `sr/`."""
    found = strays(workspace)
    for path in found[:MOST_STRAYS]:
        say(f"{path} is no result: no run wrote it. `ikebench run --sr NAME=FOLDER` takes images in")
    if len(found) > MOST_STRAYS:
        say(f"and {len(found) - MOST_STRAYS} more images under sr/ that no run wrote")
