"""Variants and methods of one's own: the paper's ablation beside its published rows, and all against bicubic."""

from __future__ import annotations

import math
from functools import cache
from importlib import resources

import numpy as np
import pandas as pd

from reports import markdown
from reports.comparison import CELL
from reports.listings import Listing
from reports.naming import METHODS, cell_name, kind_order, method_name
from reports.statistics import bootstrap_interval
from reports.summary import image_scores, protocol_runs
from reports.tables import DASH

KIND, SCALE = "track2", 2
REGISTERED, REFERENCE = "psnr_registered", "bicubic"

ABOUT_ABLATION = (
    "Published: the IKE authors' page, over DIV2K's 100 validation images and the official LR files. Measured: "
    "protocol {protocol}, means over the n images that all rows here restored, {iterations} iterations{partial}. "
    "Step: PSNR in dB of the row minus that of the row above; interval: 95 %, bootstrap over images, none below 5."
)
ABOUT_SCREENING = (
    "Registered PSNR in dB (the shift undone) minus that of bicubic on the same LR image, best mean first. Means over "
    "images; Mean and n: over all LR images that both have. Interval: 95 %, bootstrap over images (an image's kinds "
    "averaged first), none below 5."
)


@cache
def _ablation_csv() -> pd.DataFrame:
    with resources.files("reports").joinpath("ablation.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file)


def published_ablation() -> pd.DataFrame:
    """Read the ablation that the IKE authors published: row, method, part, scale, psnr (dB), ssim, source."""
    return _ablation_csv().copy()


def variant_listings(scores: pd.DataFrame, protocol: str = "ike") -> list[Listing]:
    """Make the list of the ablation, and that of other variants, of every set that has some.

    Raises ValueError for an unknown protocol, no rows, or a missing column.
    """
    listings = []
    for set_name, of_set in scores.groupby("set", observed=True):
        listings += [*_ablation(str(set_name), of_set, protocol), *_screening(str(set_name), of_set)]
    return listings


def variant_sections(scores: pd.DataFrame, protocol: str = "ike") -> list[str]:
    """Render the lists of variants as Markdown for a terminal."""
    return [markdown.listing(content) for content in variant_listings(scores, protocol)]


def _ablation(set_name: str, scores: pd.DataFrame, protocol: str) -> list[Listing]:
    rows = published_ablation()
    cell = scores[scores["kind"].eq(KIND) & scores["scale"].eq(SCALE) & scores["method"].isin(rows["method"])]
    if not set(cell["method"]) - set(METHODS):
        return []
    images = image_scores(cell, protocol)
    images = images[np.isfinite(images["psnr"].astype(float))]
    complete = images.groupby("image", observed=True)["method"].nunique() == cell["method"].nunique()
    images = images[images["image"].isin(complete[complete].index)]
    psnr, ssim = (images.pivot(index="image", columns="method", values=name) for name in ("psnr", "ssim"))
    runs = protocol_runs(cell, protocol)
    fewer = bool((runs["iterations"] < runs["paper_iterations"]).any())
    about = ABOUT_ABLATION.format(
        protocol=protocol,
        iterations=" to ".join(map(str, dict.fromkeys((runs["iterations"].min(), runs["iterations"].max())))),
        partial=", fewer than the paper trains" * fewer,
    )
    header = ("Row", "Published PSNR", "SSIM", "Step", "Measured PSNR", "SSIM", "Step", "95 % interval", "n")
    records = rows.assign(above=rows["method"].shift(), step=rows["psnr"].diff()).to_dict("records")
    texts = tuple(
        (
            str(row["part"]),
            *_numbers(row["psnr"], row["ssim"]),
            _signed(row["step"]),
            *_measured(row["method"], psnr, ssim),
            *_step(row["method"], row["above"], psnr),
            str(len(psnr)) if row["method"] in psnr else DASH,
        )
        for row in records
    )
    return [Listing(f"{set_name}: the ablation of IKE, Track 2 ×2", header, "lrrrrrrrr", texts, about)]


def _measured(method: str, psnr: pd.DataFrame, ssim: pd.DataFrame) -> tuple[str, str]:
    return _numbers(psnr[method].mean(), ssim[method].mean()) if method in psnr else (DASH, DASH)


def _step(method: str, above: object, psnr: pd.DataFrame) -> tuple[str, str]:
    """Print the mean difference to the row above, and its interval."""
    if method not in psnr or above not in psnr:
        return DASH, DASH
    differences = (psnr[method] - psnr[above]).to_numpy(dtype=float)
    return _signed(float(differences.mean())), _interval(differences)


def _numbers(psnr: float, ssim: float) -> tuple[str, str]:
    return f"{psnr:.3f}", f"{ssim:.4f}"


def _signed(value: float) -> str:
    return DASH if math.isnan(value) else f"{value:+.3f}"


def _interval(differences: np.ndarray) -> str:
    low, high = bootstrap_interval(differences)
    return DASH if math.isnan(low) else f"{_signed(low)} to {_signed(high)}"


def _screening(set_name: str, scores: pd.DataFrame) -> list[Listing]:
    """List every method's registered PSNR against bicubic's, where some have other names than the paper's methods."""
    others = set(scores["method"]) - set(METHODS) - set(published_ablation()["method"])
    if not others or REGISTERED not in scores or REFERENCE not in set(scores["method"]):
        return []
    values = scores.assign(**{REGISTERED: scores[REGISTERED].astype(float).replace(np.inf, np.nan)})
    table = values.pivot_table(index=["image", "kind", "scale"], columns="method", values=REGISTERED, observed=True)
    if REFERENCE not in table:
        return []
    gains = table.drop(columns=REFERENCE).sub(table[REFERENCE], axis=0)
    cells = gains.groupby(CELL[1:], observed=True).mean()
    cells = cells.loc[sorted(cells.index, key=lambda cell: (kind_order(cell[0]), cell[1]))]
    order = gains.mean().sort_values(ascending=False, kind="stable").index
    rows = tuple(
        (
            method_name(method),
            *map(_signed, cells[method]),
            _signed(gains[method].mean()),
            _interval(gains[method].groupby("image", observed=True).mean().dropna().to_numpy()),
            str(gains[method].count()),
        )
        for method in order
    )
    header = ("Method", *(cell_name(*cell) for cell in cells.index), "Mean", "95 % interval", "n")
    align = "l" + "r" * (len(header) - 1)
    return [Listing(f"{set_name}: with the shift undone, against bicubic", header, align, rows, ABOUT_SCREENING)]
