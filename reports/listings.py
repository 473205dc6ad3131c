"""The plain lists of a report: paired differences, failures, and what methods noted."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from reports.comparison import CELL
from reports.footnotes import PARTIAL
from reports.naming import cell_name, kind_order, method_name, method_order
from reports.statistics import paired_differences
from reports.summary import failures, notes
from reports.tables import DASH


@dataclass(frozen=True)
class Listing:
    """A titled list; `align` has one letter per column, l or r. Texts are plain, renderers escape them."""

    title: str
    header: tuple[str, ...]
    align: str
    rows: tuple[tuple[str, ...], ...]
    about: str


ABOUT_PAIRS = (
    "Difference of PSNR in dB, image by image (first minus second). Interval: 95 %, bootstrap of the mean; "
    "none below 5 images. p: two-sided Wilcoxon signed-rank, Holm-corrected over the comparisons of a cell; "
    "none below 6 images or where all differences are 0."
)


def _in_order(rows: pd.DataFrame) -> list[dict[Hashable, Any]]:
    """Sort rows by set, kind (the paper's order), scale and method; stable within."""
    ranked = rows.assign(_kind=_places(rows["kind"], kind_order), _method=_places(rows["method"], method_order))
    return ranked.sort_values(["set", "_kind", "scale", "_method"], kind="stable").to_dict("records")


def _places(names: pd.Series[str], order: Callable[[str], tuple[int, str]]) -> pd.Series[int]:
    """Give each name the number of its place in an order."""
    place = {name: index for index, name in enumerate(sorted(names.unique(), key=order))}
    return names.map(place).astype(int)


def _signed(value: float) -> str:
    return DASH if math.isnan(value) else f"{value:+.3f}"


def _p_text(p: float) -> str:
    if math.isnan(p):
        return DASH
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def paired_listings(scores: pd.DataFrame, summary: pd.DataFrame, protocol: str) -> list[Listing]:
    """Make one list of paired differences for each set with at least two methods in some cell.

    `summary` is that of the scores under the protocol.
    """
    partial = set(summary[summary["partial"]][[*CELL, "method"]].itertuples(index=False, name=None))
    header = ("Cell", "Comparison", "n", "Mean (dB)", "95 % interval", "p (Holm)")
    listings = []
    for set_name, of_set in paired_differences(scores, protocol).groupby("set", observed=True):
        rows = tuple(_paired_row(row, partial) for row in _in_order(of_set))
        marked = any(PARTIAL in row[1] for row in rows)
        about = ABOUT_PAIRS + f" {PARTIAL} fewer iterations than the paper trains." * marked
        listings.append(Listing(str(set_name), header, "llrrrr", rows, about))
    return listings


def _paired_row(row: dict[Hashable, Any], partial: set[tuple]) -> tuple[str, ...]:
    """Print one comparison; `partial` holds the (set, kind, scale, method) trained for too few iterations."""
    cell = (row["set"], row["kind"], row["scale"])
    names = [
        method_name(method) + PARTIAL * ((*cell, method) in partial) for method in (row["method"], row["reference"])
    ]
    return (
        cell_name(row["kind"], row["scale"]),
        " − ".join(names),
        f"{row['n']} ({row['n_infinite']} infinite left out)" if row["n_infinite"] else str(row["n"]),
        _signed(row["mean_difference"]),
        DASH if math.isnan(row["low"]) else f"{_signed(row['low'])} to {_signed(row['high'])}",
        _p_text(row["p_holm"]),
    )


def alignment_listing(scores: pd.DataFrame) -> Listing:
    """List the mean shift of every method's images against HR, and the PSNR with it undone (where scores have them)."""
    measures = ["shift_y", "shift_x", "psnr_registered"]
    rows: tuple[tuple[str, ...], ...] = ()
    if set(measures) <= set(scores):
        values = scores[measures].astype(float)
        perfect = np.isposinf(values["psnr_registered"])
        values["psnr_registered"] = values["psnr_registered"].mask(perfect)
        grouped = values.assign(perfect=perfect).groupby([scores[name] for name in (*CELL, "method")], observed=True)
        means = grouped[measures].mean().assign(perfect=grouped["perfect"].sum()).reset_index()
        rows = tuple(
            (
                str(row["set"]),
                cell_name(row["kind"], row["scale"]),
                method_name(row["method"]),
                *(DASH if math.isnan(row[name]) else f"{row[name]:+.2f}" for name in measures[:2]),
                _registered_text(row["psnr_registered"], row["perfect"]),
            )
            for row in _in_order(means)
        )
    about = (
        "Estimated shift of the SR images against HR in HR pixels (positive: further down or right), and what "
        "they would score without it: RGB PSNR in dB, 6 + s pixels shaved. Means over images, in no table above."
    )
    header = ("Set", "Cell", "Method", "Shift y", "Shift x", "Registered PSNR")
    return Listing("Alignment", header, "lllrrr", rows, about if rows else "The scores carry no shifts.")


def _registered_text(psnr: float, perfect: int) -> str:
    """Print a mean of finite values, and how many infinite ones it leaves out; ∞ where there are no others."""
    if math.isnan(psnr):
        return "∞" if perfect else DASH
    return f"{psnr:.3f} ({perfect} infinite left out)" if perfect else f"{psnr:.3f}"


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
            for row in _in_order(groups)
        )
    about = "PSNR of the estimated kernels against the true ones in dB, centres of mass aligned; means over images."
    header = ("Set", "Cell", "Method", "n", "Kernel PSNR")
    return Listing("Kernels", header, "lllrr", rows, about)


def failure_listing(scores: pd.DataFrame, protocol: str) -> Listing:
    """List every run without a score, with its error text."""
    rows = tuple(
        (
            str(row["set"]),
            cell_name(row["kind"], row["scale"]),
            method_name(row["method"]),
            str(row["image"]),
            str(row["seed"]),
            str(row["error"]),
        )
        for row in _in_order(failures(scores, protocol))
    )
    about = f"{len(rows) or 'None'} of {len(scores)} runs failed."
    return Listing("Failures", ("Set", "Cell", "Method", "Image", "Seed", "Error"), "llllrl", rows, about)


def note_listing(scores: pd.DataFrame, protocol: str) -> Listing:
    """List what methods noted about their runs, and on how many."""
    noted = notes(scores, protocol).to_dict("records")
    rows = tuple((str(row["set"]), method_name(row["method"]), str(row["runs"]), str(row["note"])) for row in noted)
    about = "What the methods noted about their runs." if rows else "No run carries a note."
    return Listing("Notes", ("Set", "Method", "Runs", "Note"), "llrl", rows, about)
