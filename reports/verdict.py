"""The verdict in words: who is best on what, by how much, and where nothing can be said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pandas as pd

from reports.comparison import cells_of
from reports.footnotes import by_method, grouped
from reports.naming import cell_name, method_name, method_order
from reports.pairs import Differences
from reports.results import Results
from reports.sections import Section
from reports.statistics import MIN_PAIRS_FOR_INTERVAL

ABOUT_INTERVALS = (
    "Intervals are 95 % bootstrap intervals of the mean difference of PSNR over images (seeds of an image averaged), "
    f"from {MIN_PAIRS_FOR_INTERVAL} images on (wider the fewer), and not corrected for the number of comparisons."
)
DOUBTS = {0: "not told apart from", None: "too few images to tell it from", -1: "over all common images below"}
"""Words before the methods that the best is not above, by the sign of the interval."""


def section(results: Results) -> Section:
    """Say it for every set and cell: points; what they add up to, and what they do not say: paragraphs."""
    cells = cells_of(results.summary)
    several_sets = results.summary["set"].nunique() > 1
    points = []
    for key, rows in cells.items():
        name = f"{key[0]}, {cell_name(*key[1:])}" if several_sets else cell_name(*key[1:])
        points.append(f"{name}: {_of_cell(rows, results.differences.get(key, {}))}")
    found = _leaders(cells, results), _against(results)
    to_know = ABOUT_INTERVALS if results.differences else "", _partial(results.summary)
    text = (" ".join(filter(None, sentences)) for sentences in (found, to_know))
    return Section("Verdict", text=tuple(filter(None, text)), points=tuple(points))


def _ranked(rows: pd.DataFrame) -> list[str]:
    """List the compared methods of a cell, highest mean PSNR first."""
    compared = rows[rows["compared"]]
    psnr = dict(zip(compared["method"], compared["psnr"], strict=True))
    return sorted(psnr, key=lambda method: (-psnr[method], method_order(method)))


def _unbeaten(ranked: list[str], differences: Differences) -> list[str]:
    """List the methods that the first is not told apart from by an interval above 0."""
    return [other for other in ranked[1:] if differences[ranked[0], other].sign != 1]


def _of_cell(rows: pd.DataFrame, differences: Differences) -> str:
    ranked = _ranked(rows)
    if len(ranked) < 2:
        return _nothing_to_compare(rows)
    best, second = ranked[:2]
    ahead = differences[best, second]
    lead = f"{ahead.words} over {method_name(second)}"
    psnr = f"{rows.loc[rows['method'] == best, 'psnr'].iloc[0]:.2f} dB"
    unbeaten = [(other, differences[best, other].sign) for other in _unbeaten(ranked, differences)]
    if ahead.sign is None:
        verdict = f"{method_name(best)} has the highest mean, {psnr}: {lead}; too few images to say more"
    elif unbeaten:
        doubts = "; ".join(
            f"{words} {names}"
            for words, names in grouped((method_name(other), DOUBTS[sign]) for other, sign in unbeaten).items()
        )
        verdict = f"{method_name(best)} has the highest mean, {psnr}: {lead}; {doubts}"
    else:
        verdict = f"{method_name(best)} is best, {psnr}: {lead}"
    return f"{verdict}.{_about_ssim(rows, best)}{_about_others(rows)}"


def _nothing_to_compare(rows: pd.DataFrame) -> str:
    scored = rows[rows["n_scored"] > 0]
    rivals = scored[~scored["upper_bound"]]
    if rivals.empty:
        return "nothing can be said: no method has a score."
    if len(rivals) == 1:
        return f"only {method_name(rivals['method'].iloc[0])} has scores; nothing to compare it with."
    return "nothing can be said: no two methods have finite scores on the same images."


def _about_others(rows: pd.DataFrame) -> str:
    """Name the methods that are in no comparison, upper bounds apart."""
    others = rows[~rows["compared"] & ~rows["upper_bound"]]
    facts = [
        (name, "not ranked, means infinite or over other images" if of_method["n_scored"].any() else "without a score")
        for name, of_method in by_method(others)
    ]
    return "".join(f" {names}: {fact}." for fact, names in grouped(facts).items())


def _about_ssim(rows: pd.DataFrame, best: str) -> str:
    """Say which method has the highest SSIM, where it is another."""
    compared = rows[rows["compared"]].set_index("method")["ssim"]
    highest = str(compared.idxmax())
    if highest == best or round(compared[highest], 4) == round(compared[best], 4):
        return ""
    return f" SSIM is highest for {method_name(highest)} ({compared[highest]:.4f}; {compared[best]:.4f})."


def _leaders(cells: dict[tuple[str, str, int], pd.DataFrame], results: Results) -> str:
    """Count in how many cells each method leads, and in how many of them it is told apart from all others."""
    ranked = {key: of_cell for key, rows in cells.items() if len(of_cell := _ranked(rows)) > 1}
    leads = Counter(of_cell[0] for of_cell in ranked.values())
    clear = Counter(of_cell[0] for key, of_cell in ranked.items() if not _unbeaten(of_cell, results.differences[key]))
    if not leads:
        return ""
    counts = [
        f"{method_name(method)} in {count} of {len(ranked)} (told apart from all others in {clear[method]})"
        for method, count in leads.most_common()
    ]
    return f"Highest mean PSNR over kinds, scales and sets: {', '.join(counts)}."


def _against(results: Results) -> str:
    """Say which methods are above the reference, below it, or neither, with the whole interval; no upper bounds."""
    found = results.against_reference[~results.against_reference["upper_bound"]]
    if found["low"].notna().sum() == 0:
        return ""
    outcomes = {
        "above": found[found["low"] > 0],
        "below": found[found["high"] < 0],
        "not told apart": found[(found["low"] <= 0) & (found["high"] >= 0)],
    }
    cells = Counter(found[found["low"].notna()]["method"])
    parts = [f"{words}: {_counted(rows['method'], cells)}" for words, rows in outcomes.items() if len(rows)]
    return f"Against {method_name(results.reference)}, by interval, {'; '.join(parts)}."


def _counted(methods: Iterable[str], cells: Counter[str]) -> str:
    counts = Counter(methods)
    return ", ".join(
        f"{method_name(name)} {counts[name]} of {cells[name]}" for name in sorted(counts, key=method_order)
    )


def _partial(summary: pd.DataFrame) -> str:
    names = [name for name, _ in by_method(summary[summary["partial"]])]
    if not names:
        return ""
    were = "was" if len(names) == 1 else "were"
    return f"{', '.join(names)} {were} trained for fewer iterations than published: a verdict on these runs alone."
