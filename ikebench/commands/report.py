"""`ikebench report`: scores -> tables."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ikebench.commands.about import about
from ikebench.commands.curves import write_curves
from ikebench.commands.options import OK, say, workspace_option
from ikebench.data.table import require_data
from ikebench.errors import UserError
from ikebench.store.pictures import picture_loader
from ikebench.store.rows import ScoreRow
from ikebench.store.tables import read_frame
from ikebench.store.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd


@click.command()
@click.option("--format", "formats", default="md,tex", show_default=True, help="md, tex, html and csv, between commas.")
@click.option("--protocol", default="ike", show_default=True, help="ike, dualsr or ntire17 (`list metrics`).")
@click.option("--against", default=None, metavar="METHOD", help="Whom to compare all others with.  [default: bicubic]")
@workspace_option
def command(workspace: Workspace, formats: str, protocol: str, against: str | None) -> int:
    """Write the tables from scores.parquet."""
    return report(workspace, [name.strip() for name in formats.split(",")], protocol, against)


def report(workspace: Workspace, formats: Sequence[str], protocol: str, against: str | None = None) -> int:
    """Scores -> tables."""
    if not workspace.scores_table.exists():
        raise UserError(f"no scores in {workspace.root}: `ikebench run` or `ikebench score` makes them")
    scores = read_frame(workspace.scores_table, ScoreRow)
    current = _without_stale(workspace, scores)
    if len(current) < len(scores):
        stale = len(scores) - len(current)
        say(f"{stale} scores are on images that have been made anew since: left out; run again")
    if current.empty:
        raise UserError(f"no current scores in {workspace.root}: `ikebench run` makes them")
    _write(workspace, current, formats, protocol, against)
    return OK


def write_report(workspace: Workspace) -> None:
    """Write the tables of scores that have just been made."""
    _write(workspace, read_frame(workspace.scores_table, ScoreRow), ("md", "tex"), "ike")


def _without_stale(workspace: Workspace, scores: "pd.DataFrame") -> "pd.DataFrame":
    """Leave out the scores on LR or HR images that have been made anew, or dropped, since."""
    current = {row.case: (row.lr_sha256, row.hr_sha256) for row in require_data(workspace)}
    cases = zip(scores["set"], scores["image"], scores["kind"], scores["scale"], strict=True)
    images = zip(scores["lr_sha256"], scores["hr_sha256"], strict=True)
    return scores[[current.get(case) == pair for case, pair in zip(cases, images, strict=True)]]


def _write(
    workspace: Workspace, scores: "pd.DataFrame", formats: Sequence[str], protocol: str, against: str | None = None
) -> None:
    import reports

    try:
        paths = reports.write_report(
            scores,
            workspace.report_folder,
            formats=formats,
            protocol=protocol,
            about=about(workspace),
            against=against,
            load=picture_loader(workspace),
        )
    except ValueError as error:
        raise UserError(str(error)) from error
    write_curves(workspace, scores)
    say(f"tables: {', '.join(str(path) for path in paths)}")
