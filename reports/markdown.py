"""Tables and lists as Markdown, padded so that they also read well in a terminal."""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import quote

from reports.listings import Listing
from reports.sections import Section
from reports.tables import DASH, Block, Cell, Row, Table

LEGEND = "**Bold**: best, <u>underlined</u>: second best of the measured numbers"
BOUND_LEGEND = "; (in brackets): an upper bound"


def escape(text: str) -> str:
    """Put plain text on one line, its Markdown specials behind a backslash."""
    return re.sub(r"([\\`*_\[\]<>|~#&$])", r"\\\1", " ".join(text.split()))


def grid(header: list[str], rows: list[list[str]], align: str) -> str:
    """Draw a pipe table of Markdown cells; `align` has one letter per column, l or r."""
    widths = [max(3, *(len(line[i]) for line in [header, *rows])) for i in range(len(header))]

    def line(cells: list[str]) -> str:
        padded = [
            cell.rjust(width) if side == "r" else cell.ljust(width)
            for cell, width, side in zip(cells, widths, align, strict=True)
        ]
        return f"| {' | '.join(padded)} |"

    rules = ["-" * (width - 1) + (":" if side == "r" else "-") for width, side in zip(widths, align, strict=True)]
    return "\n".join([line(header), line(rules), *map(line, rows)])


def _cell(cell: Cell) -> str:
    text = {0: cell.text, 1: f"**{cell.text}**", 2: f"<u>{cell.text}</u>"}[cell.rank]
    return text + cell.full.removeprefix(cell.text)


def _row(row: Row, counts: bool) -> list[str]:
    name = f"*{row.name}*" if row.published else escape(row.name)
    cells = [f"({cell.full})" if row.upper_bound and cell.text != DASH else _cell(cell) for cell in row.cells]
    return [name, *cells, *[row.n_scored, row.n_failed] * counts]


def _block(block: Block, counts: bool) -> str:
    """Draw a block under one header line: kinds at their first column, scales at each PSNR."""
    header = ["Method"]
    for kind in block.kinds or ("",):
        for place, scale in enumerate(block.scales):
            scale_name = f"×{scale} PSNR"
            header += [f"{escape(kind)} {scale_name}" if kind and place == 0 else scale_name, "SSIM"]
    header += ["n", "failed"] * counts
    return grid(header, [_row(row, counts) for row in block.rows], "l" + "r" * (len(header) - 1))


def table(content: Table, heading: str = "###") -> str:
    """Render heading, caption, blocks and footnotes."""
    bound = any(row.upper_bound for block in content.blocks for row in block.rows)
    legend = LEGEND + BOUND_LEGEND * bound
    parts = [f"{heading} {escape(content.set_name)}: {escape(content.title)}", f"{escape(content.caption)} {legend}."]
    parts += [_block(block, content.counts) for block in content.blocks]
    parts += ["\n".join(f"- {escape(footnote)}" for footnote in content.footnotes)] if content.footnotes else []
    return "\n\n".join(parts)


def listing(content: Listing, heading: str = "###") -> str:
    """Render heading (unless it is empty), explanation and, where there are rows, the grid."""
    parts = [f"{heading} {escape(content.title)}"] if heading else []
    parts += [escape(content.about)] if content.about else []
    if content.rows:
        rows = [[escape(text) for text in row] for row in content.rows]
        parts.append(grid(list(content.header), rows, content.align))
    return "\n\n".join(parts)


def document(sections: list[Section], pictures: Collection[str]) -> str:
    """Render the whole report; `pictures` are the names of the picture files that are there to be shown."""
    parts = ["# Super-resolution results"]
    for section in sections:
        parts += [f"## {escape(section.title)}"] if section.title else []
        parts += _section(section, pictures)
    return "\n\n".join(parts) + "\n"


def _section(content: Section, pictures: Collection[str]) -> list[str]:
    """Render what is below a heading."""
    facts = [f"- **{escape(label)}:** {escape(text)}" for label, text in content.facts]
    points = [f"- {escape(text)}" for text in content.points]
    parts = ["\n".join(lines) for lines in (facts, points) if lines]
    parts[len(parts) - bool(points) : len(parts) - bool(points)] = map(escape, content.text)
    parts += map(table, content.tables)
    for one in content.listings:
        parts.append(listing(one, heading="" if one.title == content.title else "###"))
    shown = [
        f"![{escape(picture.alt)}]({quote(picture.name)})" for picture in content.pictures if picture.name in pictures
    ]
    return parts + shown
