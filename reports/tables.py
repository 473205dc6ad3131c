"""The paper's Tables 2 and 3 (and one for all other degradations) as plain data, ready for any renderer."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import pandas as pd

from reports.footnotes import PARTIAL, PERFECT, by_method, footnotes, grouped, span
from reports.naming import kind_name, kind_order, method_name, method_order
from reports.protocols import PROTOCOLS
from reports.summary import summarise

DASH = "–"
PAPER_SCALES = (2, 4)
PAPER_PROTOCOL = "ike"  # under which the release scores; the paper names none
DIV2K_VALIDATION = {f"{number:04d}" for number in range(801, 901)}

Stats = dict[tuple[str, int, str], dict[Hashable, Any]]  # (kind, scale, method) -> numbers


@dataclass(frozen=True)
class Cell:
    """One printed number (a dash where there is none) and its rank: 1 best, 2 second best, 0 neither.

    `spread` is the standard deviation over seeds, empty where there are not several.
    """

    text: str
    rank: int = 0
    spread: str = ""

    @property
    def full(self) -> str:
        """The number with its spread: `25.100 ± 0.02`."""
        return f"{self.text} ± {self.spread}" if self.spread else self.text


@dataclass(frozen=True)
class Row:
    """A method's measured or published numbers: PSNR and SSIM for every kind and scale of the block."""

    name: str  # display name and marks; "published" for the paper's row, which follows the measured one
    published: bool
    upper_bound: bool  # knows the truth: shown in gray
    cells: tuple[Cell, ...]
    n_scored: str
    n_failed: str


