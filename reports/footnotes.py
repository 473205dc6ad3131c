"""The footnotes of a table: what a reader must know beside its numbers, a line each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

import pandas as pd

from reports.naming import cell_name, method_name, method_order, without_folders
from reports.summary import LEFT_OUT

PARTIAL = "†"
PERFECT = "‡"


def footnotes(rows: pd.DataFrame, runs: pd.DataFrame) -> tuple[str, ...]:
    """Write all footnotes of a table: `rows` are of its summary, `runs` the scores that it shows."""
    return (
        *_partial_footnotes(rows),
        *_perfect_footnotes(rows),
        *_bound_footnotes(rows),
        *_image_footnotes(rows),
        *changes(runs),
        *_note_footnotes(runs),
    )


def changes(runs: pd.DataFrame) -> list[str]:
    """Say what of these runs is not as the defaults have it: LR images, settings, networks and versions of methods."""
    return [
        *_degradation_footnotes(runs),
        *_settings_footnotes(runs),
        *_network_footnotes(runs),
        *_version_footnotes(runs),
    ]


def by_method(rows: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """List (display name, its rows) of each method, in the order of the tables."""
    return [(method_name(name), rows[rows["method"] == name]) for name in sorted(set(rows["method"]), key=method_order)]


def span(fewest: int, most: int) -> str:
    """Print a range of counts, or the one count."""
    return str(fewest) if fewest == most else f"{fewest} to {most}"


def grouped(facts: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Join (of whom, fact) by fact: fact -> `ZSSR, IKE`, in the order in which they come."""
    found: dict[str, list[str]] = {}
    for name, fact in facts:
        found.setdefault(fact, []).append(name)
    return {fact: ", ".join(dict.fromkeys(names)) for fact, names in found.items()}


def _said_once(facts: Iterable[tuple[str, str]]) -> list[str]:
    """Write one line for each fact, after all of whom it is true: `ZSSR, IKE: run with x=1`."""
    return [f"{names}: {fact}" for fact, names in grouped(facts).items()]


def _partial_footnotes(rows: pd.DataFrame) -> list[str]:
    facts = []
    for name, of_method in by_method(rows[rows["partial"]]):
        trained = span(of_method["iterations"].min(), of_method["iterations_max"].max())
        facts.append((name, f"trained for {trained} of {of_method['paper_iterations'].max()} iterations"))
    return [f"{PARTIAL} {fact}: {names}" for fact, names in grouped(facts).items()]


def _perfect_footnotes(rows: pd.DataFrame) -> list[str]:
    counts = [
        f"{name} {cell_name(row['kind'], row['scale'])}, {row['n_perfect']} of {row['n_scored']} images"
        for name, of_method in by_method(rows[rows["n_perfect"] > 0])
        for row in of_method.to_dict("records")
    ]
    words = "matched perfectly (infinite PSNR), in no mean but where all are"
    return [f"{PERFECT} {words}: {'; '.join(counts)}"] if counts else []


def _bound_footnotes(rows: pd.DataFrame) -> list[str]:
    compared_cells = rows[rows["compared"]].groupby(["kind", "scale"], observed=True).size().index
    facts = []
    for name, of_method in by_method(rows[rows["upper_bound"]]):
        elsewhere = [
            cell_name(row["kind"], row["scale"])
            for row in of_method[~of_method["same_images"]].to_dict("records")
            if (row["kind"], row["scale"]) in compared_cells and row["n_scored"]
        ]
        over_others = f"; its means of {', '.join(elsewhere)} are over other images" if elsewhere else ""
        facts.append((name, f"an upper bound, which knows the truth; shown and not ranked{over_others}"))
    return _said_once(facts)


def _image_footnotes(rows: pd.DataFrame) -> list[str]:
    """Say of kinds and scales that their means leave images out, or that methods are not ranked."""
    cells = [cell for _, cell in rows.groupby(["kind", "scale"], observed=True)]
    return _said_once((_cell_of(cell), fact) for cell in cells for fact in (_left_out(cell), _unranked(cell)) if fact)


def _left_out(cell: pd.DataFrame) -> str:
    """Say over which images the compared means are, where some methods have more, and why those are left out."""
    compared = cell[cell["compared"]]
    if compared.empty or (compared["n_mean"] == compared["n_images"]).all():
        return ""
    reasons = [
        f"{words}: {_by_method(compared, compared[column])}"
        for column, words in LEFT_OUT.items()
        if compared[column].any()
    ]
    images = compared["n_mean"].max()
    return (
        f"means over the {images} image{'' if images == 1 else 's'} that all ranked methods restored "
        f"with a finite PSNR (left out, {'; '.join(reasons)})"
    )


def _unranked(cell: pd.DataFrame) -> str:
    """Say which methods are not ranked, where several have scores."""
    scored = cell[(cell["n_scored"] > 0) & ~cell["upper_bound"]]
    others = scored[~scored["compared"]]
    if others.empty or len(scored) < 2:
        return ""
    than = "" if len(others) == len(scored) else " than the rest"
    return (
        f"not ranked, because their means are infinite or over other images{than} "
        f"({_by_method(others, others['n_mean'])}); see the paired differences"
    )


def _by_method(rows: pd.DataFrame, counts: pd.Series[int]) -> str:
    """List counts that are not 0 by method: `Bicubic 1, IKE 2`."""
    found = dict(zip(rows["method"], counts, strict=True))
    return ", ".join(f"{method_name(name)} {found[name]}" for name in sorted(found, key=method_order) if found[name])


