"""Paired per-image differences in PSNR between the methods of a cell (one set, kind and scale)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations

import numpy as np
import pandas as pd

from reports.comparison import CELL
from reports.naming import method_order
from reports.summary import image_scores

MIN_PAIRS_FOR_INTERVAL = 5  # below it resampling says nothing about the spread between images
MIN_PAIRS_FOR_TEST = 6  # below it the two-sided signed-rank test cannot reach p < 0.05
RESAMPLES = 9999
SAMPLES_AT_ONCE, SUMMED_AT_ONCE = 256, 2**22  # bound the memory, and change no number
DRAWN_AT_ONCE = 2**16  # values that the processor's cache holds
MOST_EXACT, MOST_EXACT_TIED = 50, 13  # pairs up to which p is exact, without and with ties or zeros, as in scipy
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
    """Bootstrap a 95 % interval of the mean, seed fixed; (NaN, NaN) for fewer than five values."""
    low, high = bootstrap_intervals([differences])[0]
    return float(low), float(high)


def bootstrap_intervals(samples: Sequence[np.ndarray]) -> np.ndarray:
    """Bootstrap the 95 % interval of each sample's mean: (len(samples), 2), NaN below five values.

    Percentiles further out the fewer values there are (`_tail`): the plain ones hold the mean of 5 normal values in
    84 % of cases and of 10 in 90 %, these in 92 and 94 %; of values as skewed as log-normal ones in 72 and 81 %, and
    in 82 and 86 % (`benchmarks/coverage.py`).

    The resamples are those of `scipy.stats.bootstrap(method="percentile")` with a generator of seed 0, which all
    samples of one length share: how often each value is drawn times the values is all their means in one product.
    Values are rounded to DECIMALS, and summed as whole numbers of the last decimal: exactly, so in any order.
    """
    intervals = np.full((len(samples), 2), np.nan)
    lengths = np.array([len(sample) for sample in samples])
    for length in np.unique(lengths[lengths >= MIN_PAIRS_FOR_INTERVAL]):
        draws, blocks, tail = _draws(int(length)), _blocks(int(length), SUMMED_AT_ONCE), _tail(int(length))
        of_length = np.flatnonzero(lengths == length)
        for some in np.split(of_length, range(SAMPLES_AT_ONCE, len(of_length), SAMPLES_AT_ONCE)):
            units = np.rint(np.stack([samples[index] for index in some]) * 10**DECIMALS)  # (samples, length)
            sums = np.hstack([units @ draws[block].astype(float).T for block in blocks])
            # Percentile, not BCa: BCa is undefined where all differences are equal.
            intervals[some] = np.quantile(sums / (length * 10**DECIMALS), [tail, 1 - tail], axis=1).T
    return intervals


def _tail(length: int) -> float:
    """Give the share of resamples beyond either end: the expanded percentile interval (Hesterberg 2015).

    A resample spreads by sqrt((n - 1) / n) too little, and an interval by its spread takes t, not z, for few values.
    """
    from scipy.special import ndtr, stdtrit  # imported slower than a report is made that has no interval

    return float(ndtr(-math.sqrt(length / (length - 1)) * stdtrit(length - 1, 0.975)))


def _draws(length: int) -> np.ndarray:
    """Count how often each of `length` values is in each resample: uint8 (RESAMPLES, length)."""
    generator = np.random.default_rng(0)
    draws = np.empty((RESAMPLES, length), np.uint8)  # a value is drawn once on average, 256 times never
    for rows in _blocks(length, DRAWN_AT_ONCE):
        indices = generator.integers(0, length, draws[rows].shape)
        indices += length * np.arange(len(indices))[:, None]  # the places in the flat block
        draws[rows] = np.bincount(indices.ravel(), minlength=indices.size).reshape(indices.shape)
    return draws


def _blocks(length: int, values: int) -> list[slice]:
    """Cut the resamples of `length` values into blocks of about so many values."""
    rows = max(values // length, 1)
    return [slice(start, start + rows) for start in range(0, RESAMPLES, rows)]


def signed_rank_p(differences: np.ndarray) -> float:
    """Return the two-sided Wilcoxon signed-rank p; NaN for fewer than six values or when all are zero.

    The same numbers as `scipy.stats.wilcoxon`, whose import alone takes longer than a report: zeros are dropped; p is
    exact for up to 50 values without ties and zeros, or up to 13 with them, and of the normal approximation, corrected
    for ties and not for continuity, for more.
    """
    if len(differences) < MIN_PAIRS_FOR_TEST or not differences.any():
        return np.nan
    changes = differences[differences != 0]
    _, places, ties = np.unique(np.abs(changes), return_inverse=True, return_counts=True)
    ranks = (2 * np.cumsum(ties) - ties + 1)[places]  # doubled, so that mean ranks of ties are whole
    sum_of_gains = int(ranks[changes > 0].sum())
    distinct = len(ties) == len(differences)
    if len(differences) <= (MOST_EXACT if distinct else MOST_EXACT_TIED):
        chances = _chances_of_sums(tuple(sorted(ranks.tolist())))
        p = 2 * min(chances[: sum_of_gains + 1].sum(), chances[sum_of_gains:].sum())
        return float(min(p, 1.0))
    count = len(changes)
    variance = (count * (count + 1) * (2 * count + 1) - (ties**3 - ties).sum() / 2) / 24
    return math.erfc(abs(sum_of_gains / 2 - count * (count + 1) / 4) / math.sqrt(2 * variance))


@lru_cache(maxsize=64)
def _chances_of_sums(ranks: tuple[int, ...]) -> np.ndarray:
    """Return the chance of every sum from 0, where each rank is in the sum or not by the toss of a coin."""
    chances = np.zeros(sum(ranks) + 1)
    chances[0] = 1.0
    for rank in ranks:
        without = chances / 2
        chances = without.copy()
        chances[rank:] += without[:-rank]
    return chances


def _pairs_of_cell(cell: pd.DataFrame) -> list[tuple[dict[str, object], np.ndarray]]:
    """List (method, reference, n, n_infinite; the differences) of every two methods with an image in common."""
    psnr = cell.pivot(index="image", columns="method", values="psnr")
    methods = sorted(psnr.columns, key=method_order)
    columns = {method: psnr[method].to_numpy(dtype=float) for method in methods}  # (images,)
    pairs = []
    for reference, method in combinations(methods, 2):
        differences, n_infinite = _differences(columns[method], columns[reference])
        names = {"method": method, "reference": reference, "n": len(differences), "n_infinite": n_infinite}
        if len(differences) + n_infinite:
            pairs.append((names, differences))
    return pairs


def _differences(ours: np.ndarray, theirs: np.ndarray) -> tuple[np.ndarray, int]:
    """Subtract where both have a finite PSNR, or both a perfect match (0); count where one alone is perfect."""
    both = ~(np.isnan(ours) | np.isnan(theirs))
    ours, theirs = ours[both], theirs[both]
    perfect = np.isinf(ours), np.isinf(theirs)
    one_alone = perfect[0] != perfect[1]
    differences = np.subtract(ours, theirs, out=np.zeros_like(ours), where=~(perfect[0] | perfect[1]))
    return np.round(differences[~one_alone], DECIMALS), int(one_alone.sum())


def paired_differences(scores: pd.DataFrame, protocol: str = "ike") -> pd.DataFrame:
    """Compare PSNR(method) - PSNR(reference) per image, for every two methods of each set, kind and scale.

    Columns: set, kind, scale, method, reference, n (images with a score by both), n_infinite (images only one of
    them restored perfectly: left out; where both did, the difference is 0), mean_difference (dB), low and high
    (bootstrap 95 % interval), p (Wilcoxon signed-rank), p_holm (corrected over the comparisons of the cell).
    NaN where there are too few images. The method is the later of the two in the order of the tables.

    Raises ValueError for an unknown protocol, no rows, or a missing column.
    """
    rows, samples = [], []
    for key, cell in image_scores(scores, protocol).groupby(CELL, observed=True):
        pairs = _pairs_of_cell(cell)
        p = np.array([signed_rank_p(differences) for _, differences in pairs])
        tests = [{"p": one, "p_holm": corrected} for one, corrected in zip(p, holm(p), strict=True)]
        place = dict(zip(CELL, key, strict=True))
        rows += [place | names | test for (names, _), test in zip(pairs, tests, strict=True)]
        samples += [differences for _, differences in pairs]
    low, high = bootstrap_intervals(samples).T
    means = [sample.mean() if len(sample) else np.nan for sample in samples]
    return pd.DataFrame(rows).assign(mean_difference=means, low=low, high=high).reindex(columns=COMPARISON)
