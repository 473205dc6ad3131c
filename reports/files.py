"""The files of a report: which there are, what is in each, and how they are written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from reports import latex, markdown
from reports.listings import alignment_listing, failure_listing, kernel_listing, note_listing, paired_listings
from reports.summary import check_protocol, summarise
from reports.tables import build_tables
from reports.writing import write_all

FORMATS = {
    "md": ("report.md",),
    "tex": ("*-table2.tex", "*-table3.tex", "*-other.tex"),
    "html": ("report.html",),
    "csv": ("summary.csv",),
}
"""Format -> the names of its files."""

DEFAULT_FORMATS = ("md", "html")


def markdown_tables(scores: pd.DataFrame, protocol: str = "ike") -> str:
    """Render all tables as Markdown for a terminal: one degradation kind to a block, so that lines stay short.

    Raises ValueError for an unknown protocol, no rows, or a missing column.
    """
    return "\n\n".join(map(markdown.table, build_tables(scores, protocol, kinds_per_block=1))) + "\n"


def write_report(
    scores: pd.DataFrame,
    folder: str | Path,
    *,
    formats: Sequence[str] = DEFAULT_FORMATS,
    protocol: str = "ike",
    notes: bool = True,
) -> list[Path]:
    """Write the report into `folder` (made if missing) and return the files written.

    `scores` has one row per set, image, kind, scale, method and seed, as `scores.parquet`. Formats are `md`
    (report.md), `tex` (a file per set and table, as `latex.file_name` says), `html` (report.html) and `csv`
    (summary.csv). All files are written to temporary names first, then renamed; then those of the same formats that
    are no longer of the report are removed, and none else. `protocol` is a key of PROTOCOLS; without `notes`, LaTeX
    has no notes below its tables.

    Raises ValueError for an unknown format or protocol, no format, no rows, or a missing column; OSError, the old
    files as they were, where one cannot be written.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise ValueError(f"unknown format {', '.join(map(repr, unknown)) or 'none'}; known: {', '.join(FORMATS)}")
    check_protocol(protocol)
    contents = _contents(scores, formats, protocol, notes)
    folder = Path(folder)
    outdated = {path for name in formats for path in _files(folder, name)}
    paths = write_all({folder / name: text for name, text in contents.items()})
    for path in outdated - set(paths):
        path.unlink(missing_ok=True)
    return paths


def formats_in(folder: str | Path) -> list[str]:
    """Name the formats of which `folder` has files."""
    return [name for name in FORMATS if _files(Path(folder), name)]


def _files(folder: Path, name: str) -> list[Path]:
    return [path for pattern in FORMATS[name] for path in folder.glob(pattern)]


def _contents(scores: pd.DataFrame, formats: Sequence[str], protocol: str, notes: bool) -> dict[str, str]:
    """File name -> text, for all formats."""
    summary = summarise(scores, protocol)
    tables = build_tables(scores, protocol, summary=summary)
    contents = {}
    if "md" in formats or "html" in formats:
        pairs = paired_listings(scores, summary, protocol)
        kernels = kernel_listing(scores)
        others = [alignment_listing(scores), *([kernels] if kernels.rows else [])]
        others += [failure_listing(scores, protocol), note_listing(scores, protocol)]
    if "md" in formats:
        contents["report.md"] = markdown.document(tables, pairs, others)
    if "html" in formats:
        from reports import html  # Jinja2, which the other formats do not wait for

        contents["report.html"] = html.document(tables, pairs, others)
    if "tex" in formats:
        contents |= {latex.file_name(table): latex.table(table, notes=notes) for table in tables}
    if "csv" in formats:
        contents["summary.csv"] = summary.to_csv(index=False)
    return contents
