"""Scores of one or several workspaces, bundles or Parquet files as one table: what is taken, what contradicts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ikebench.catalog import installed_version
from ikebench.errors import UserError, unknown
from ikebench.store.bundles import opened
from ikebench.store.rows import VARIANT_OF, Case, DataRow, ScoreRow
from ikebench.store.tables import read_frame, read_rows
from ikebench.store.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

CASE = ["set", "image", "kind", "scale"]
IMAGES = ["lr_sha256", "hr_sha256"]
OUTCOME = ["status", "sr_sha256", "iterations", "settings"]
"""Columns in which two rows of one result must agree to be equal; seconds, say, are another machine's."""

MOST_LINES = 20


@dataclass(frozen=True)
class Filter:
    """Which rows are wanted: values of columns, None for all."""

    sets: Sequence[str] | None = None
    methods: Sequence[str] | None = None
    kinds: Sequence[str] | None = None
    scales: Sequence[int] | None = None

    def takes(self, row: Case) -> bool:
        """Say whether a row is wanted; one without a method is whatever the methods are."""
        wanted = ((self.sets, "set"), (self.kinds, "kind"), (self.scales, "scale"), (self.methods, "method"))
        return all(values is None or getattr(row, name, values[0]) in values for values, name in wanted)

    def of(self, scores: "pd.DataFrame") -> "pd.DataFrame":
        """Take the rows that are wanted.

        Raises:
            UserError: where there are no scores, for a value that no row has, or none that has all of them.
        """
        if scores.empty:
            raise UserError("there are no scores: `ikebench run` makes some")
        wanted = {"set": self.sets, "method": self.methods, "kind": self.kinds, "scale": self.scales}
        taken = scores
        for column, values in wanted.items():
            if values is None:
                continue
            known = set(scores[column])
            for value in values:
                if value not in known:
                    raise unknown(f"{column} in the scores", str(value), map(str, known))
            taken = taken[taken[column].isin(values)]
        if taken.empty:
            raise UserError(
                "no scores are of all these at once: ask for fewer of --dataset, --methods, --kind, --scale"
            )
        return taken


def gather(sources: Sequence[Path], wanted: Filter = Filter()) -> tuple["pd.DataFrame", list[str]]:
    """Read the scores of workspaces, bundles and Parquet files as one table; what else should be said comes in lines.

    Left out are scores on images that a workspace has made anew since, and those of older versions of a method than
    others have. Of equal rows, one is taken.

    Raises:
        UserError: where there are no scores, nothing is wanted, or sources contradict each other.
    """
    import pandas as pd

    lines: list[str] = []
    frames = [_read(source, lines).assign(source=str(source)) for source in sources]
    scores = wanted.of(pd.concat(frames, ignore_index=True))
    scores = newest_versions(scores, lines)
    if len(sources) > 1:
        scores = _united(scores)
    return scores.drop(columns="source").reset_index(drop=True), lines


def scores_of(workspace: Workspace, lines: list[str]) -> "pd.DataFrame":
    """Read the scores of a workspace as its tables show them: without those that `newest_versions` leaves out."""
    return newest_versions(read_frame(workspace.scores_table, ScoreRow), lines)


def newest_versions(scores: "pd.DataFrame", lines: list[str]) -> "pd.DataFrame":
    """Leave out the scores of a method's older versions than its newest here, with a line for each method.

    Scores without a version are of before it was written down: older than any. To the others comes a column
    `installed`: the version of their method that is installed, null where none is, for a report to hold theirs against.
    """
    version = scores["version"].fillna(0).astype(int)
    newest = version.groupby(scores["method"]).transform("max")
    for method, older in version[version < newest].groupby(scores["method"]):
        old = ", ".join(str(one or "unknown") for one in sorted(set(older)))
        lines.append(
            f"{method}: {len(older)} scores are of an older version of the method ({old}; others of "
            f"{newest[older.index[0]]}): left out; `ikebench run` makes them anew"
        )
    return scores[version == newest].assign(installed=_installed)


def _installed(scores: "pd.DataFrame") -> "pd.Series[Any]":
    names = scores["note"].str.extract(f"^{VARIANT_OF}([^;]+)", expand=False).fillna(scores["method"])
    return names.map({name: installed_version(name) for name in names.unique()}).astype("Int64")


def images_of_now(data: Iterable[DataRow]) -> Mapping[tuple[str, str, str, int], tuple[str, str | None]]:
    """Give the SHA-256 of LR and HR of every case: scores on others are on images that have been made anew since."""
    return {row.case: (row.lr_sha256, row.hr_sha256) for row in data}


def scores_table(source: Path) -> Path:
    """Give the table that a workspace or Parquet file stands for.

    Raises:
        UserError: if it is not there.
    """
    path = source if source.suffix == ".parquet" and not source.is_dir() else Workspace(source).scores_table
    if not path.exists():
        raise UserError(f"no scores in {source}: `ikebench run` or `ikebench score` makes them")
    return path


def _read(source: Path, lines: list[str]) -> "pd.DataFrame":
    with opened(source, "scores.parquet", "data.parquet") as folder:
        return _read_folder(folder, lines)


def _read_folder(source: Path, lines: list[str]) -> "pd.DataFrame":
    path = scores_table(source)
    scores, workspace = read_frame(path, ScoreRow), Workspace(source)
    if path != workspace.scores_table or not workspace.data_table.exists():
        return scores
    current = images_of_now(read_rows(workspace.data_table, DataRow))
    cases, images = (scores[columns].itertuples(index=False, name=None) for columns in (CASE, IMAGES))
    kept = scores[[current.get(case) == pair for case, pair in zip(cases, images, strict=True)]]
    if len(kept) < len(scores):
        stale = f"{len(scores) - len(kept)} scores are on images that have been made anew since"
        if kept.empty:
            raise UserError(f"no current scores in {source}: {stale}; `ikebench run` makes new ones")
        lines.append(f"{stale}: left out; run again")
    return kept


def _united(scores: "pd.DataFrame") -> "pd.DataFrame":
    """Take one of equal rows.

    Raises:
        UserError: where rows of one image are on other LR or HR images, or of one result not equal.
    """
    result = [*CASE, "method", "seed"]
    faults = [
        *_contradictions(scores, CASE, IMAGES, "other LR or HR images"),
        *_contradictions(scores, result, OUTCOME, "another result"),
    ]
    if faults:
        shown = faults[:MOST_LINES] + [f"and {len(faults) - MOST_LINES} more"] * (len(faults) > MOST_LINES)
        raise UserError(
            "\n".join(["the sources contradict each other:", *shown])
            + "\nleave one of them out, choose what agrees (--dataset, --methods, --kind, --scale), or run these again"
        )
    return scores.drop_duplicates(result)


def _contradictions(scores: "pd.DataFrame", keys: list[str], facts: list[str], words: str) -> list[str]:
    """Say in a line each where rows of equal keys differ in facts, and between which sources."""
    distinct = scores.drop_duplicates([*keys, *facts])
    differing = distinct[distinct.duplicated(keys, keep=False)]
    lines = []
    for key, rows in differing.groupby(keys, sort=False):
        place = " ".join(f"x{part}" if name == "scale" else str(part) for name, part in zip(keys, key, strict=False))
        first, *others = dict.fromkeys(rows["source"])
        lines.append(f"  {place}: {words} in {', '.join(others) or first} than in {first}")
    return lines
