"""`ikebench report`: scores -> tables."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import ikebench
from ikebench.commands.evidence import evidence
from ikebench.commands.options import OK, filter_options, read_by, say, workspace_option
from ikebench.errors import UserError
from ikebench.files import read_json, write_atomic
from ikebench.settings import parse_names
from ikebench.store.bundles import is_bundle, opened
from ikebench.store.gathered import Filter, gather, scores_of
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
    default=None,
    callback=read_by(parse_names),
    help="md, html, tex and csv, between commas.  [default: those that are there, else md and html]",
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
    formats: Sequence[str] | None,
    output: Path | None,
    **options: Any,  # noqa: ANN401 (click hands over its options)
) -> int:
    """Write the tables from scores.parquet.

    SOURCES are other workspaces, bundles or Parquet files, of several machines, say: together they become one report.
    """
    style = Style(*(options.pop(option.name) for option in fields(Style)))
    return report(tuple(sources) or (workspace.root,), output, formats, style, Filter(**options))


def report(
    sources: Sequence[Path], output: Path | None, formats: Sequence[str] | None, style: Style, wanted: Filter
) -> int:
    """Scores -> tables, in the formats that are there if none are said; those of a workspace's own report are kept."""
    alone = len(sources) == 1
    one = Workspace(sources[0]) if alone and sources[0].is_dir() and not is_bundle(sources[0]) else None
    folder = output or (one.report_folder if one else None)
    if folder is None:
        raise UserError("these scores are of no one workspace: say with -o FOLDER where the report goes")
    formats = _formats_in(folder) if formats is None else formats
    scores, lines = gather(sources, wanted)
    for line in lines:
        say(line)
    with opened(sources[0]) as source:
        shown = evidence(Workspace(source), scores) if alone and source.is_dir() else None
        paths = _write(scores, folder, formats, style, shown)
    if one and output is None:
        _remember(one, dict.fromkeys(formats, style), scores=None)  # others may be in other formats
    _say_paths(paths)
    return OK


def remake(workspace: Workspace) -> None:
    """Write the formats that are there again, each as it was, if the scores are others by now."""
    import reports

    lines: list[str] = []
    scores = scores_of(workspace, lines)
    for line in lines:
        say(line)
    fingerprint, there = _fingerprint(scores), reports.formats_in(workspace.report_folder)
    if there and _memory(workspace).get("scores") == fingerprint:
        _say_paths([path for name in there for path in reports.files_of(workspace.report_folder, name)], "as it was")
        return
    paths = write_as_before(workspace, scores, workspace.report_folder)
    _remember(workspace, {}, fingerprint)
    _say_paths(paths)


def write_as_before(workspace: Workspace, scores: "pd.DataFrame", folder: Path) -> list[Path]:
    """Write scores of a workspace in the formats of its report, each as it was; gives the files.

    Where the method that all others were held against has no scores any more, they are held against bicubic.
    """
    styles, formats = _styles(workspace), _formats_in(workspace.report_folder)
    there = {None, *scores["method"]}
    wanted = {styles[name].against for name in formats if name in styles}
    for method in sorted(map(str, wanted - there)):
        say(f"no scores of {method} to compare with any more: compared with bicubic")
    alike: dict[Style, list[str]] = {}
    for name in formats:
        style = styles.get(name, Style())
        alike.setdefault(style if style.against in there else replace(style, against=None), []).append(name)
    shown = evidence(workspace, scores)
    return [path for style, names in alike.items() for path in _write(scores, folder, names, style, shown)]


def _formats_in(folder: Path) -> Sequence[str]:
    """Name the formats of the report that is in a folder; where there is none, those of a new one."""
    import reports

    return reports.formats_in(folder) or reports.DEFAULT_FORMATS


def _say_paths(paths: Sequence[Path], what: str = "written") -> None:
    """Tell what has become of the files; the one to open last, on stdout."""
    first = min(paths, key=lambda path: [".html", ".md", ".tex", ".csv", ".svg", ".png"].index(path.suffix))
    if len(paths) > 1:
        say(f"{what}: {', '.join(path.name for path in paths)}")
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


def _memory(workspace: Workspace) -> dict[str, Any]:
    """Read what is known of the report that is there; nothing where that cannot be read."""
    try:
        memory = read_json(workspace.report_memory)
    except (OSError, ValueError):
        return {}
    return memory if isinstance(memory, dict) else {}


def _styles(workspace: Workspace) -> dict[str, Style]:
    """Read how each format was written; nothing where that is not known."""
    try:
        return {name: Style(**style) for name, style in _memory(workspace)["styles"].items()}
    except (KeyError, TypeError, AttributeError):
        return {}


def _remember(workspace: Workspace, styles: dict[str, Style], scores: str | None) -> None:
    """Keep how formats were written, beside what is known of others, and the fingerprint of what all show."""
    known = {name: asdict(style) for name, style in (_styles(workspace) | styles).items()}
    memory = {"styles": known, "scores": scores}
    try:
        write_atomic(workspace.report_memory, json.dumps(memory, indent=1, sort_keys=True).encode())
    except OSError as error:
        raise UserError(f"cannot write {workspace.report_memory}: {error.strerror}") from error


def _fingerprint(scores: "pd.DataFrame") -> str:
    """Name scores by their content, and the version that shows them."""
    import pandas as pd

    rows = pd.util.hash_pandas_object(scores, index=False).to_numpy()
    return sha256(f"{ikebench.__version__} {list(scores)}".encode() + rows.tobytes()).hexdigest()
