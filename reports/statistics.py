"""Paired per-image differences in PSNR between the methods of a cell (one set, kind and scale)."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from reports.comparison import CELL
from reports.naming import method_order
from reports.summary import image_scores

MIN_PAIRS_FOR_INTERVAL = 5  # below it resampling says nothing about the spread between images
MIN_PAIRS_FOR_TEST = 6  # below it the two-sided signed-rank test cannot reach p < 0.05
RESAMPLES = 9999
DECIMALS = 9  # differences are rounded so that float noise breaks no tie of the ranks
COMPARISON = [*CELL, "method", "reference", "n", "n_infinite", "mean_difference", "low", "high", "p", "p_holm"]


def holm(p_values: np.ndarray) -> np.ndarray:
    """Adjust p values by Holm's step-down correction; NaN (no test was made) stays NaN and is not counted."""
    adjusted = np.full(len(p_values), np.nan)
    order = np.argsort(p_values)[: np.count_nonzero(~np.isnan(p_values))]  # argsort puts NaN last
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(p_values[order] * factors), 1.0)
    return adjusted


def bootstrap_interval(differences: np.ndarray) -> tuple[float, float]:
    """Bootstrap a 95 % percentile interval of the mean, seed fixed; (NaN, NaN) for fewer than five values."""
    if len(differences) < MIN_PAIRS_FOR_INTERVAL:
        return np.nan, np.nan
    # Percentile, not BCa: BCa is undefined where all differences are equal.
    interval = stats.bootstrap(
        (differences,),
        np.mean,
        n_resamples=RESAMPLES,
        batch=1000,
        method="percentile",
        random_state=np.random.default_rng(0),
    ).confidence_interval
    return float(interval.low), float(interval.high)


def signed_rank_p(differences: np.ndarray) -> float:
    """Return the two-sided Wilcoxon signed-rank p; NaN for fewer than six values or when all are zero."""
    if len(differences) < MIN_PAIRS_FOR_TEST or not differences.any():
        return np.nan
    return float(stats.wilcoxon(differences).pvalue)


def _compare(psnr: pd.DataFrame, method: str, reference: str) -> dict[str, object]:
    """Compare two methods; `psnr` has a row per image and a column per method."""
    pairs = psnr[[method, reference]].dropna().to_numpy(dtype=float, copy=True)  # (n, 2)
    pairs[np.isinf(pairs).all(axis=1)] = 0.0  # two perfect matches are equal
    finite = np.isfinite(pairs).all(axis=1)
    differences = np.round(pairs[finite, 0] - pairs[finite, 1], DECIMALS)
    low, high = bootstrap_interval(differences)
    return {
        "method": method,
        "reference": reference,
        "n": len(differences),
        "n_infinite": int((~finite).sum()),
        "mean_difference": differences.mean() if len(differences) else np.nan,
        "low": low,
        "high": high,
        "p": signed_rank_p(differences),
    }


def paired_differences(scores: pd.DataFrame, protocol: str = "ike") -> pd.DataFrame:
    """Compare PSNR(method) - PSNR(reference) per image, for every two methods of each set, kind and scale.

    Columns: set, kind, scale, method, reference, n (images with a score by both), n_infinite (images only one of
    them restored perfectly: left out; where both did, the difference is 0), mean_difference (dB), low and high
    (bootstrap 95 % interval), p (Wilcoxon signed-rank), p_holm (corrected over the comparisons of the cell).
    NaN where there are too few images. The method is the later of the two in the order of the tables.

    Raises ValueError for an unknown protocol, no rows, or a missing column.
    """
    cells = []
    for key, cell in image_scores(scores, protocol).groupby(CELL, observed=True):
        psnr = cell.pivot(index="image", columns="method", values="psnr")
        methods = sorted(psnr.columns, key=method_order)
        place = dict(zip(CELL, key, strict=True))
        compared = pd.DataFrame([place | _compare(psnr, later, earlier) for earlier, later in combinations(methods, 2)])
        if not compared.empty:
            compared = compared[compared["n"] + compared["n_infinite"] > 0].reset_index(drop=True)
        if not compared.empty:
            compared["p_holm"] = holm(compared["p"].to_numpy(dtype=float))
            cells.append(compared)
    return pd.concat(cells, ignore_index=True)[COMPARISON] if cells else pd.DataFrame(columns=COMPARISON)
