"""`ikebench figure`: crops of LR, HR and every method's SR side by side, as a PNG and a PDF for a paper."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ikebench.commands.options import OK, kinds_option, say, workspace_option
from ikebench.data.table import require_data
from ikebench.errors import UserError, unknown
from ikebench.store.hashes import Hashes, hashes_of
from ikebench.store.row_files import RowFiles
from ikebench.store.rows import DataRow, RunRow
from ikebench.store.workspace import Workspace
from reports.crops import CropRow, Shown
from reports.drawing import WIDTHS
from reports.naming import cell_name, kind_order, method_name, method_order
from reports.protocols import PROTOCOLS
from reports.windows import Window, most_different

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Image = NDArray[np.uint8]

MOST_ROWS = 3  # where nobody says which images
CROP_SIDE = 96  # HR px, where nobody says it; less of an image that is not twice as large
METHOD = (
    "Crops without a --crop: the square of {side} px in which the methods' images differ most "
    "(largest mean variance of their luma)."
)


@dataclass(frozen=True, kw_only=True)
class FigureOptions:
    """The options of `figure`."""

    workspace: Workspace
    crops: Sequence[tuple[str, Window]] = ()
    images: Sequence[str] | None = None
    methods: Sequence[str] | None = None
    dataset: str | None = None
    kinds: Sequence[str] | None = None
    scale: int | None = None
    seed: int = 0
    protocol: str = "ike"
    width: float = WIDTHS["column"]
    output: Path | None = None


def _names(context: click.Context, parameter: click.Parameter, value: str | None) -> list[str] | None:
    return None if value is None else [name.strip() for name in value.split(",") if name.strip()]


def _crops(context: click.Context, parameter: click.Parameter, values: Sequence[str]) -> list[tuple[str, Window]]:
    return [_crop(value) for value in values]


def _crop(text: str) -> tuple[str, Window]:
    image, _, numbers = text.rpartition(":")
    try:
        y, x, size = (int(number) for number in numbers.split(","))
    except ValueError:
        y = x = size = -1
    if not image or min(y, x, size) < 0:
        raise UserError(f"--crop {text}: say IMAGE:y,x,size in HR pixels, as 0821:240,300,96")
    return image, Window(y, x, size, size)


def _width(context: click.Context, parameter: click.Parameter, text: str) -> float:
    try:
        width = WIDTHS[text] if text in WIDTHS else float(text)
    except ValueError:
        width = 0.0
    if not 2 <= width <= 40:
        raise UserError(f"--width {text}: say column, text, or inches from 2 to 40")
    return width


@click.command()
@click.option(
    "--crop",
    "crops",
    multiple=True,
    metavar="IMAGE:y,x,size",
    callback=_crops,
    help="A square of an image in HR pixels: its upper edge y, its left edge x, its side; again for more rows.  "
    "[default: where the methods differ most]",
)
@click.option("--images", callback=_names, help=f"A row each.  [default: those of --crop, or the first {MOST_ROWS}]")
@click.option("--methods", callback=_names, help="As they are named in the tables' paths.  [default: all there are]")
@click.option("--dataset", default=None, metavar="SET", help="Of this set.  [default: the first]")
@kinds_option(None, "A row for each of these degradations.  [default: the first]")
@click.option("--scale", type=int, default=None, help="[default: the smallest]")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the results.")
@click.option(
    "--protocol",
    type=click.Choice(list(PROTOCOLS)),
    default="ike",
    show_default=True,
    help="Its channels; no border is shaved from a crop.",
)
@click.option("--width", default="column", show_default=True, callback=_width, help="column, text, or inches.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=None,
    help="Two files, OUT.png and OUT.pdf.  [default: WORKSPACE/report/crops]",
)
@workspace_option
def command(**options: Any) -> int:  # noqa: ANN401 (click hands over its options)
    """Draw crops of LR, HR and every method's SR, with PSNR and SSIM of the crop below; a PNG and a PDF."""
    return figure(FigureOptions(**options))


