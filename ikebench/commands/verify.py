"""`ikebench verify`: whether results are as they were written."""

import random
from pathlib import Path

import click

from ikebench.archive import files
from ikebench.archive.differences import CHANGED, MISSING, Difference, Tables, read_tables
from ikebench.commands.options import FAILED, OK, say, workers_option, workspace_option
from ikebench.errors import UserError
from ikebench.machine import core_count
from ikebench.progress import Progress
from ikebench.store.bundles import SUFFIX, inventory, is_bundle, opened
from ikebench.store.hashes import Hashes
from ikebench.store.tables import provenance_of
from ikebench.store.workspace import Workspace


@click.command()
@click.argument("source", required=False, type=click.Path(path_type=Path), metavar="[WORKSPACE|BUNDLE]")
@click.option("--score/--no-score", "scored", default=True, help="Measure the scores again, too.  [default: score]")
@click.option(
    "--sample", type=click.IntRange(min=1), default=None, metavar="N", help="Only N of them, each time others."
)
@workers_option("Threads.  [default: one per core]")
@workspace_option
def command(workspace: Workspace, source: Path | None, scored: bool, sample: int | None, workers: int | None) -> int:
    """Hash every file again and measure the scores again: are they what the tables say? Nothing is written.

    Every file and every score that is changed, missing or added is named, and the exit code is 1. The HR images, which
    measuring takes, are in no bundle.
    """
    source = source or workspace.root
    if source.exists() and not source.is_dir() and not (source.is_file() and source.suffix == SUFFIX):
        raise UserError(f"{source}: verify takes a workspace, or a bundle as {SUFFIX} file or as folder")
    with opened(source) as folder, Workspace(folder).at_rest():
        return verify(Workspace(folder), source, sample if scored else 0, workers or core_count())


def verify(workspace: Workspace, source: Path, sample: int | None, workers: int) -> int:
    """Name every difference; `sample` scores are measured again, all without a number."""
    tables, found = read_tables(workspace)
    if not (tables.data or tables.runs or tables.scores or found or is_bundle(workspace.root)):
        raise UserError(f"nothing to verify in {source}: neither data.parquet nor a bundle")
    found += _check_files(workspace, tables, workers)
    found += _check_scores(workspace, tables, sample, workers)
    for difference in sorted(found):
        click.echo(str(difference))
    say(f"{len(found)} differences" if found else f"{source} is as it was written")
    return FAILED if found else OK


def _check_files(workspace: Workspace, tables: Tables, workers: int) -> list[Difference]:
    bundled = is_bundle(workspace.root)
    told = files.written(tables)
    expected = dict(inventory(workspace.root)) if bundled else told
    with Progress(len(expected), len(expected), "files") as progress:
        found = files.check_files(workspace.root, expected, workers, progress.advance)
    say(f"{len(expected)} files hashed")
    if not bundled:
        found += files.check_row_files(workspace, tables.runs)
        known = {*told, *files.companions(tables.runs), *(one.path for one in found)}
        return found + files.added(workspace.root, files.HELD, known)
    found += files.added_to_bundle(workspace.root, expected)
    contradicted = [path for path, sha256 in told.items() if expected.get(path, sha256) != sha256]
    return found + [Difference(path, CHANGED, "the tables speak of another file") for path in contradicted]


def _check_scores(workspace: Workspace, tables: Tables, sample: int | None, workers: int) -> list[Difference]:
    if not tables.scores:
        lost = tables.runs and not workspace.scores_table.exists()
        return [Difference(workspace.scores_table.name, MISSING, "`ikebench score` makes it")] if lost else []
    from ikebench.archive import scores
    from ikebench.scoring.metrics import METRICS_VERSION

    pairs, found = scores.pairs(tables)
    found += scores.check_described(pairs)
    if sample == 0:
        return found
    version = provenance_of(workspace.scores_table).get("metrics_version")
    if version != METRICS_VERSION:
        why = f"measured by version {version} of the metrics, this is {METRICS_VERSION}: `ikebench score` measures anew"
        return [*found, Difference(workspace.scores_table.name, CHANGED, why)]
    there = scores.measurable(workspace, pairs)
    chosen = there if sample is None else random.sample(there, min(sample, len(there)))
    hashes = Hashes(workspace.root, remembered=False)
    with Progress(len(chosen), len(chosen), "scores") as progress:
        found += scores.check_measured(workspace, chosen, hashes, workers, progress.advance)
    missing = len(pairs) - len(there)
    say(f"{len(chosen)} of {len(pairs)} scores measured again" + f"; {missing} lack their images" * bool(missing))
    return found
