"""One table as a LaTeX float: best measured number in red, second best in blue.

A `table*`: over both columns of a two-column paper, and as wide as the text of another. LaTeX itself measures each
block and makes it smaller where it is wider than that, so that one file fits both.
"""

from __future__ import annotations

import re
from hashlib import sha256

from reports.tables import Block, Cell, Row, Table

PREAMBLE = (
    "% Needs in the preamble:\n%   \\usepackage{booktabs}\n%   \\usepackage{graphicx}\n%   \\usepackage{xcolor}\n"
)
UNICODE = (
    "% Holds characters that pdflatex does not know: compile with xelatex or lualatex, and a font that has them\n"
    "% (for Chinese: \\usepackage{ctex}).\n"
)
FIT = "\\ifdim\\wd0>\\linewidth\\resizebox{\\linewidth}{!}{\\usebox0}\\else\\usebox0\\fi\\par\\medskip"
LEGEND = (
    "\\textcolor{red}{Red}: best, \\textcolor{blue}{blue}: second best of the measured numbers; "
    "\\textcolor{gray}{gray}: published, or an upper bound."
)
SPECIALS = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "–": "--",
    "−": "$-$",
    "±": r"$\pm$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "×": r"$\times$",
    "∞": r"$\infty$",
    "†": r"\textsuperscript{\dag}",
    "‡": r"\textsuperscript{\ddag}",
} | {character: "\\" + character for character in "&%$#_{}"}
LAST_LATIN = 0x17F  # of Latin Extended-A
COLOURS = {1: "red", 2: "blue"}


def escape(text: str) -> str:
    """Put plain text on one line, its LaTeX specials escaped."""
    return "".join(SPECIALS.get(character, character) for character in " ".join(text.split()))


def _cell(cell: Cell, gray: bool) -> str:
    colour = "gray" if gray else COLOURS.get(cell.rank)
    text = escape(cell.full)
    return f"\\textcolor{{{colour}}}{{{text}}}" if colour else text


def _row(row: Row, counts: bool) -> str:
    gray = row.published or row.upper_bound
    name = f"\\textcolor{{gray}}{{{escape(row.name)}}}" if gray else escape(row.name)
    cells = [_cell(cell, gray) for cell in row.cells]
    return " & ".join(["\\quad" * row.published + name, *cells, *_counts(row, counts)]) + r" \\"


def _counts(row: Row, counts: bool) -> list[str]:
    return [escape(row.n_scored), escape(row.n_failed)] if counts else []


def _span_line(labels: list[str], width: int, counts: bool) -> list[str]:
    """Make a header line of labels, each over `width` columns, and the thin rules under it."""
    spans = [f"\\multicolumn{{{width}}}{{c}}{{{label}}}" for label in labels]
    starts = range(2, 2 + width * len(labels), width)
    rules = [f"\\cmidrule(lr){{{start}-{start + width - 1}}}" for start in starts]
    return [" & ".join(["", *spans, *[""] * (2 * counts)]) + r" \\", " ".join(rules)]


def _block(block: Block, upscale: str, counts: bool) -> list[str]:
    groups = (len(block.kinds) or 1) * len(block.scales)
    scales = [f"{upscale} {scale}" for scale in block.scales] * (len(block.kinds) or 1)
    kinds = _span_line([escape(kind) for kind in block.kinds], 2 * len(block.scales), counts) if block.kinds else []
    titles = ["Method", *["PSNR", "SSIM"] * groups, *["$n$", "failed"] * counts]
    return [
        f"\\begin{{tabular}}{{l{'r' * 2 * groups}{'rr' * counts}}}",
        r"\toprule",
        *kinds,
        *_span_line(scales, 2, counts),
        " & ".join(titles) + r" \\",
        r"\midrule",
        *[_row(row, counts) for row in block.rows],
        r"\bottomrule",
        r"\end{tabular}",
    ]


def file_name(content: Table) -> str:
    """Name the table's file, in characters that LaTeX can read: a set's name with others has a hash in their place."""
    return f"{_stem(content)}.tex"


def _stem(content: Table) -> str:
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", content.set_name)
    if safe != content.set_name:
        safe = f"{safe.strip('-') or 'set'}-{sha256(content.set_name.encode()).hexdigest()[:6]}"
    return f"{safe}-{content.key}"


def table(content: Table, *, notes: bool = True) -> str:
    """Render the content of one .tex file: a comment with the packages it needs, then a table float."""
    lines = [
        r"\begin{table*}",
        r"\centering\footnotesize\sloppy\setlength{\tabcolsep}{4pt}\setlength{\belowcaptionskip}{6pt}",
        f"\\caption{{{escape(content.title)}. {escape(content.caption)} {LEGEND}}}",
        f"\\label{{tab:{_stem(content)}}}",
    ]
    for block in content.blocks:
        lines += [r"\sbox0{%", *_block(block, content.upscale, content.counts), "}%", FIT]
    lines += _notes(content.footnotes) if notes else []
    text = "\n".join([*lines, r"\end{table*}"]) + "\n"
    return PREAMBLE + UNICODE * _needs_unicode(text) + text


def _notes(footnotes: tuple[str, ...]) -> list[str]:
    if not footnotes:
        return []
    paragraphs = [f"{escape(footnote)}.\\par" for footnote in footnotes]
    return [r"\begin{minipage}{\linewidth}\footnotesize\raggedright", *paragraphs, r"\end{minipage}"]


def _needs_unicode(text: str) -> bool:
    """Say whether some character is none of pdflatex's: its own fonts have the Latin letters with accents."""
    return any(ord(character) > LAST_LATIN for character in text)
