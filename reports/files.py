"""The files of a report: which there are, what is in each, and how they are written."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from reports import latex, markdown
from reports.about import About
from reports.contents import sections
from reports.results import Results
from reports.sections import Section
from reports.summary import check_protocol
from reports.tables import build_tables

if TYPE_CHECKING:
    from reports.page.gallery import Load

FORMATS = ("md", "tex", "html", "csv")


def markdown_tables(scores: pd.DataFrame, protocol: str = "ike") -> str:
    """Render all tables as Markdown for a terminal: one degradation kind to a block, so that lines stay short.

    Raises ValueError for an unknown protocol, no rows, or a missing column.
    """
    return "\n\n".join(map(markdown.table, build_tables(scores, protocol, cells_per_block=2))) + "\n"


def write_report(
    scores: pd.DataFrame,
    folder: str | Path,
    *,
    formats: Sequence[str] = ("md", "tex"),
    protocol: str = "ike",
    about: About | None = None,
    against: str | None = None,
    load: Load | None = None,
) -> list[Path]:
    """Write the report into `folder` (made if missing) and return the files written.

    `scores` has one row per set, image, kind, scale, method and seed, as `scores.parquet`. Formats are `md`
    (report.md), `tex` (`<set>-table2.tex`, `-table3.tex`, `-other.tex`), `html` (report.html, and its drawings as
    `<set>-forest.svg` where Matplotlib is installed) and `csv` (summary.csv; paired.csv, every two methods of a cell);
    each file is written to a temporary name and renamed. `protocol` is a key of PROTOCOLS, `about` what the scores do
    not hold, `against` the method that all others are held against, bicubic without it. `load` reads the images of a
    row of scores for the page (`reports.page.gallery`); without it, the page has no pictures.

    Raises ValueError for an unknown format, protocol or reference, no format, no rows, or a missing column.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise ValueError(f"unknown format {', '.join(map(repr, unknown)) or 'none'}; known: {', '.join(FORMATS)}")
    check_protocol(protocol)
    contents = _contents(Results(scores, protocol, about or About(), against), formats, load)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [_write(folder / name, text) for name, text in contents.items()]
    clear(folder, kept=paths)
    return paths


def clear(folder: str | Path, kept: Sequence[Path] = ()) -> None:
    """Remove the reports that `write_report` left in `folder`, but those kept, so that none outlives its scores."""
    names = [
        "report.md",
        "report.html",
        "summary.csv",
        "paired.csv",
        "*-forest.svg",
        "*-table2.tex",
        "*-table3.tex",
        "*-other.tex",
    ]
    for path in (path for name in names for path in Path(folder).glob(name)):
        if path not in kept:
            path.unlink(missing_ok=True)


def _contents(results: Results, formats: Sequence[str], load: Load | None) -> dict[str, str | bytes]:
    """File name -> content, for all formats; pictures are drawn for the HTML page, and shown in report.md beside it."""
    built = sections(results)
    pictures = _draw(built) if "html" in formats else {}
    contents: dict[str, str | bytes] = {}
    if "md" in formats:
        contents["report.md"] = markdown.document(built, pictures)
    if "html" in formats:
        from reports import html  # Jinja2, which the other formats do not wait for

        contents |= {"report.html": html.document(built, pictures, results, load), **pictures}
    if "tex" in formats:
        contents |= {f"{table.set_name}-{table.key}.tex": latex.table(table) for table in results.tables}
    if "csv" in formats:
        contents["summary.csv"] = results.summary.to_csv(index=False)
        contents["paired.csv"] = results.pairs.to_csv(index=False)
    return contents


def _draw(built: Sequence[Section]) -> dict[str, bytes]:
    """Draw all pictures: file name -> content; none without Matplotlib, which is of the extra `figures`."""
    if find_spec("matplotlib") is None:
        return {}
    return {picture.name: picture.draw() for section in built for picture in section.pictures}


def _write(path: Path, content: str | bytes) -> Path:
    """Write under a temporary name, then rename: a reader never sees half a file."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path
