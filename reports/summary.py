"""Scores to tidy summaries: one row per set, kind, scale and method."""

from __future__ import annotations

import numpy as np
import pandas as pd

from reports.comparison import CELL, compare_cells
from reports.protocols import PROTOCOLS

KEYS = [*CELL, "method"]  # of a row of the summary
RUN_COLUMNS = [*KEYS, "image", "seed", "iterations", "paper_iterations", "status", "error", "note"]


LEFT_OUT = {"n_infinite": "infinite", "n_missing": "failed", "n_unshared": "not run by all"}
"""Column -> why images of a compared method are in no mean (`reports.comparison`)."""


def check_protocol(protocol: str) -> None:
    """Raise ValueError unless `protocol` is a key of PROTOCOLS."""
    if protocol not in PROTOCOLS:
        raise ValueError(f"unknown protocol {protocol!r}; known: {', '.join(PROTOCOLS)}")


def protocol_runs(scores: pd.DataFrame, protocol: str) -> pd.DataFrame:
    """Take the runs under one protocol: RUN_COLUMNS, upper_bound, psnr, ssim (NaN where not scored), scored (bool).

    A run is scored when its status is `ok` and both numbers are there; every other run counts as failed.

    Raises ValueError for an unknown protocol, no rows, or a missing column.
    """
    check_protocol(protocol)
    if scores.empty:
        raise ValueError("the scores are empty: there is nothing to report")
    psnr, ssim = f"psnr_{protocol}", f"ssim_{protocol}"
    missing = [name for name in [*RUN_COLUMNS, psnr, ssim] if name not in scores]
    if missing:
        raise ValueError(f"the scores lack the columns {', '.join(missing)}")
    runs = scores[RUN_COLUMNS].reset_index(drop=True)
    bound = scores["upper_bound"] if "upper_bound" in scores else pd.Series(False, scores.index)
    runs["upper_bound"] = bound.fillna(False).astype(bool).to_numpy()
    values = scores[[psnr, ssim]].reset_index(drop=True).astype(float)
    scored = runs["status"].eq("ok").astype(bool) & values.notna().all(axis=1)
    for name in ("iterations", "paper_iterations"):
        runs[name] = pd.to_numeric(runs[name]).astype("Int64")
    return runs.assign(psnr=values[psnr].where(scored), ssim=values[ssim].where(scored), scored=scored)


def image_scores(scores: pd.DataFrame, protocol: str = "ike") -> pd.DataFrame:
    """Average over the scored seeds: one row per set, kind, scale, method and image.

    Columns psnr and ssim (NaN where no seed is scored, inf where a seed matches perfectly), scored (some seed has
    a score), failed (some seed has none; both are true where only some seeds failed) and upper_bound.
    """
    runs = protocol_runs(scores, protocol)
    perfect = np.isposinf(runs["psnr"])
    runs = runs.assign(failed=~runs["scored"], perfect=perfect, psnr=runs["psnr"].mask(perfect))
    images = (
        runs.groupby([*CELL, "method", "image"], observed=True)
        .agg(
            psnr=("psnr", "mean"),
            ssim=("ssim", "mean"),
            scored=("scored", "any"),
            failed=("failed", "any"),
            perfect=("perfect", "any"),
            upper_bound=("upper_bound", "any"),
        )
        .reset_index()
    )
    images["psnr"] = images["psnr"].mask(images.pop("perfect"), np.inf)
    return images


def summarise(scores: pd.DataFrame, protocol: str = "ike") -> pd.DataFrame:
    """Summarise over images: one row per set, kind, scale and method.

    Columns: set, kind, scale, method, protocol; psnr (dB) and ssim, the means over the n_mean images that
    `compare_cells` takes (seeds of an image are averaged first); psnr is inf where all images are perfect; n_images,
    n_scored and n_failed (images with some run that failed or has no score); n_perfect (scored images with infinite
    PSNR); compared (the mean is over the same images as those of the other compared methods of the cell); same_images
    (so it is, of an upper bound too); n_infinite, n_missing, n_unshared (images of a compared method in no mean because
    it was perfect there, has no score, or not all were run on them); upper_bound; iterations and iterations_max (fewest
    and most), paper_iterations (what the paper trains), partial (iterations < paper_iterations).

    Raises ValueError for an unknown protocol, no rows, or a missing column.
    """
    images = compare_cells(image_scores(scores, protocol))
    means = images.assign(
        perfect=np.isposinf(images["psnr"]),
        psnr=images["psnr"].where(images["in_mean"]),
        ssim=images["ssim"].where(images["in_mean"]),
        **{name: images["left_out"] == reason for name, reason in LEFT_OUT.items()},
    )
    summary = means.groupby(KEYS, observed=True).agg(
        psnr=("psnr", "mean"),
        ssim=("ssim", "mean"),
        n_images=("image", "size"),
        n_scored=("scored", "sum"),
        n_mean=("in_mean", "sum"),
        n_failed=("failed", "sum"),
        n_perfect=("perfect", "sum"),
        compared=("compared", "any"),
        same_images=("same_images", "any"),
        **{name: (name, "sum") for name in LEFT_OUT},
        upper_bound=("upper_bound", "any"),
    )
    runs = protocol_runs(scores, protocol)
    summary = summary.join(_training(runs)).join(_spread_over_seeds(runs, images)).reset_index()
    summary.insert(4, "protocol", protocol)
    return summary


def _training(runs: pd.DataFrame) -> pd.DataFrame:
    """Give iterations, iterations_max, paper_iterations and partial by KEYS, its index."""
    trained = runs.groupby(KEYS, observed=True).agg(
        iterations=("iterations", "min"),
        iterations_max=("iterations", "max"),
        paper_iterations=("paper_iterations", "max"),
    )
    return trained.assign(partial=(trained["iterations"] < trained["paper_iterations"]).fillna(False).astype(bool))


def _spread_over_seeds(runs: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    """Give the spread over seeds of every set, kind, scale and method (its index): n_seeds, psnr_spread, ssim_spread.

    The spread is the standard deviation (n - 1) over seeds of the mean over those images of `images` in the mean that
    every seed restored with a finite PSNR; NaN for one seed, or without such an image.
    """
    n_seeds = runs.groupby(KEYS, observed=True)["seed"].nunique().rename("n_seeds")
    runs = runs[runs["scored"] & np.isfinite(runs["psnr"].astype(float))]
    runs = runs.merge(images.loc[images["in_mean"], [*KEYS, "image"]]).join(n_seeds, on=KEYS)
    seeds = runs.groupby([*KEYS, "image"], observed=True)["seed"].transform("nunique")
    by_seed = runs[seeds == runs["n_seeds"]].groupby([*KEYS, "seed"], observed=True)[["psnr", "ssim"]].mean()
    spread = by_seed.groupby(level=KEYS, observed=True).std().add_suffix("_spread")
    return spread.reindex(n_seeds.index).assign(n_seeds=n_seeds)


def failures(scores: pd.DataFrame, protocol: str = "ike") -> pd.DataFrame:
    """List runs without a score: set, kind, scale, method, image, seed, error (never empty)."""
    runs = protocol_runs(scores, protocol)
    failed = runs[~runs["scored"]].sort_values([*CELL, "method", "image", "seed"])
    reason = failed["error"].astype(object).where(failed["error"].notna(), "no error text")
    unscored = failed["status"].eq("ok") & failed["error"].isna()
    error = reason.mask(unscored, f"ran, but has no score under protocol {protocol}")
    return failed[[*CELL, "method", "image", "seed"]].assign(error=error).reset_index(drop=True)
