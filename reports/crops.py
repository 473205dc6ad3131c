"""Grids of crops, as Figures 2 and 3 of the IKE paper: the whole LR image, then HR and every method from near."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from reports.drawing import DPI, STYLE, WIDTHS
from reports.windows import Window

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Image = NDArray[np.uint8]

FRAME = "#e6003c"
POINTS, SMALLEST_POINTS = 6.5, 4.0  # of the text below a picture
LINES_BELOW = 2  # of text: the name; PSNR and SSIM
GAP = 0.04  # inches between pictures
READABLE = 0.6  # inches: crops are put on so many lines that their sides have this
MOST_LINES = 4
MOST_OF_WIDTH = 0.34  # that the LR image may take
TALLEST = 9.0  # inches of a page's text


@dataclass(frozen=True)
class Shown:
    """A method's result on the image of a row.

    Attributes:
        name: as it is to be read.
        sr: (H, W, 3) uint8; None where there is no result.
        psnr: of the crop, in dB.
        ssim: of the crop.
        ranked: False for an upper bound, which cannot be best.
    """

    name: str
    sr: Image | None = None
    psnr: float = math.nan
    ssim: float = math.nan
    ranked: bool = True


@dataclass(frozen=True)
class CropRow:
    """One row of the grid: an LR image, and what was made of it.

    Attributes:
        title: of the LR image.
        lr: (h, w, 3) uint8.
        hr: (H, W, 3) uint8, H and W being h and w times the scale.
        window: the crop.
        results: of the methods, in order; every row has the same.
    """

    title: str
    lr: Image
    hr: Image
    window: Window
    results: Sequence[Shown]


@dataclass(frozen=True)
class _Layout:
    """Sizes in px of the drawing."""

    dpi: float
    width: int
    side: int  # of the crops
    columns: int
    lines: int
    gap: int
    text: int  # height of the text below a picture

    @property
    def crops_from(self) -> int:
        return self.width - self.columns * (self.side + self.gap) + self.gap

    @property
    def row_height(self) -> int:
        return self.lines * (self.side + self.text)


def crop_figure(rows: Sequence[CropRow], width: float = WIDTHS["column"]) -> Figure:
    """Draw the grid: crops are enlarged by whole pixels, the best PSNR of a row is in bold.

    Args:
        rows: one or more, of the same methods.
        width: of the figure, in inches.

    Raises:
        ValueError: if there are no rows, or more than a page holds.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    if not rows:
        raise ValueError("no rows to draw")
    layout = _lay_out(rows, width)
    height = len(rows) * layout.row_height + (len(rows) - 1) * layout.gap
    if height > TALLEST * layout.dpi:
        fits = max(int(TALLEST * layout.dpi / (layout.row_height + layout.gap)), 1)
        raise ValueError(f"{len(rows)} rows are {height / layout.dpi:.1f} inches high: show {fits} or fewer")
    with rc_context(STYLE):
        figure = Figure(figsize=(layout.width / layout.dpi, height / layout.dpi), dpi=layout.dpi)
        pen = _Pen(figure, layout, height, _points(figure, rows, layout))
        for index, row in enumerate(rows):
            pen.row(row, index * (layout.row_height + layout.gap))
    return figure