def figure(options: FigureOptions) -> int:
    """Results -> a grid of crops."""
    try:
        from reports import crops, drawing

        data, runs = _selected(options)
        with hashes_of(options.workspace.root) as hashes:
            places = list(_rows(options, data))
            rows = [_row(options, hashes, image, runs, window) for image, window in places]
        drawn = crops.crop_figure(rows, options.width)
    except ModuleNotFoundError as error:
        if error.name != "matplotlib":
            raise
        raise UserError("figures are drawn with matplotlib: pip install 'ikebench[figures]'") from error
    except ValueError as error:
        raise UserError(str(error)) from error
    chosen = [row.window.height for row, (_, named) in zip(rows, places, strict=True) if named is None]
    about = _caption(options, rows, runs, chosen)
    for line in about:
        say(line)
    output = options.output or options.workspace.report_folder / "crops"
    stem = output.with_suffix("") if output.suffix.lower() in (".png", ".pdf") else output
    try:
        paths = drawing.save_figure(drawn, stem, {"title": "Crops", "about": " ".join(about)})
    except OSError as error:
        raise UserError(f"cannot write the figure to {stem}: {error.strerror}") from error
    say(f"figure: {', '.join(str(path) for path in paths)}")
    return OK


Runs = Mapping[tuple[str, tuple[str, str, str, int]], RunRow]
"""(method, LR image) -> what came of it, in the order of the tables."""


def _selected(options: FigureOptions) -> tuple[list[DataRow], Runs]:
    """Take the LR images of one set and scale that have an HR, and the results that are wanted."""
    data = [row for row in require_data(options.workspace) if row.hr_path is not None]
    runs = RowFiles(options.workspace).all()
    # What is not trained on an image has seed 0, whatever seed was asked for.
    found = [run for run in runs if run.seed == (0 if run.iterations is None else options.seed)]
    done = {run.case for run in found}
    data = [row for row in data if row.case in done]
    if not data:
        raise UserError(f"no results of seed {options.seed} to show: `ikebench run --seed {options.seed}` makes some")
    data = _of(data, "set", None if options.dataset is None else [options.dataset], [data[0].set])
    kinds = sorted({row.kind for row in data}, key=kind_order)
    data = _of(data, "kind", options.kinds, kinds[:1])
    data = _of(data, "scale", None if options.scale is None else [options.scale], [min(row.scale for row in data)])
    names = sorted({run.method for run in found if run.case in {row.case for row in data}}, key=method_order)
    for name in options.methods or ():
        if name not in names:
            raise unknown("method among the results", name, names)
    wanted = options.methods or names
    cases = {(run.method, run.case): run for run in found}
    return data, {(name, row.case): run for name in wanted for row in data if (run := cases.get((name, row.case)))}


def _of(data: Sequence[DataRow], column: str, wanted: Sequence[Any] | None, otherwise: Sequence[Any]) -> list[DataRow]:
    there = {getattr(row, column) for row in data}
    for value in wanted or ():
        if value not in there:
            raise UserError(f"no results of {column} {value}: there is {', '.join(map(str, sorted(there)))}")
    values = wanted or otherwise
    return [row for row in data if getattr(row, column) in values]


def _rows(options: FigureOptions, data: Sequence[DataRow]) -> Iterator[tuple[DataRow, Window | None]]:
    """Give the LR image of each row, and its crop where one is named."""
    there = list(dict.fromkeys(row.image for row in data))
    named = list(dict.fromkeys(image for image, _ in options.crops))
    images = options.images or named or there[:MOST_ROWS]
    for image in [*images, *named]:
        if image not in there:
            raise unknown("image among the results", image, there)
    for image in [*images, *(name for name in named if name not in images)]:
        windows: list[Window | None] = [window for name, window in options.crops if name == image]
        for row in (row for row in data if row.image == image):
            yield from ((row, window) for window in windows or [None])