def _cell_of(rows: pd.DataFrame) -> str:
    return cell_name(rows["kind"].iloc[0], rows["scale"].iloc[0])


def _degradation_footnotes(runs: pd.DataFrame) -> list[str]:
    """Say of kinds and scales that their LR images were not all made with the preset's parameters."""
    if "degradation" not in runs:
        return []
    facts = []
    images = runs[["kind", "scale", "image", "degradation"]].drop_duplicates()
    for _, cell in images.groupby(["kind", "scale"], observed=True):
        counts = _counts(cell["degradation"], "the preset")
        if list(counts) == ["the preset"]:
            continue
        made = ", ".join(f"{words} ({count} image{'s' * (count != 1)})" for words, count in counts.items())
        mixed = "; the mean is over LR images made in different ways" if len(counts) > 1 else ""
        facts.append((_cell_of(cell), f"LR made with {made}{mixed}"))
    return _said_once(facts)


def _settings_footnotes(runs: pd.DataFrame) -> list[str]:
    """Say of methods that they did not run with their defaults only, of cells alone where these are not alike."""
    if "settings" not in runs:
        return []
    facts = []
    for name, of_method in by_method(runs):
        cells = _counts_by_cell(of_method, "settings", "the defaults")
        in_all = set(map(tuple, cells.values()))
        for cell, counts in cells.items():
            whose = name if len(in_all) == len(counts) == 1 else f"{name} {cell}"
            if list(counts) != ["the defaults"]:
                facts.append((whose, f"run with {_counted(counts, 'settings')}"))
    return _said_once(facts)


def _network_footnotes(runs: pd.DataFrame) -> list[str]:
    """Say of methods with which trained networks they ran in each cell, where they had several at one scale."""
    if "weights_sha256" not in runs:
        return []
    facts = []
    for name, of_method in by_method(runs[runs["weights_sha256"].notna()]):
        for _, at_scale in of_method.groupby("scale", observed=True):
            cells = _counts_by_cell(at_scale, "weights_sha256", "")
            several = len({digest for counts in cells.values() for digest in counts}) > 1
            for cell, counts in cells.items() if several else ():
                files = {f"weights {digest[:8]}": count for digest, count in counts.items()}
                facts.append((f"{name} {cell}", f"run with {_counted(files, 'trained networks')}"))
    return _said_once(facts)


def _version_footnotes(runs: pd.DataFrame) -> list[str]:
    """Say of methods that a newer version than made their results is installed; theirs is unknown where it is null."""
    if not {"version", "installed"} <= set(runs):
        return []
    facts = []
    old = runs[(runs["version"].fillna(0) < runs["installed"]).fillna(False).astype(bool)]
    for name, of_method in by_method(old):
        version = "an unknown version" if of_method["version"].isna().all() else f"version {of_method['version'].max()}"
        facts.append(
            (name, f"made by {version} of the method, where version {of_method['installed'].max()} is installed")
        )
    return _said_once(facts)


def _counts_by_cell(runs: pd.DataFrame, column: str, empty: str) -> dict[str, dict[str, int]]:
    """Count the values of a column in each cell of a method, over the runs in its mean; all where none has ended."""
    counts = {}
    for _, cell in runs.groupby(["kind", "scale"], observed=True):
        ended = cell[cell["status"].eq("ok")]
        counts[_cell_of(cell)] = _counts((cell if ended.empty else ended)[column], empty)
    return counts


def _counts(values: pd.Series[str], empty: str) -> dict[str, int]:
    """Count values, the commonest first, then by name; what is empty has a name."""
    counted = Counter(values.fillna("").replace("", empty))
    return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))


def _counted(counts: Mapping[str, int], what: str) -> str:
    """List what runs of a cell were made with; with counts, and what that means for the mean, where it is several."""
    if len(counts) == 1:
        return without_folders(next(iter(counts)))
    listed = "; ".join(f"{without_folders(words)} ({count} run{'s' * (count != 1)})" for words, count in counts.items())
    return f"{listed}; the mean mixes {what}"


def _note_footnotes(runs: pd.DataFrame) -> list[str]:
    """Write one line for each thing that runs of a method and scale have to say: `DualSR ×4: x2 run twice (5 runs)`."""
    if "note" not in runs:
        return []
    noted = [
        (f"{name} ×{scale}", words, count)
        for name, of_method in by_method(runs[runs["note"].fillna("") != ""])
        for scale, notes in of_method.groupby("scale", observed=True)["note"]
        for words, count in _merged(Counter(notes)).items()
    ]
    runs_of: Counter[str] = Counter()
    for _, words, count in noted:
        runs_of[words] += count
    return _said_once(
        (whose, f"{without_folders(words)} ({runs_of[words]} run{'s' * (runs_of[words] != 1)})")
        for whose, words, _ in noted
    )


def _merged(notes: Mapping[str, int]) -> dict[str, int]:
    """Count equal parts of counted notes; those that differ in a number of px alone are one part with a span."""
    sizes: dict[str, Counter[int]] = {}
    for note, count in notes.items():
        for part in str(note).split("; "):
            size = re.search(r"\d+(?= px)", part)
            words = re.sub(r"\d+(?= px)", "\0", part, count=1)
            sizes.setdefault(words, Counter())[int(size[0]) if size else 0] += count
    return {words.replace("\0", span(min(found), max(found))): found.total() for words, found in sizes.items()}
