"""Paper against measured: the difference in every cell, and whether the paper's order of methods holds there."""

from __future__ import annotations

from functools import partial
from itertools import combinations
from typing import Any

import pandas as pd

from reports.cells import in_columns
from reports.comparison import cells_of
from reports.footnotes import PARTIAL, changes
from reports.listings import Listing, signed
from reports.naming import cell_name, method_name, method_order
from reports.pairs import Difference, Differences
from reports.results import Results
from reports.sections import Section
from reports.tables import DASH, PAPER_PROTOCOL, about_images, published

ORDER_HEADER = ("Cell", "Order in the paper", "Holds", "Reversed", "Not told apart")
DECIMALS = {"psnr": 3, "ssim": 4}
ABOUT_ORDER = (
    "Every two methods of a cell by PSNR, the paper's better one first. Holds, reversed: the whole 95 % interval of "
    "the mean difference measured here is above or below 0; not told apart: it spans 0, or there are too few images. "
    "Closest: the pair whose interval comes nearest to 0."
)


def section(results: Results) -> Section | None:
    """Compare where the protocol is that of the paper and some cell is in it; None where there is nothing."""
    if results.protocol != PAPER_PROTOCOL:
        return None
    listings = []
    for set_name, of_set in results.summary.groupby("set", observed=True):
        paired = beside_paper(of_set)
        if paired.empty:
            continue
        title = str(set_name)
        runs = results.scores[results.scores["set"] == set_name]
        about = about_images(set(runs["image"].astype(str)), of_set, changes(_of_rows(runs, paired)))
        listings.append(_difference_listing(f"{title}: difference", paired, about))
        if orders := _orders(paired, results.differences):
            listings.append(Listing(f"{title}: order of methods", ORDER_HEADER, "lllll", orders, ABOUT_ORDER))
    return Section("Paper against measured", listings=tuple(listings)) if listings else None


def _of_rows(runs: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Take the runs that rows of a summary are of."""
    return runs.merge(rows[["kind", "scale", "method"]].astype({"kind": str, "method": str}))


def beside_paper(summary: pd.DataFrame) -> pd.DataFrame:
    """Join a summary with the published numbers of the same kind, scale and method, in the order of the tables.

    Returns the rows that have both, upper bounds and cells without a score left out, with the columns psnr_published
    and ssim_published.
    """
    paper = published().rename(columns={"degradation": "kind"}).drop(columns="table")
    both = summary[~summary["upper_bound"] & summary["psnr"].notna()].merge(
        paper, on=["kind", "scale", "method"], suffixes=("", "_published")
    )
    cells = [rows.sort_values("method", key=lambda names: names.map(method_order)) for rows in cells_of(both).values()]
    return pd.concat(cells) if cells else both


def _difference_listing(title: str, paired: pd.DataFrame, about: str) -> Listing:
    """List what was published, what was measured and the difference: PSNR and SSIM of a method under each other."""
    rows: list[tuple[str, ...]] = []
    by_metric = [in_columns(paired, ["method"], partial(_text, metric)) for metric in DECIMALS]
    for of_method in zip(*(found for _, found in by_metric), strict=True):
        for metric, (row, texts) in zip(DECIMALS, of_method, strict=True):
            name = method_name(row["method"]) + PARTIAL * bool(row["partial"]) if metric == "psnr" else ""
            rows.append((name, metric.upper(), *texts))
    cells = by_metric[0][0]
    about = f"Published → measured here (difference). {about}"
    return Listing(title, ("Method", "", *cells), "ll" + "r" * len(cells), tuple(rows), about)


def _text(metric: str, row: dict[str, Any]) -> str:
    ours, theirs, decimals = row[metric], row[f"{metric}_published"], DECIMALS[metric]
    return f"{theirs:.{decimals}f} → {ours:.{decimals}f} ({signed(ours - theirs, decimals)})"


def _orders(paired: pd.DataFrame, differences: dict[tuple[str, str, int], Differences]) -> tuple[tuple[str, ...], ...]:
    """Make one row for each cell with two published methods or more."""
    rows = []
    for key, of_cell in cells_of(paired).items():
        if len(of_cell) < 2:
            continue
        order = list(of_cell.sort_values("psnr_published", ascending=False, kind="stable")["method"])
        found = order_of_pairs(order, differences.get(key, {}))
        reversed_, open_ = (
            "; ".join(_words(pair) for pair in found if pair[2].sign in signs) for signs in ((-1,), (0, None))
        )
        names = " > ".join(map(method_name, order))
        rows.append((cell_name(*key[1:]), names, _holding(found), reversed_ or DASH, open_ or DASH))
    return tuple(rows)


def order_of_pairs(order: list[str], differences: Differences) -> list[tuple[str, str, Difference]]:
    """List (better, worse, measured difference) for every two methods of an order that have an image in common."""
    return [(*pair, differences[pair]) for pair in combinations(order, 2) if pair in differences]


def _holding(found: list[tuple[str, str, Difference]]) -> str:
    """Count the pairs whose order holds, and print the one whose interval comes closest to 0."""
    holding = [pair for pair in found if pair[2].sign == 1]
    count = f"{len(holding)} of {len(found)}"
    return f"{count}, closest {_words(min(holding, key=lambda pair: pair[2].low))}" if holding else count


def _words(pair: tuple[str, str, Difference]) -> str:
    better, worse, difference = pair
    interval = "" if difference.sign is None else f" [{difference.low:+.2f}, {difference.high:+.2f}]"
    return f"{method_name(better)} − {method_name(worse)} {difference.mean:+.2f}{interval}"
