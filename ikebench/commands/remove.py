"""`ikebench remove`: forget the results of a method."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import click

from ikebench.commands.options import OK, say, workspace_option
from ikebench.commands.score import collect, score_and_report
from ikebench.errors import unknown
from ikebench.files import PARTIAL_SUFFIX, check_folder
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
    """Delete a method's folders, and write the tables without it; after a stop, the same command ends it.

    Raises:
        UserError: for a method without results, or a workspace that is not there.
    """
    check_folder("--workspace", workspace.root)
    with workspace.locked(), hashes_of(workspace.root) as hashes:
        doomed = workspace.root / f".{method}{PARTIAL_SUFFIX}"
        begun = doomed.name in os.listdir(workspace.root)  # by an earlier command that was stopped
        folders = _folders(workspace, method, begun=begun)
        described = describe(workspace, "remove", {"method": method})
        rows = [row for row in RowFiles(workspace).all() if row.method == method]
        # Moved away first: a stop leaves no half of a folder among the results, and `doomed` until the tables are made.
        doomed.mkdir(exist_ok=True)
        _empty(doomed)
        for folder in folders:
            folder.rename(doomed / folder.name)
        _empty(doomed)
        rest = ", with the rest of an earlier remove," if begun else ""
        say(f"{method}: {_what(rows)}{rest} removed from {workspace.root / 'sr'}")
        score_and_report(workspace, collect(workspace, RowFiles(workspace), described), hashes, described, None)
        doomed.rmdir()
    return OK


def _folders(workspace: Workspace, method: str, *, begun: bool) -> list[Path]:
    """Give the folders of a method's results, one for each seed; where its removal has begun, there may be none."""
    there = [path for path in (workspace.root / "sr").glob("*") if path.is_dir() and not path.name.startswith(".")]
    named = {path.name.partition("@seed")[0] for path in there}
    if method not in named and not begun:
        raise unknown("method among the results", method, named)
    return [path for path in there if path.name.partition("@seed")[0] == method]


def _empty(folder: Path) -> None:
    for inner in folder.iterdir():
        shutil.rmtree(inner)


def _what(rows: Sequence[RunRow]) -> str:
    """Say what there was: how many results, of which iterations, on what."""
    failed = sum(row.status == "failed" for row in rows)
    iterations = sorted({row.iterations for row in rows if row.iterations is not None})
    trained = f" of {', '.join(map(str, iterations))} iterations" if iterations else ""
    cells = ", ".join(dict.fromkeys(f"{row.set} {row.kind} x{row.scale}" for row in rows))
    return f"{len(rows)} results{trained} ({failed} failed) on {cells or 'nothing'}"