def _lay_out(rows: Sequence[CropRow], width: float) -> _Layout:
    """Put the crops on as few lines as leave them readable, and give the LR image what is left of the width."""
    crops, most = 1 + len(rows[0].results), max(row.window.height for row in rows)
    aspect = max(row.lr.shape[1] / row.lr.shape[0] for row in rows)
    text = LINES_BELOW * POINTS * 1.3 / 72
    for lines in range(1, min(MOST_LINES, crops) + 1):
        columns = -(-crops // lines)
        # side + gap of each column, and an LR image as high as all lines, but no wider than its share
        free = width - columns * GAP
        side = max((free - aspect * ((lines - 1) * text)) / (columns + aspect * lines), 0.0)
        if aspect * (lines * side + (lines - 1) * text) > MOST_OF_WIDTH * width:
            side = (free - MOST_OF_WIDTH * width) / columns
        if side >= READABLE:
            break
    # A pixel of the crops has whole pixels of the drawing; crops of several sizes come closer to the side with more.
    dpi = math.ceil(side * DPI / most) * most / side * len({row.window.height for row in rows})
    drawn = round(side * dpi)
    return _Layout(dpi, round(width * dpi), drawn, columns, -(-crops // columns), round(GAP * dpi), round(text * dpi))


def _points(figure: Figure, rows: Sequence[CropRow], layout: _Layout) -> float:
    """Give the size of the text at which the longest line below a crop is no wider than it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    renderer = FigureCanvasAgg(figure).get_renderer()
    texts = [text for result in rows[0].results for text in (result.name, "99.99 / 0.9999")]
    widest = 0.0
    for words in dict.fromkeys(texts):
        text = figure.text(0, 0, words, fontsize=POINTS, fontweight="bold")
        widest = max(widest, text.get_window_extent(renderer).width)
        text.remove()
    return max(min(POINTS, POINTS * (layout.side + 0.5 * layout.gap) / widest), SMALLEST_POINTS)


class _Pen:
    """Draws rows at places in px, counted from the upper left corner."""

    def __init__(self, figure: Figure, layout: _Layout, height: int, points: float) -> None:
        self.figure, self.layout, self.height, self.points = figure, layout, height, points

    def row(self, row: CropRow, top: int) -> None:
        layout, scale = self.layout, row.hr.shape[0] / row.lr.shape[0]
        self._whole(row, top, scale)
        numbers = [round(result.psnr, 2) for result in row.results if result.ranked and not math.isnan(result.psnr)]
        best = max(numbers, default=math.nan)
        shown = [Shown("HR", row.hr), *row.results]
        for index, result in enumerate(shown):
            line, column = divmod(index, layout.columns)
            left = layout.crops_from + column * (layout.side + layout.gap)
            above = top + line * (layout.side + layout.text)
            self._crop(result, row.window, left, above)
            bold = result.ranked and round(result.psnr, 2) == best
            below = "PSNR / SSIM" if index == 0 else _numbers(result)
            self._text(left + layout.side / 2, above + layout.side, [result.name, below], bold=bold)

    def _whole(self, row: CropRow, top: int, scale: float) -> None:
        """Draw the LR image in the place that is left for it, and the crop's frame upon it."""
        from matplotlib.patches import Rectangle

        layout = self.layout
        height, width = row.lr.shape[:2]
        ratio = min((layout.crops_from - 2 * layout.gap) / width, (layout.row_height - layout.text) / height)
        size = round(width * ratio), round(height * ratio)
        axes = self._axes(0, top, *size)
        axes.imshow(row.lr, extent=(0, width, height, 0), interpolation="antialiased", aspect="auto")
        window = row.window
        corner, side = (window.x / scale, window.y / scale), window.height / scale
        axes.add_patch(Rectangle(corner, side, side, fill=False, edgecolor=FRAME, linewidth=1.0))
        self._text(0, top + size[1], [row.title, f"LR, {width}×{height}"], align="left")  # may be wider than the image

    def _crop(self, result: Shown, window: Window, left: int, top: int) -> None:
        side = self.layout.side
        if result.sr is None:
            axes = self._axes(left, top, side, side)
            axes.set_facecolor("0.93")
            axes.text(0.5, 0.5, "no result", ha="center", va="center", fontsize=self.points, color="0.4")
            return
        times = max(side // window.height, 1)
        enlarged = window.of(result.sr).repeat(times, axis=0).repeat(times, axis=1)
        inset = (side - len(enlarged)) // 2
        axes = self._axes(left + inset, top + inset, len(enlarged), len(enlarged))
        axes.imshow(enlarged, interpolation="none", aspect="auto")

    def _axes(self, left: float, top: float, width: int, height: int) -> Axes:
        whole = self.layout.width, self.height
        place = (left / whole[0], 1 - (top + height) / whole[1], width / whole[0], height / whole[1])
        axes = self.figure.add_axes(place)
        axes.set(xticks=[], yticks=[])
        for spine in axes.spines.values():
            spine.set_visible(False)
        return axes

    def _text(
        self, left: float, top: float, lines: Sequence[str], *, bold: bool = False, align: str = "center"
    ) -> None:
        height = self.layout.text / LINES_BELOW
        for index, line in enumerate(lines):
            y = 1 - (top + (index + 0.5) * height) / self.height
            weight = "bold" if bold else "normal"
            place = left / self.layout.width, y
            self.figure.text(*place, line, ha=align, va="center_baseline", fontsize=self.points, fontweight=weight)


def _numbers(result: Shown) -> str:
    if result.sr is None:
        return "–"
    psnr = "∞" if math.isinf(result.psnr) else f"{result.psnr:.2f}"
    return f"{psnr} / {result.ssim:.4f}"
