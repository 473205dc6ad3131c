"""What the scores do not hold and a report says at its top: how they were made, and by what."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from reports.footnotes import by_method, grouped, span
from reports.naming import cell_name, kind_order, without_folders


@dataclass(frozen=True)
class About:
    """How the scores were made; what is empty is not known and not said.

    Attributes:
        version: of ikebench.
        commit: of its checkout; `changed` where that had changes besides.
        date: day of the last run, as 2026-11-26.
        command: the last command that restored images, as it would be typed.
        precision: of the networks, e.g. fp32.
        processor: what the scores' device `cpu` is.
    """

    version: str = ""
    commit: str = ""
    changed: bool = False
    date: str = ""
    command: str = ""
    precision: str = ""
    processor: str = ""


def facts(scores: pd.DataFrame, summary: pd.DataFrame, about: About) -> tuple[tuple[str, str], ...]:
    """List the (label, text) at the top of a report: images, runs, device, version and date, command."""
    found = {
        "Images": _images(scores),
        "Runs": "; ".join(filter(None, (_seeds(scores), _iterations(summary), _precision(about)))),
        "Device": _device(scores, about.processor),
        "Made by": _made_by(about),
        "Command": without_folders(about.command),
    }
    return tuple((label, text) for label, text in found.items() if text)


def _images(scores: pd.DataFrame) -> str:
    sets = []
    for name, rows in scores.groupby("set", observed=True):
        count = rows["image"].nunique()
        cells = sorted(set(zip(rows["kind"], rows["scale"], strict=True)), key=lambda cell: (kind_order(cell[0]), cell))
        kinds = ", ".join(cell_name(*cell) for cell in cells)
        sets.append(f"{name}, {count} image{'s' * (count != 1)} ({kinds})")
    return "; ".join(sets)


def _seeds(scores: pd.DataFrame) -> str:
    seeds = [str(seed) for seed in sorted(scores["seed"].unique())]
    return f"seed{'s' * (len(seeds) != 1)} {', '.join(seeds)}"


def _iterations(summary: pd.DataFrame) -> str:
    """Say for how many iterations methods were trained, and how many the paper trains: `20 of 3000 (ZSSR, IKE)`."""
    trained = [pair for pair in by_method(summary) if pair[1]["iterations"].notna().any()]
    counts = []
    for name, rows in trained:
        count = span(rows["iterations"].min(), rows["iterations_max"].max())
        counts.append((name, f"{count} of {rows['paper_iterations'].max()}" if rows["partial"].any() else count))
    words = ", ".join(f"{count} ({names})" for count, names in grouped(counts).items())
    return f"iterations {words}" if words else "no training on the images"


def _precision(about: About) -> str:
    return f"precision {about.precision}" if about.precision else ""


def _device(scores: pd.DataFrame, processor: str) -> str:
    devices = sorted({str(name) for name in scores["device"].dropna()}) if "device" in scores else []
    return ", ".join(f"{name} ({processor})" if processor and name == "cpu" else name for name in devices)


def _made_by(about: About) -> str:
    commit = f"commit {about.commit[:10]}{' with changes' * about.changed}" if about.commit else ""
    return ", ".join(filter(None, (f"ikebench {about.version}" if about.version else "", commit, about.date)))
