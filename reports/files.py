"""The files of a report: which there are, what is in each, and how they are written."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from reports import latex, markdown
from reports.contents import sections
from reports.evidence import Evidence
from reports.results import Results
from reports.sections import Section
from reports.summary import check_protocol
from reports.tables import build_tables
from reports.writing import write_all

FORMATS = {
    "md": ("report.md",),
    "tex": ("*-table2.tex", "*-table3.tex", "*-other.tex"),
    "html": ("report.html", "*-forest.svg", "cost.svg", "curves.svg", "kernels.png"),
    "csv": ("summary.csv", "paired.csv"),
}
"""Format -> the names of its files; drawings are of the HTML page, which holds them, and report.md shows them too."""

DEFAULT_FORMATS = ("md", "html")


def markdown_tables(scores: pd.DataFrame, protocol: str = "ike") -> str:
    """Render all tables as Markdown for a terminal: one degradation kind to a block, so that lines stay short.

    Raises ValueError for an unknown protocol, no rows, or a missing column.
    """
    return "\n\n".join(map(markdown.table, build_tables(scores, protocol, cells_per_block=2))) + "\n"


def write_report(
    scores: pd.DataFrame,
    folder: str | Path,
    *,
    formats: Sequence[str] = DEFAULT_FORMATS,
    protocol: str = "ike",
    against: str | None = None,
    notes: bool = True,
    evidence: Evidence | None = None,
) -> list[Path]:
    """Write the report into `folder` (made if missing) and return the files written.

    `scores` has one row per set, image, kind, scale, method and seed, as `scores.parquet`. Formats are `md`
    (report.md), `tex` (a file per set and table, as `latex.file_name` says), `html` (report.html and, where Matplotlib
    is installed, its drawings) and `csv` (summary.csv; paired.csv, every two methods of a cell). All files are written
    to temporary names first, then renamed; then those of the same formats that are no longer of the report are removed,
    and none else. `protocol` is a key of PROTOCOLS, `against` the method that all others are held against, bicubic
    without it; without `notes`, LaTeX has no notes below its tables; `evidence` is what the scores do not hold.

    Raises ValueError for an unknown format, protocol or reference, no format, no rows, or a missing column; OSError,
    the old files as they were, where one cannot be written.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise ValueError(f"unknown format {', '.join(map(repr, unknown)) or 'none'}; known: {', '.join(FORMATS)}")
    check_protocol(protocol)
    contents = _contents(Results(scores, protocol, against, evidence or Evidence()), formats, notes)
    folder = Path(folder)
    outdated = {path for name in formats for path in files_of(folder, name)}
    paths = write_all({folder / name: content for name, content in contents.items()})
    for path in outdated - set(paths):
        path.unlink(missing_ok=True)
    return paths


def formats_in(folder: str | Path) -> list[str]:
    """Name the formats of which `folder` has files."""
    return [name for name in FORMATS if files_of(folder, name)]


def files_of(folder: str | Path, name: str) -> list[Path]:
    """List the files of a format in `folder`."""
    return [path for pattern in FORMATS[name] for path in Path(folder).glob(pattern)]


def _contents(results: Results, formats: Sequence[str], notes: bool) -> dict[str, str | bytes]:
    """File name -> content, for all formats; drawings are made for the HTML page, and shown in report.md beside it."""
    built = sections(results)
    drawings = _draw(built) if "html" in formats else {}
    contents: dict[str, str | bytes] = {}
    if "md" in formats:
        contents["report.md"] = markdown.document(built, drawings)
    if "html" in formats:
        from reports import html  # Jinja2, which the other formats do not wait for

        contents |= {"report.html": html.document(built, drawings, results), **drawings}
    if "tex" in formats:
        contents |= {latex.file_name(table): latex.table(table, notes=notes) for table in results.tables}
    if "csv" in formats:
        contents["summary.csv"] = results.summary.to_csv(index=False)
        contents["paired.csv"] = results.pairs.to_csv(index=False)
    return contents


def _draw(built: Sequence[Section]) -> dict[str, bytes]:
    """Draw all pictures: file name -> content; none without Matplotlib, which is of the extra `figures`."""
    if find_spec("matplotlib") is None:
        return {}
    return {picture.name: picture.draw() for section in built for picture in section.pictures}
