"""The files of a report: which there are, what is in each, and how they are written."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from reports import latex, markdown
from reports.alignment import map_listing
from reports.cost import cost_listing
from reports.kernel_pictures import consistency_listing
from reports.listings import alignment_listing, failure_listing, kernel_listing, note_listing, paired_listings
from reports.summary import check_protocol, summarise
from reports.tables import build_tables

FORMATS = ("md", "tex", "html", "csv")


def markdown_tables(scores: pd.DataFrame, protocol: str = "ike") -> str:
    """Render all tables as Markdown for a terminal: one degradation kind to a block, so that lines stay short.

    Raises ValueError for an unknown protocol, no rows, or a missing column.
    """
    return "\n\n".join(map(markdown.table, build_tables(scores, protocol, kinds_per_block=1))) + "\n"


def write_report(
    scores: pd.DataFrame, folder: str | Path, *, formats: Sequence[str] = ("md", "tex"), protocol: str = "ike"
) -> list[Path]:
    """Write the report into `folder` (made if missing) and return the files written.

    `scores` has one row per set, image, kind, scale, method and seed, as `scores.parquet`. Formats are `md`
    (report.md), `tex` (`<set>-table2.tex`, `-table3.tex`, `-other.tex`), `html` (report.html) and `csv`
    (summary.csv); each file is written to a temporary name and renamed. `protocol` is a key of PROTOCOLS.

    Raises ValueError for an unknown format or protocol, no format, no rows, or a missing column.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise ValueError(f"unknown format {', '.join(map(repr, unknown)) or 'none'}; known: {', '.join(FORMATS)}")
    check_protocol(protocol)
    contents = _contents(scores, formats, protocol)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [_write(folder / name, text) for name, text in contents.items()]
    clear(folder, kept=paths)
    return paths


def clear(folder: str | Path, kept: Sequence[Path] = ()) -> None:
    """Remove the reports that `write_report` left in `folder`, but those kept, so that none outlives its scores."""
    names = ["report.md", "report.html", "summary.csv", "*-table2.tex", "*-table3.tex", "*-other.tex"]
    for path in (path for name in names for path in Path(folder).glob(name)):
        if path not in kept:
            path.unlink(missing_ok=True)


def _contents(scores: pd.DataFrame, formats: Sequence[str], protocol: str) -> dict[str, str]:
    """File name -> text, for all formats."""
    summary = summarise(scores, protocol)
    tables = build_tables(scores, protocol, summary=summary)
    contents = {}
    if "md" in formats or "html" in formats:
        pairs = paired_listings(scores, summary, protocol)
        kernels = kernel_listing(scores)
        others = [alignment_listing(scores), *([kernels] if kernels.rows else [])]
        others += [map_listing(scores), cost_listing(scores, protocol), consistency_listing(scores)]
        others += [failure_listing(scores, protocol), note_listing(scores, protocol)]
    if "md" in formats:
        contents["report.md"] = markdown.document(tables, pairs, others)
    if "html" in formats:
        from reports import html  # Jinja2, which the other formats do not wait for

        contents["report.html"] = html.document(tables, pairs, others)
    if "tex" in formats:
        contents |= {f"{table.set_name}-{table.key}.tex": latex.table(table) for table in tables}
    if "csv" in formats:
        contents["summary.csv"] = summary.to_csv(index=False)
    return contents


def _write(path: Path, text: str) -> Path:
    """Write under a temporary name, then rename: a reader never sees half a file."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8", newline="\n")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path
