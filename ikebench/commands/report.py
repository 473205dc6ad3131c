"""`ikebench report`: scores -> tables."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ikebench.commands.evidence import evidence
from ikebench.commands.options import OK, filter_options, read_by, read_names, say, workspace_option
from ikebench.errors import UserError
from ikebench.files import write_atomic
from ikebench.store.gathered import Filter, gather, newest_versions
from ikebench.store.rows import ScoreRow
from ikebench.store.tables import read_frame
from ikebench.store.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

    from reports.evidence import Evidence


@dataclass(frozen=True)
class Style:
    """How a format is written; `run` and `score` write it so again.

    Attributes:
        protocol: under which is scored.
        notes: whether LaTeX has notes below its tables.
        against: the method that all others are held against; bicubic without one.
    """

    protocol: str = "ike"
    notes: bool = True
    against: str | None = None


@click.command()
@click.argument("sources", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "formats",
    default="md,html",
    show_default=True,
    callback=read_by(read_names),
    help="md, html, tex and csv, between commas.",
)
@click.option("--protocol", default=Style.protocol, show_default=True, help="ike, dualsr or ntire17 (`list metrics`).")
@click.option("--against", default=None, metavar="METHOD", help="Whom to compare all others with.  [default: bicubic]")
@filter_options
@click.option("--notes/--no-notes", default=True, help="Of LaTeX: notes below the tables.  [default: notes]")
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="Folder of the report.  [default: WORKSPACE/report, which `run` and `score` make anew]",
)
@workspace_option
def command(
    workspace: Workspace,
    sources: Sequence[Path],
    formats: Sequence[str],
    output: Path | None,
    **options: Any,  # noqa: ANN401 (click hands over its options)
) -> int:
    """Write the tables from scores.parquet.

    SOURCES are other workspaces or Parquet files, of several machines, say: together they become one report.
    """
    style = Style(*(options.pop(option.name) for option in fields(Style)))
    return report(tuple(sources) or (workspace.root,), output, formats, style, Filter(**options))


def report(sources: Sequence[Path], output: Path | None, formats: Sequence[str], style: Style, wanted: Filter) -> int:
    """Scores -> tables; how a workspace's own report is written is kept for the next time."""
    own = Workspace(sources[0]) if output is None and len(sources) == 1 and sources[0].is_dir() else None
    folder = own.report_folder if own else output
    if folder is None:
        raise UserError("these scores are of no one workspace: say with -o FOLDER where the report goes")
    scores, lines = gather(sources, wanted)
    for line in lines:
        say(line)
    one = sources[0] if len(sources) == 1 and sources[0].is_dir() else None
    paths = _write(scores, folder, formats, style, evidence(Workspace(one), scores) if one else None)
    if own:
        _keep_styles(own, dict.fromkeys(formats, style))
    _say_paths(paths)
    return OK


def remake(workspace: Workspace) -> None:
    """Write the formats that are there again, each as it was, of scores that have just been made."""
    import reports

    lines: list[str] = []
    scores = newest_versions(read_frame(workspace.scores_table, ScoreRow), lines)
    for line in lines:
        say(line)
    styles = _styles(workspace)
    formats = reports.formats_in(workspace.report_folder) or list(reports.DEFAULT_FORMATS)
    alike: dict[Style, list[str]] = {}
    for name in formats:
        alike.setdefault(styles.get(name, Style()), []).append(name)
    shown = evidence(workspace, scores)
    paths = [_write(scores, workspace.report_folder, names, style, shown) for style, names in alike.items()]
    _say_paths([path for some in paths for path in some])


def _say_paths(paths: Sequence[Path]) -> None:
    """Tell what has been written; the one to open last, on stdout."""
    first = min(paths, key=lambda path: [".html", ".md", ".tex", ".csv", ".svg", ".png"].index(path.suffix))
    if len(paths) > 1:
        say(f"written: {', '.join(path.name for path in paths)}")
    click.echo(str(first))


def _write(
    scores: "pd.DataFrame", folder: Path, formats: Sequence[str], style: Style, shown: "Evidence | None"
) -> list[Path]:
    import reports

    try:
        return reports.write_report(scores, folder, formats=formats, evidence=shown, **asdict(style))
    except ValueError as error:
        raise UserError(str(error)) from error
    except OSError as error:
        raise UserError(
            f"cannot write the report to {folder}: {error.strerror}; what was there is as it was"
        ) from error


def _styles(workspace: Workspace) -> dict[str, Style]:
    """Read how each format was written; nothing where that is not known."""
    try:
        return {name: Style(**style) for name, style in json.loads(workspace.report_styles.read_text()).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _keep_styles(workspace: Workspace, styles: dict[str, Style]) -> None:
    """Keep how formats were written, beside what is known of others."""
    known = {name: asdict(style) for name, style in (_styles(workspace) | styles).items()}
    try:
        write_atomic(workspace.report_styles, json.dumps(known, indent=1, sort_keys=True).encode())
    except OSError as error:
        raise UserError(f"cannot write {workspace.report_styles}: {error.strerror}") from error
