"""The list of paired differences against one reference: a row for each method, a column for each cell."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from reports.cells import in_columns
from reports.comparison import CELL
from reports.footnotes import PARTIAL
from reports.listings import Listing, signed
from reports.naming import method_name
from reports.tables import DASH

ABOUT = (
    "PSNR minus that of {reference} in dB, image by image: mean [95 % interval, bootstrap; none below 5 images]"
    "{p}; n images where they are not {n}. All pairs are in paired.csv (report --format csv)."
)
ABOUT_P = (
    ", and p of the two-sided Wilcoxon signed-rank test, Holm-corrected over the methods of a cell, none below 6 images"
)


def paired_listings(
    differences: pd.DataFrame, summary: pd.DataFrame, reference: str, scores: pd.DataFrame
) -> list[Listing]:
    """Make one list of the differences from `reference` for each set.

    Args:
        differences: as `reports.results.Results.against_reference`.
        summary: of the same scores.
        reference: the method that the others are held against.
        scores: seconds per image are from them, where they have some.
    """
    partial = summary.loc[summary["partial"], [*CELL, "method"]].drop_duplicates()
    differences = differences.merge(partial.assign(partial=True), how="left", on=[*CELL, "method"])
    seconds = scores.reindex(columns=["set", "method", "seconds"]).groupby(["set", "method"], observed=True)["seconds"]
    costs = seconds.mean().to_dict()
    return [
        _listing(str(set_name), of_set, reference, costs)
        for set_name, of_set in differences.groupby("set", observed=True)
    ]


def _listing(set_name: str, of_set: pd.DataFrame, reference: str, costs: dict[Any, float]) -> Listing:
    usual = int(of_set["n"].mode().iloc[-1])
    partial, bounds = (set(of_set.loc[of_set[name].eq(True), "method"]) for name in ("partial", "upper_bound"))
    cells, found = in_columns(of_set, ["method"], lambda row: _text(row, usual))
    rows = [
        (
            method_name(row["method"])
            + PARTIAL * (row["method"] in partial)
            + ", upper bound" * (row["method"] in bounds),
            *texts,
            _seconds(costs.get((set_name, row["method"]), math.nan)),
        )
        for row, texts in found
    ]
    about = ABOUT.format(reference=method_name(reference), n=usual, p=ABOUT_P * bool(of_set["p_holm"].notna().any()))
    about += f" {PARTIAL} fewer iterations than the paper trains." * bool(partial)
    header = ("Method", *cells, "s/image")
    title = f"{set_name}, against {method_name(reference)}"
    return Listing(title, header, "l" + "r" * (len(cells) + 1), tuple(rows), about)


def _text(row: dict[str, Any], usual: int) -> str:
    """Print one comparison: `+0.352 [+0.100, +0.610], p 0.031, n 4`."""
    mean, p = row["mean_difference"], row["p_holm"]
    parts = [DASH if math.isnan(mean) else signed(mean)]
    if not math.isnan(row["low"]):
        parts[0] += f" [{signed(row['low'])}, {signed(row['high'])}]"
    parts += [] if math.isnan(p) else ["p < 0.001" if p < 0.001 else f"p {p:.3f}"]
    parts += [f"n {row['n']}"] * (row["n"] != usual) + [f"{row['n_infinite']} infinite left out"] * bool(
        row["n_infinite"]
    )
    return ", ".join(parts)


def _seconds(value: float) -> str:
    return DASH if math.isnan(value) else f"{value:.3g}"