@dataclass(frozen=True)
class Block:
    """Rows under one header: `kinds` (display names), each at all `scales`."""

    kinds: tuple[str, ...]
    scales: tuple[int, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Table:
    """One table of one set; texts are plain, renderers escape them.

    `counts` says whether the counts of the rows are worth columns; where all are the same, the caption says them.
    """

    key: str  # table2, table3 or other
    set_name: str
    title: str
    caption: str
    upscale: str  # the paper's words before a scale
    blocks: tuple[Block, ...]
    footnotes: tuple[str, ...]
    counts: bool = True


@dataclass(frozen=True)
class Scope:
    """Which kinds and scales a table shows; `number` is the paper's table, None where it has none."""

    key: str
    number: int | None
    title: str
    upscale: str
    kinds: tuple[str, ...]
    scales: tuple[int, ...] = PAPER_SCALES


TABLE2 = Scope("table2", 2, "Track 2 (as Table 2 of the IKE paper)", "Upscaling by", ("track2",))
TABLE3 = Scope(
    "table3",
    3,
    "Non-linear degradations (as Table 3 of the IKE paper)",
    "Upscale by",
    ("bilateral", "median", "anisotropic", "random"),
)


NO_PARAMETERS = "The paper prints no parameters of its degradations, so its LR images also differ from these."


@cache
def _paper_csv() -> pd.DataFrame:
    with resources.files("reports").joinpath("paper.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file)


def published() -> pd.DataFrame:
    """Read Tables 2 and 3 of the IKE paper: table, degradation, scale, method, psnr (dB), ssim."""
    return _paper_csv().copy()


def build_tables(
    scores: pd.DataFrame, protocol: str = "ike", cells_per_block: int = 4, summary: pd.DataFrame | None = None
) -> list[Table]:
    """Build the tables of every set, in the order of sets, then table2, table3, other; only what ran.

    A block has `cells_per_block` kinds and scales side by side, or the scales of one kind.
    `summary` is that of the scores under the protocol, where it has been made already.

    Raises ValueError for an unknown protocol, no rows, or a missing column.
    """
    summary = summarise(scores, protocol) if summary is None else summary
    scores_of = dict(iter(scores.groupby("set", observed=True)))
    tables = []
    for set_name, rows in summary.groupby("set", observed=True):
        tables += [_table(scope, rows, scores_of[set_name], protocol, cells_per_block) for scope in _scopes(rows)]
    return tables


def _scopes(rows: pd.DataFrame) -> list[Scope]:
    """Choose the tables one set needs; what the paper's tables have no place for goes to the other table."""
    at_paper_scale = rows["scale"].isin(PAPER_SCALES)
    scopes = [scope for scope in (TABLE2, TABLE3) if (rows["kind"].isin(scope.kinds) & at_paper_scale).any()]
    rest = rows[~(rows["kind"].isin(TABLE2.kinds + TABLE3.kinds) & at_paper_scale)]
    if not rest.empty:
        kinds = tuple(sorted(rest["kind"].unique(), key=kind_order))
        scales = tuple(sorted(int(scale) for scale in rest["scale"].unique()))
        scopes.append(Scope("other", None, "Other degradations", "Upscale by", kinds, scales))
    return scopes


def _table(scope: Scope, rows: pd.DataFrame, scores: pd.DataFrame, protocol: str, cells_per_block: int) -> Table:
    rows = rows[rows["kind"].isin(scope.kinds) & rows["scale"].isin(scope.scales)]
    shown = scores[scores["kind"].isin(scope.kinds) & scores["scale"].isin(scope.scales)]
    set_name = str(rows["set"].iloc[0])
    return Table(
        key=scope.key,
        set_name=set_name,
        title=scope.title,
        caption=_caption(scope, set_name, rows, set(shown["image"].astype(str)), protocol),
        upscale=scope.upscale,
        blocks=tuple(_block(scope, *columns, rows, protocol) for columns in _columns(scope, rows, cells_per_block)),
        footnotes=footnotes(rows, shown),
        counts=_counts_differ(rows),
    )


def _columns(scope: Scope, rows: pd.DataFrame, cells_per_block: int) -> list[tuple[tuple[str, ...], tuple[int, ...]]]:
    """Lay the kinds and scales that ran out in blocks: neighbouring kinds share one if they ran at the same scales."""
    ran = set(zip(rows["kind"], rows["scale"], strict=True))
    blocks: list[tuple[tuple[str, ...], tuple[int, ...]]] = []
    for kind in scope.kinds:
        scales = tuple(scale for scale in scope.scales if (kind, scale) in ran)
        if blocks and blocks[-1][1] == scales and (len(blocks[-1][0]) + 1) * len(scales) <= cells_per_block:
            blocks[-1] = ((*blocks[-1][0], kind), scales)
        elif scales:
            blocks.append(((kind,), scales))
    return blocks


def _block(scope: Scope, kinds: tuple[str, ...], scales: tuple[int, ...], rows: pd.DataFrame, protocol: str) -> Block:
    columns = [(kind, scale) for kind in kinds for scale in scales]
    measured = _numbers(rows, "kind")
    paper = published()
    of_paper = _numbers(paper[(paper["table"] == scope.number) & (protocol == PAPER_PROTOCOL)], "degradation")
    marks = {method: _marks(of_method) for method, of_method in rows.groupby("method", observed=True)}
    ranks = {(*column, metric): _ranks(measured, column, metric) for column in columns for metric in ("psnr", "ssim")}
    block_rows = []
    for method in sorted({key[2] for key in measured if key[:2] in columns}, key=method_order):
        name = method_name(method) + marks.get(method, "")
        block_rows.append(_measured_row(name, method, columns, measured, ranks))
        printed = [of_paper.get((*column, method)) for column in columns]
        if any(printed):
            cells = [Cell(text) for numbers in printed for text in _texts(numbers)]
            block_rows.append(Row("published", True, False, tuple(cells), DASH, DASH))
    names = tuple(kind_name(kind) for kind in kinds) if scope.key != "table2" else ()
    return Block(names, scales, tuple(block_rows))


def _numbers(rows: pd.DataFrame, kind_column: str) -> Stats:
    keys = zip(rows[kind_column], rows["scale"], rows["method"], strict=True)
    return dict(zip(keys, rows.to_dict("records"), strict=True))


def _measured_row(
    name: str, method: str, columns: list[tuple[str, int]], measured: Stats, ranks: dict[tuple, dict[str, int]]
) -> Row:
    found = [measured.get((*column, method)) for column in columns]
    cells = []
    for column, numbers in zip(columns, found, strict=True):
        ranked = bool(numbers and numbers["compared"])
        spread = _spread(numbers)
        for text, metric in zip(_texts(numbers), ("psnr", "ssim"), strict=True):
            rank = ranks[(*column, metric)].get(text, 0) if ranked else 0
            cells.append(Cell(text, rank, spread if metric == "psnr" else ""))
    bound = any(numbers["upper_bound"] for key, numbers in measured.items() if key[2] == method)  # in any block
    return Row(name, False, bound, tuple(cells), _counts(found, _in_mean), _counts(found, lambda n: str(n["n_failed"])))


def _in_mean(numbers: dict[Hashable, Any]) -> str:
    """Say how many images are in the mean, and of how many that are scored, where it is fewer."""
    mean, scored = numbers["n_mean"], numbers["n_scored"]
    return str(scored) if mean == scored else f"{mean} of {scored}"


def _number(value: float, decimals: int) -> str:
    if math.isnan(value):
        return DASH
    return "∞" if math.isinf(value) else f"{value:.{decimals}f}"


def _texts(numbers: dict[Hashable, Any] | None) -> tuple[str, str]:
    """Print PSNR with three decimals and SSIM with four, as in the paper."""
    return (_number(numbers["psnr"], 3), _number(numbers["ssim"], 4)) if numbers else (DASH, DASH)


def _spread(numbers: dict[Hashable, Any] | None) -> str:
    """Print the spread of PSNR over seeds with two decimals; nothing where there is none."""
    return f"{numbers['psnr_spread']:.2f}" if numbers and not math.isnan(numbers["psnr_spread"]) else ""


def _ranks(measured: Stats, column: tuple[str, int], metric: str) -> dict[str, int]:
    """Map a printed number to 1 (best) or 2 (second best); numbers that print alike share a rank.

    Of compared methods alone: of those whose means are over the same images, upper bounds apart.
    """
    cells = [numbers for key, numbers in measured.items() if key[:2] == column and numbers["compared"]]
    texts = [_texts(numbers)[metric == "ssim"] for numbers in cells]
    ordered = sorted(set(texts), key=lambda text: math.inf if text == "∞" else float(text), reverse=True)
    return {text: rank for rank, text in enumerate(ordered[:2], start=1)}


def _counts(found: list[dict[Hashable, Any] | None], count: Callable[[dict[Hashable, Any]], str]) -> str:
    """Print one count where all cells of the row agree, else one per kind and scale, in the order of the columns."""
    counts = [count(numbers) if numbers else DASH for numbers in found]
    distinct = set(counts) - {DASH}
    return next(iter(distinct), DASH) if len(distinct) < 2 else ", ".join(counts)


def _counts_differ(rows: pd.DataFrame) -> bool:
    """Say whether the means of a table are over different numbers of images, or some run failed."""
    n = rows[["n_mean", "n_scored"]].to_numpy()
    return bool((n != n[0, 0]).any() or rows["n_failed"].any())


def _marks(of_method: pd.DataFrame) -> str:
    return PARTIAL * bool(of_method["partial"].any()) + PERFECT * bool(of_method["n_perfect"].any())


def _caption(scope: Scope, set_name: str, rows: pd.DataFrame, images: set[str], protocol: str) -> str:
    sentences = [
        f"Set {set_name}, {len(images)} image{'s' * (len(images) != 1)}.",
        f"Scored on {PROTOCOLS[protocol].words} (protocol {protocol}).",
        _about_training(rows),
        _about_counts(rows),
        _about_seeds(rows),
    ]
    if scope.number is not None and _has_published(rows):
        left_out = (
            f"The numbers of Table {scope.number} of the IKE paper are left out: it names no protocol, and its "
            f"release scores under another ({PAPER_PROTOCOL}: {PROTOCOLS[PAPER_PROTOCOL].words})."
        )
        shown = _about_published(scope.number, complete=_complete(images, rows))
        sentences.append(shown if protocol == PAPER_PROTOCOL else left_out)
    return " ".join(filter(None, sentences))


def _has_published(rows: pd.DataFrame) -> bool:
    """Say whether the paper has a number for some method at its kind and scale."""
    paper = published().rename(columns={"degradation": "kind"})
    return not rows.merge(paper, on=["kind", "scale", "method"]).empty


def _about_training(rows: pd.DataFrame) -> str:
    """Say for how many iterations methods were trained that are not in the footnote about fewer than the paper's."""
    trained = [(name, of_method) for name, of_method in by_method(rows) if of_method["iterations"].notna().any()]
    if not trained:
        return "No method here is trained on these images."
    facts = [
        (name, span(cells["iterations"].min(), cells["iterations_max"].max()))
        for name, cells in trained
        if not cells["partial"].any()
    ]
    words = "; ".join(f"{iterations} ({names})" for iterations, names in grouped(facts).items())
    return f"Iterations: {words}." if facts else ""


def _about_counts(rows: pd.DataFrame) -> str:
    if _counts_differ(rows):
        return "n and failed: images in the mean, and images with a failed run."
    n = int(rows["n_mean"].iloc[0])
    return f"Every mean is over {n} image{'s' * (n != 1)}; no run failed."


def _about_seeds(rows: pd.DataFrame) -> str:
    several = rows[rows["psnr_spread"].notna()]
    if several.empty:
        return ""
    seeds = span(several["n_seeds"].min(), several["n_seeds"].max())
    return f"±: standard deviation over {seeds} seeds of the mean PSNR over the images that all restored."


def _complete(images: set[str], rows: pd.DataFrame) -> bool:
    """Say whether the means are over the images of the paper, all of them."""
    return images == DIV2K_VALIDATION and bool((rows["n_mean"] == len(DIV2K_VALIDATION)).all())


def about_images(images: set[str], rows: pd.DataFrame, changes: Sequence[str] = ()) -> str:
    """Say whether published means can be held against those of `rows`, a summary of one set with these images.

    `changes` are what was not as the defaults have it, a sentence each.
    """
    if _complete(images, rows):
        sentences = ["Published and ours: means over the 100 DIV2K validation images."]
    else:
        sentences = [
            "Published: means over the 100 DIV2K validation images; ours: over other images, so expect a difference."
        ]
    if set(TABLE3.kinds) & set(rows["kind"]):
        sentences.append(NO_PARAMETERS)
    return " ".join([*sentences, *(f"{change}." for change in changes)])


def _about_published(number: int, *, complete: bool) -> str:
    """Say what the published rows are, and whether their means can be held against the measured ones."""
    if complete:
        sentence = f"Published: IKE paper, Table {number}, taken to be over the same 100 DIV2K validation images."
    else:
        sentence = (
            f"Published: IKE paper, Table {number}, means over the 100 DIV2K validation images; "
            "they cannot be compared with the means measured here, which are over other images."
        )
    if number == TABLE3.number:
        sentence += f" {NO_PARAMETERS}"
    return sentence
