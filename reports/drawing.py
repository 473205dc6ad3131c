"""What all drawings share: sizes that fit a paper, fonts that stay with the file, and files that appear whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.writing import write_all

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTHS = {"column": 3.25, "text": 6.875}
"""Inches, of one column and of the whole text of a two-column paper (CVPR's and IEEE's to a hair)."""
DPI = 300
FILES = ("png", "pdf")
MOST_OF_A_NAME = 24  # characters of a set's name, in the title of a panel

STYLE: Any = {  # of matplotlib (its stubs want literal names)
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # which matplotlib brings along: equal on every machine
    "pdf.fonttype": 42,  # whole TrueType fonts: publishers refuse Type 3
    "svg.fonttype": "path",  # a page has none of the fonts
    "svg.hashsalt": "ikebench",  # or names inside would be random
    "axes.linewidth": 0.6,
}


def panel_title(set_name: str, cell: str) -> str:
    """Title a panel in two short lines: a long one takes the room of the panel."""
    name = set_name if len(set_name) <= MOST_OF_A_NAME else f"{set_name[:MOST_OF_A_NAME]}…"
    return f"{name}\n{cell}".replace("$", r"\$")


def legend_below(figure: Figure, panels: Iterable[Axes], names: Iterable[str], columns: int, **look: Any) -> None:  # noqa: ANN401
    """Explain below the panels what any of them shows, in the order of `names`; `look` is of matplotlib's legend."""
    found = {label: drawn for panel in panels for drawn, label in zip(*panel.get_legend_handles_labels(), strict=True)}
    labels = [name for name in names if name in found]
    ncols = min(len(labels), columns)
    figure.legend(
        [found[name] for name in labels], labels, loc="outside lower center", ncols=ncols, frameon=False, **look
    )


def draw_bytes(figure: Figure, file_format: str, about: Mapping[str, str] | None = None) -> bytes:
    """Draw a figure as `png`, `pdf` or `svg`; equal figures give equal bytes. `about`: title and description."""
    from matplotlib import rc_context

    about = about or {}
    names: dict[str, dict[str, str]] = {
        "png": {"title": "Title", "about": "Description"},
        "pdf": {"title": "Title", "about": "Subject"},
    }
    metadata: dict[str, str | None] = {names[file_format][key]: text for key, text in about.items()}
    metadata |= {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(file_format, {})
    sink = BytesIO()
    with rc_context(STYLE):
        figure.savefig(sink, format=file_format, dpi=figure.dpi, metadata=metadata)
    return sink.getvalue()


def save_figure(figure: Figure, stem: Path, about: Mapping[str, str] | None = None) -> list[Path]:
    """Write `stem`.png and `stem`.pdf, both or none; gives the paths. Raises OSError."""
    return write_all({stem.with_name(f"{stem.name}.{suffix}"): draw_bytes(figure, suffix, about) for suffix in FILES})
