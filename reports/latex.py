"""One table as a LaTeX float (booktabs, xcolor): best measured number in red, second best in blue."""

from __future__ import annotations

import re

from reports.tables import Block, Cell, Row, Table

PREAMBLE = "% Needs in the preamble:\n%   \\usepackage{booktabs}\n%   \\usepackage{xcolor}\n"
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
    "×": r"$\times$",
    "∞": r"$\infty$",
    "±": r"$\pm$",
    "†": r"\textsuperscript{\dag}",
    "‡": r"\textsuperscript{\ddag}",
} | {character: "\\" + character for character in "&%$#_{}"}
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


def table(content: Table) -> str:
    """Render the content of one .tex file: a comment with the packages it needs, then a table float."""
    label = re.sub(r"[^A-Za-z0-9]+", "-", f"{content.set_name}-{content.key}")
    lines = [
        r"\begin{table}",
        r"\centering\footnotesize\setlength{\tabcolsep}{2pt}\setlength{\belowcaptionskip}{6pt}",
        f"\\caption{{{escape(content.title)}. {escape(content.caption)} {LEGEND}}}",
        f"\\label{{tab:{label}}}",
    ]
    for block in content.blocks:
        lines += [*_block(block, content.upscale, content.counts), r"\par\medskip"]
    lines += [f"{{\\footnotesize {escape(footnote)}.\\par}}" for footnote in content.footnotes]
    return PREAMBLE + "\n".join([*lines, r"\end{table}"]) + "\n"
