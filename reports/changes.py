"""What changed between two tables of scores: paired differences of every cell (set, kind, scale and method)."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from reports.comparison import CELL
from reports.markdown import escape, grid
from reports.naming import cell_name, method_name, without_folders
from reports.statistics import DECIMALS, bootstrap_intervals
from reports.summary import image_scores, protocol_runs

KEYS = [*CELL, "method"]
PAIR = [*KEYS, "image", "seed"]
COLUMNS = [*KEYS, "status", "n", "before", "after", "mean_difference", "low", "high", "n_other_lr", "other_runs"]
MADE_BY = {"version": "version", "iterations": "iterations", "settings": "settings", "weights_sha256": "weights"}
"""Columns of scores, where they are there, that say how a run was made, and what they are called."""


def changes(before: pd.DataFrame, after: pd.DataFrame, protocol: str = "ike") -> pd.DataFrame:
    """Compare PSNR after - before, image by image, for every set, kind, scale and method.

    Columns: status (`both`, `only before`, `only after`); n, the images with a finite PSNR in both, under the seeds
    that have a score in both; before and after, their means over these (dB); mean_difference, low and high (bootstrap
    95 % interval, NaN below five images); n_other_lr, those of the n whose LR image is another one; other_runs, in
    words, in which of `MADE_BY` these runs differ.

    Raises ValueError for an unknown protocol, no rows, or a missing column.
    """
    common = _scored(before, protocol).merge(_scored(after, protocol), on=PAIR, suffixes=("_before", "_after"))
    other_runs = {key: _other_runs(of_cell) for key, of_cell in common.groupby(KEYS, observed=True)}
    cells = before[KEYS].drop_duplicates().merge(after[KEYS].drop_duplicates(), how="outer", indicator="status")
    names = {"both": "both", "left_only": "only before", "right_only": "only after"}
    cells["status"] = cells["status"].astype(str).map(names)
    rows, samples = [], []
    pairs = pd.DataFrame(columns=KEYS)
    if len(common):
        pairs = _pairs(before.merge(common[PAIR]), after.merge(common[PAIR]), protocol)
    of_cell = dict(iter(pairs.groupby(KEYS, observed=True)))
    for cell in cells.to_dict("records"):
        key = tuple(cell[name] for name in KEYS)
        found = of_cell.get(key)
        taken = pairs.iloc[:0].reindex(columns=["before", "after", "other_lr"]) if found is None else found
        samples.append(np.round((taken["after"] - taken["before"]).to_numpy(dtype=float), DECIMALS))
        means = {name: taken[name].astype(float).mean() for name in ("before", "after")}
        counts = {"n": len(taken), "n_other_lr": int(taken["other_lr"].sum())}
        rows.append(cell | means | counts | {"other_runs": other_runs.get(key, "")})
    low, high = bootstrap_intervals(samples).T
    differences = [sample.mean() if len(sample) else np.nan for sample in samples]
    table = pd.DataFrame(rows).assign(mean_difference=differences, low=low, high=high)
    return table.reindex(columns=COLUMNS).sort_values(KEYS, ignore_index=True)


def _scored(scores: pd.DataFrame, protocol: str) -> pd.DataFrame:
    """Take PAIR and MADE_BY of the runs with a score under the protocol; what is not known is an empty text."""
    scored = scores[protocol_runs(scores, protocol)["scored"].to_numpy()].reindex(columns=[*PAIR, *MADE_BY])
    texts = {name: scored[name].astype("string").fillna("") for name in MADE_BY}
    return scored.assign(**texts | {"weights_sha256": texts["weights_sha256"].str[:8]})


def _other_runs(common: pd.DataFrame) -> str:
    """Say how the runs of one cell differ between the sides: `iterations 20 before, 3000 after`."""
    sides = [(name, common[f"{column}_before"], common[f"{column}_after"]) for column, name in MADE_BY.items()]
    return "; ".join(
        f"{name} {_values(before)} before, {_values(after)} after"
        for name, before, after in sides
        if (before != after).any()
    )


def _values(texts: pd.Series[str]) -> str:
    return " or ".join(text or "none" for text in dict.fromkeys(texts))


def _pairs(before: pd.DataFrame, after: pd.DataFrame, protocol: str) -> pd.DataFrame:
    """Put the images of both side by side: KEYS, image, before, after (finite, dB) and other_lr."""
    sides = []
    for name, scores in (("before", before), ("after", after)):
        images = image_scores(scores, protocol)[[*KEYS, "image", "psnr"]].rename(columns={"psnr": name})
        lr = scores.drop_duplicates([*KEYS, "image"])[[*KEYS, "image", "lr_sha256"]]
        sides.append(images.merge(lr.rename(columns={"lr_sha256": f"lr_{name}"})))
    pairs = sides[0].merge(sides[1], on=[*KEYS, "image"])
    pairs["other_lr"] = pairs["lr_before"].fillna("") != pairs["lr_after"].fillna("")
    finite = np.isfinite(pairs[["before", "after"]].to_numpy(dtype=float)).all(axis=1)
    return pairs.loc[finite]


def markdown(table: pd.DataFrame) -> str:
    """Render the changes as a Markdown table, then the cells with other runs, and those that only one side has."""
    header = ["Set", "Cell", "Method", "n", "Before", "After", "Difference", "95 % interval", "Other LR"]
    rows = []
    for row in table[table["status"] == "both"].to_dict("records"):
        interval = "–" if np.isnan(row["low"]) else f"{row['low']:+.3f} to {row['high']:+.3f}"
        numbers = ("–",) * 3 if not row["n"] else (f"{row['before']:.3f}", f"{row['after']:.3f}")
        difference = () if not row["n"] else (f"{row['mean_difference']:+.3f}",)
        place = [escape(row["set"]), cell_name(row["kind"], row["scale"]), escape(method_name(row["method"]))]
        rows.append([*place, str(row["n"]), *numbers, *difference, interval, str(row["n_other_lr"])])
    about = "PSNR in dB, image by image (after minus before); bootstrap interval of the mean, none below 5 images."
    parts = [about, grid(header, rows, "lllrrrrrr")] if rows else ["No cell is in both."]
    others = table[(table["status"] == "both") & (table["other_runs"] != "")].to_dict("records")
    parts += _list("Other runs", (f"{_place(row)}: {without_folders(row['other_runs'])}" for row in others))
    for status in ("only before", "only after"):
        alone = table[table["status"] == status].to_dict("records")
        parts += _list(status.capitalize(), map(_place, alone))
    return "\n\n".join(parts) + "\n"


def _place(row: Mapping[Hashable, Any]) -> str:
    return f"{row['set']}, {cell_name(row['kind'], row['scale'])}, {method_name(row['method'])}"


def _list(title: str, lines: Iterable[str]) -> list[str]:
    points = [f"- {escape(line)}" for line in lines]
    return ["\n".join([f"{title}:", *points])] if points else []
