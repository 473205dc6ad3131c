"""`ikebench remove`: forget the results of a method."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import click

from ikebench.commands.options import OK, say, workspace_option
from ikebench.commands.score import collect, score_and_report
from ikebench.errors import unknown
from ikebench.files import PARTIAL_SUFFIX
from ikebench.provenance import describe
from ikebench.store.hashes import hashes_of
from ikebench.store.row_files import RowFiles
from ikebench.store.rows import RunRow
from ikebench.store.workspace import Workspace


@click.command()
@click.argument("method")
@workspace_option
def command(method: str, workspace: Workspace) -> int:
    """Forget all results of METHOD, of every seed: SR images, kernels and traces go, tables are made anew.

    LR images and the results of other methods stay.
    """
    return remove(workspace, method)


def remove(workspace: Workspace, method: str) -> int:
    """Delete a method's folders, and write the tables without it.

    Raises:
        UserError: for a method without results.
    """
    with workspace.locked(), hashes_of(workspace.root) as hashes:
        folders = _folders(workspace, method)
        described = describe(workspace, "remove", {"method": method})
        rows = [row for row in RowFiles(workspace).all() if row.method == method]
        for folder in folders:
            _delete(folder, workspace)
        say(f"{method}: {_what(rows)} removed from {workspace.root / 'sr'}")
        score_and_report(workspace, collect(workspace, RowFiles(workspace), described), hashes, described, None)
    return OK


def _folders(workspace: Workspace, method: str) -> list[Path]:
    """Give the folders of a method's results, one for each seed."""
    there = [path for path in (workspace.root / "sr").glob("*") if path.is_dir() and not path.name.startswith(".")]
    named = {path.name.partition("@seed")[0] for path in there}
    if method not in named:
        raise unknown("method among the results", method, named)
    return [path for path in there if path.name.partition("@seed")[0] == method]


def _delete(folder: Path, workspace: Workspace) -> None:
    """Delete a folder; it is moved away first, so that a stop in between leaves no half of it among the results."""
    doomed = workspace.root / f".{folder.name}{PARTIAL_SUFFIX}"
    shutil.rmtree(doomed, ignore_errors=True)  # of an earlier stop
    folder.rename(doomed)
    shutil.rmtree(doomed)


def _what(rows: Sequence[RunRow]) -> str:
    """Say what there was: how many results, of which iterations, on what."""
    failed = sum(row.status == "failed" for row in rows)
    iterations = sorted({row.iterations for row in rows if row.iterations is not None})
    trained = f" of {', '.join(map(str, iterations))} iterations" if iterations else ""
    cells = ", ".join(dict.fromkeys(f"{row.set} {row.kind} x{row.scale}" for row in rows))
    return f"{len(rows)} results{trained} ({failed} failed) on {cells or 'nothing'}"