def _row(options: FigureOptions, hashes: Hashes, row: DataRow, runs: Runs, window: Window | None) -> CropRow:
    from degradations.resample import cut_to_multiple
    from ikebench.scoring.crops import measure_crop

    lr = _read(hashes, row.lr_path, row.lr_sha256, "make-data")
    hr = cut_to_multiple(_read(hashes, row.hr_path or "", row.hr_sha256, "make-data"), row.scale)
    methods = list(dict.fromkeys(method for method, _ in runs))
    results = {method: _result(hashes, row, runs.get((method, row.case)), hr) for method in methods}
    there = {method: image for method, image in results.items() if image is not None}
    window = window or _chosen(row, hr, list(there.values()))
    _check_window(row, window, hr)
    shown = []
    for method in methods:
        bound = any(run.upper_bound for (name, _), run in runs.items() if name == method)
        if method in there:
            numbers = measure_crop(there[method], hr, window, options.protocol)
            shown.append(Shown(method_name(method), there[method], *numbers, ranked=not bound))
        else:
            shown.append(Shown(method_name(method), ranked=not bound))
    return CropRow(f"{row.image}, {cell_name(row.kind, row.scale)}", lr, hr, window, shown)


def _read(hashes: Hashes, path: str, sha256: str | None, step: str) -> "Image":
    from ikebench.images import read_image

    if not hashes.is_intact(path, sha256):
        raise UserError(f"{path} is missing or has been changed since it was written: {step} again")
    return read_image(hashes.root / path)


def _result(hashes: Hashes, row: DataRow, run: RunRow | None, hr: "Image") -> "Image | None":
    """Read a result; None where there is none, or it is of an LR image that has been made anew since."""
    if run is None or run.status != "ok" or run.sr_path is None:
        return None
    if run.lr_sha256 != row.lr_sha256:
        say(f"{run.sr_path} is of an LR image that has been made anew since: left out; run again")
        return None
    sr = _read(hashes, run.sr_path, run.sr_sha256, "run")
    if sr.shape != hr.shape:
        raise UserError(f"{run.sr_path} is {sr.shape[1]}x{sr.shape[0]}, the HR {hr.shape[1]}x{hr.shape[0]}: run again")
    return sr


def _chosen(row: DataRow, hr: "Image", results: Sequence["Image"]) -> Window:
    """Choose the crop in which the methods differ most; one method alone is held against HR."""
    from ikebench.scoring.crops import SMALLEST

    if not results:
        raise UserError(f"{row.image}: no current result to show; run again, or leave it out of --images")
    least = -(-SMALLEST // row.scale) * row.scale
    side = max(min(CROP_SIDE, min(hr.shape[:2]) // 2), least)
    border = max(protocol.border(row.scale) for protocol in PROTOCOLS.values())
    return most_different(results if len(results) > 1 else [*results, hr], side, row.scale, border)


def _check_window(row: DataRow, window: Window, hr: "Image") -> None:
    from ikebench.scoring.crops import SMALLEST

    height, width = hr.shape[:2]
    if window.height < SMALLEST:
        raise UserError(f"--crop {row.image}: a side of {window.height} px; {SMALLEST} or more, or SSIM has no window")
    if window.y + window.height > height or window.x + window.height > width:
        raise UserError(
            f"--crop {row.image}:{window.y},{window.x},{window.height} reaches out of the image: "
            f"{height} px high, {width} px wide"
        )


def _caption(options: FigureOptions, rows: Sequence[CropRow], runs: Runs, chosen: Sequence[int]) -> list[str]:
    """Say what a caption must: which crops and how chosen, what was measured, and what was trained too little."""
    crops = "; ".join(f"{row.title}: {row.window.y},{row.window.x},{row.window.height}" for row in rows)
    lines = [f"Crops (y,x,size in HR px): {crops}."]
    if chosen:
        lines.append(METHOD.format(side=" or ".join(map(str, sorted(set(chosen))))))
    channels = {"rgb": "RGB", "y": "luma (Y of BT.601)"}[PROTOCOLS[options.protocol].channels]
    lines.append(f"PSNR (dB) and SSIM of the crop, {channels}, no border shaved; seed {options.seed}.")
    short = {
        method_name(run.method): f"{run.iterations} of {run.paper_iterations}"
        for run in runs.values()
        if run.iterations is not None and run.iterations < (run.paper_iterations or 0)
    }
    if short:
        trained = ", ".join(f"{name} {iterations}" for name, iterations in short.items())
        lines.append(f"Trained for fewer iterations than in the paper: {trained}.")
    return lines
