"""The plain lists of a report: paired differences, alignment, kernels and failures."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from reports.comparison import CELL
from reports.footnotes import PARTIAL
from reports.naming import cell_name, kind_order, method_name, method_order, without_folders
from reports.summary import failures
from reports.tables import DASH


@dataclass(frozen=True)
class Listing:
    """A titled list; `align` has one letter per column, l or r. Texts are plain, renderers escape them."""

    title: str
    header: tuple[str, ...]
    align: str
    rows: tuple[tuple[str, ...], ...]
    about: str


NAMED = 3  # images of a failure that are named
ABOUT_PAIRS = (
    "PSNR minus that of {reference} in dB, image by image. Interval: 95 %, bootstrap of the mean; "
    "none below 5 images. p: two-sided Wilcoxon signed-rank, Holm-corrected over the methods of a cell; "
    "none below 6 images or where all differences are 0. All other pairs are in paired.csv (report --format csv)."
)


def in_order(rows: pd.DataFrame) -> list[dict[Hashable, Any]]:
    """Sort rows by set, kind (the paper's order), scale and method; stable within."""
    ranked = rows.assign(_kind=_places(rows["kind"], kind_order), _method=_places(rows["method"], method_order))
    return ranked.sort_values(["set", "_kind", "scale", "_method"], kind="stable").to_dict("records")


def _places(names: pd.Series[str], order: Callable[[str], tuple[int, str]]) -> pd.Series[int]:
    """Give each name the number of its place in an order."""
    place = {name: index for index, name in enumerate(sorted(names.unique(), key=order))}
    return names.map(place).astype(int)


def signed(value: float, decimals: int = 3) -> str:
    """Print a difference with its sign, a dash for NaN."""
    return DASH if math.isnan(value) else f"{value:+.{decimals}f}"


def _p_text(p: float) -> str:
    if math.isnan(p):
        return DASH
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def paired_listings(
    differences: pd.DataFrame, summary: pd.DataFrame, reference: str, scores: pd.DataFrame
) -> list[Listing]:
    """Make one list of the differences from `reference` for each set; `differences` as of `Results.against_reference`.

    `summary` is that of the same scores; `s/image` the mean seconds of a method, where the scores have them.
    """
    partial = set(summary[summary["partial"]][[*CELL, "method"]].itertuples(index=False, name=None))
    header = ("Cell", "Method", "n", "Mean (dB)", "95 % interval", "p (Holm)", "s/image")
    seconds = scores.reindex(columns=[*CELL, "method", "seconds"]).groupby([*CELL, "method"], observed=True)["seconds"]
    cost = seconds.mean().to_dict()
    listings = []
    for set_name, of_set in differences.groupby("set", observed=True):
        rows = tuple(_paired_row(row, partial, cost) for row in in_order(of_set))
        about = ABOUT_PAIRS.format(reference=method_name(reference))
        if any(PARTIAL in row[1] for row in rows):
            about += f" {PARTIAL} fewer iterations than the paper trains."
        listings.append(Listing(f"{set_name}, against {method_name(reference)}", header, "llrrrrr", rows, about))
    return listings


def _paired_row(row: dict[Hashable, Any], partial: set[tuple], cost: dict[Hashable, float]) -> tuple[str, ...]:
    """Print one comparison; `partial` holds the (set, kind, scale, method) trained for too few iterations."""
    case = (row["set"], row["kind"], row["scale"], row["method"])
    return (
        cell_name(row["kind"], row["scale"]),
        method_name(row["method"]) + PARTIAL * (case in partial) + ", upper bound" * row["upper_bound"],
        f"{row['n']} ({row['n_infinite']} infinite left out)" if row["n_infinite"] else str(row["n"]),
        signed(row["mean_difference"]),
        DASH if math.isnan(row["low"]) else f"{signed(row['low'])} to {signed(row['high'])}",
        _p_text(row["p_holm"]),
        DASH if math.isnan(cost.get(case, math.nan)) else f"{cost[case]:.3g}",
    )


def kernel_listing(scores: pd.DataFrame) -> Listing:
    """List the mean PSNR of the kernels that methods estimated, where the true ones are known."""
    rows: tuple[tuple[str, ...], ...] = ()
    if "kernel_psnr" in scores:
        known = scores[scores["kernel_psnr"].notna()]
        groups = known.groupby([*CELL, "method"], observed=True)["kernel_psnr"].agg(["mean", "count"]).reset_index()
        rows = tuple(
            (
                str(row["set"]),
                cell_name(row["kind"], row["scale"]),
                method_name(row["method"]),
                str(row["count"]),
                f"{row['mean']:.2f}",
            )
            for row in in_order(groups)
        )
    about = "PSNR of the estimated kernels against the true ones in dB, centres of mass aligned; means over images."
    header = ("Set", "Cell", "Method", "n", "Kernel PSNR")
    return Listing("Kernels", header, "lllrr", rows, about)


def failure_listing(scores: pd.DataFrame, protocol: str) -> Listing:
    """List the reasons of runs without a score, the commonest first, and where each occurred.

    Errors that differ in numbers, names of images or folders alone are one reason, in the words of the first.
    """
    failed = failures(scores, protocol)
    reasons: dict[str, list[dict[Hashable, Any]]] = {}
    for row in in_order(failed.assign(error=failed["error"].map(without_folders))):
        without_image = re.sub(rf"(?<!\w){re.escape(str(row['image']))}(?!\w)", "", str(row["error"]))
        reasons.setdefault(re.sub(r"\d+", "0", without_image), []).append(row)
    rows = tuple(
        (str(len(runs)), str(runs[0]["error"]), _where(runs))
        for runs in sorted(reasons.values(), key=len, reverse=True)
    )
    about = f"{len(failed) or 'None'} of {len(scores)} runs failed."
    if len(rows) < len(failed):
        about += " Errors that differ in numbers or images alone are one reason, in the words of the first."
    return Listing("Failures", ("Runs", "Reason", "Where"), "rll", rows, about)


def _where(runs: list[dict[Hashable, Any]]) -> str:
    """Name the methods and cells of failed runs, and their images: `IKE, set5 Median ×2: a, b, c and 2 more`."""
    images: dict[str, dict[str, None]] = {}
    for row in runs:
        place = f"{method_name(row['method'])}, {row['set']} {cell_name(row['kind'], row['scale'])}"
        images.setdefault(place, {})[str(row["image"])] = None
    places = [f"{place}: {_first(list(names))}" for place, names in images.items()]
    return "; ".join(places)


def _first(names: list[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")
