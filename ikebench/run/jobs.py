"""What `run` has to do: one job per LR image, method and seed. Pure planning, no files."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pandas as pd

from ikebench.catalog import configured, method_class, uses
from ikebench.errors import UserError
from ikebench.seeds import derive_seed
from ikebench.store import WANTED_KEY, Row, sr_path, to_rows
from ikebench.weight_files import WeightsFile

if TYPE_CHECKING:
    from baselines.contract import Precision

TYPICAL_CROP = 128  # LR px a side, of the zero-shot methods; only the time left depends on it
SMALLEST_TILE = 32  # px
MAX_SEED = 2**63  # torch's generators take signed 64-bit seeds


@dataclass(frozen=True)
class MethodChoice:
    """A configured method and the name under which its results are kept.

    Attributes:
        label: its name in tables and paths: the method's own, or that of `--as`.
        name: of the method in the catalog.
        method: the configured frozen dataclass (see `baselines.contract.Method`).
        settings: the fields that decide its images (`hyperparameters`) and differ from the defaults.
    """

    label: str
    name: str
    method: Any
    settings: Mapping[str, Any]


Weights = Mapping[tuple[str, int], WeightsFile]  # (name of the method in the catalog, scale) -> file


@dataclass(frozen=True)
class Job:
    """One image to restore with one method.

    Attributes:
        case: set, image, kind, scale, method (the label), seed, iterations.
        choice: the method.
        seed: of the method's randomness, derived from the case.
        precision: of the method's networks; fp32 where it has none.
        key: hash of everything that decides the SR image.
        wanted_key: that of the job as it was asked for, where memory made its tiles smaller since; else the same.
        cost: `cost` times the method's effort; for the order and the time left.
        data: the row of `data.parquet`.
        weights: the method's trained weights, where it needs some.
    """

    case: Row
    choice: MethodChoice
    seed: int
    precision: "Precision"
    key: str
    wanted_key: str
    cost: float
    data: Row
    weights: WeightsFile | None = None

    @property
    def sr_path(self) -> str:
        """Where the SR image goes, relative to the workspace."""
        return sr_path(self.case)

    def is_of(self, row: Row) -> bool:
        """Say whether a row is what came of this job, on a machine whose memory wanted smaller tiles too."""
        return self.key in (row["key"], row.get(WANTED_KEY))

    def row(self) -> Row:
        """Give the columns of `runs.parquet` that are known before the job runs."""
        return self.case | {
            "key": self.key,
            WANTED_KEY: self.wanted_key,
            "precision": self.precision,
            "settings": json.dumps(dict(self.choice.settings), sort_keys=True),
            "paper_iterations": self.choice.method.paper_iterations,
            "lr_sha256": self.data["lr_sha256"],
            "weights_sha256": self.weights and self.weights.sha256,
            "upper_bound": "kernel" in uses(self.choice.method),
        }


@dataclass(frozen=True)
class Selection:
    """Which LR images and how: the options of `run` that choose jobs."""

    kinds: Sequence[str] | None = None
    scales: Sequence[int] | None = None
    dataset: str | None = None
    limit: int | None = None
    seed: int = 0
    precision: "Precision" = "fp32"


def choose_methods(
    names: Sequence[str], overrides: Mapping[str, Mapping[str, str]], iterations: int | None, label: str | None
) -> list[MethodChoice]:
    """Configure methods.

    Args:
        names: in the catalog.
        overrides: method -> field -> value as typed.
        iterations: for every method that trains.
        label: `--as`: keep the results of the one method under this name.

    Raises:
        UserError: for unknown fields, overrides of a method that is not run, or a label that cannot be.
    """
    stray = next((name for name in overrides if name not in names), None)
    if stray:
        raise UserError(f"--set {stray}.…: {stray} is not among --methods {','.join(names)}")
    if label is not None:
        _check_label(label, names)
    choices = []
    for name in names:
        cls = method_class(name)
        values = dict(overrides.get(name, {}))
        if iterations is not None and cls.paper_iterations is not None:
            if "iterations" in values:
                raise UserError(f"--iterations and --set {name}.iterations: give one of them")
            values["iterations"] = str(iterations)
        method = configured(cls, name, values)
        choices.append(MethodChoice(label or name, name, method, changed_settings(method)))
    return choices


def hyperparameters(method: Any) -> dict[str, Any]:  # noqa: ANN401 (a configured method)
    """Give the fields of a method that decide its images: all but tiles that change nothing."""
    return {name: value for name, value in asdict(method).items() if name != "tile" or "tile" in uses(method)}


def changed_settings(method: Any) -> dict[str, Any]:  # noqa: ANN401
    """Give the hyperparameters that differ from the defaults."""
    default = hyperparameters(type(method)())
    return {name: value for name, value in hyperparameters(method).items() if value != default[name]}


def plan(
    data: pd.DataFrame, choices: Sequence[MethodChoice], selection: Selection, weights: Weights | None = None
) -> tuple[list[Job], list[str]]:
    """Plan the jobs, longest first, and say in a line each what was left out because a method cannot do it.

    A method that needs weights does those scales for which `weights` has some.

    Raises:
        UserError: if nothing is selected.
    """
    rows, weights = select_rows(data, selection), weights or {}
    jobs, left_out = [], []
    for choice in choices:
        possible, lines = _possible(rows, choice, weights)
        left_out += lines
        for row in to_rows(possible):
            jobs.append(_job(choice, row, selection, weights.get((choice.name, row["scale"]))))
    # Longest first; of equals the largest, which shows what the others' memory will be at most.
    return sorted(jobs, key=lambda job: (-job.cost, -job.data["height"] * job.data["width"])), left_out


def _possible(rows: pd.DataFrame, choice: MethodChoice, weights: Weights) -> tuple[pd.DataFrame, list[str]]:
    """Take the rows that a method can do, with a line for what else it cannot do, missing weights apart."""
    possible = rows[rows["scale"].isin(choice.method.scales)]
    scales = sorted(set(rows["scale"]) - set(possible["scale"]))
    left_out = [f"{choice.label} does not do x{scale}: left out" for scale in scales]
    if "kernel" in uses(choice.method):
        unknown = possible["kernel_path"].isna()
        for kind in dict.fromkeys(possible["kind"][unknown]):
            left_out.append(f"{choice.label} needs the true kernel, which {kind} does not have: left out")
        possible = possible[~unknown]
    if "weights" in uses(choice.method):
        possible = possible[[(choice.name, scale) in weights for scale in possible["scale"]]]
    return possible, left_out


def select_rows(data: pd.DataFrame, selection: Selection) -> pd.DataFrame:
    """Take the rows of `data.parquet` that are selected; `limit` counts images of each set.

    Raises:
        UserError: if there are none, with what there is.
    """
    rows = data
    wanted = {"kind": selection.kinds, "scale": selection.scales, "set": selection.dataset and [selection.dataset]}
    for column, values in wanted.items():
        if values is None:
            continue
        missing = [value for value in values if value not in set(data[column])]
        if missing:
            there = ", ".join(map(str, sorted(set(data[column]))))
            raise UserError(f"no data of {column} {missing[0]}: there is {there}; `ikebench make-data` makes more")
        rows = rows[rows[column].isin(values)]
    if selection.limit is not None:
        order = rows.groupby("set")["image"].transform(lambda images: pd.factorize(images)[0])
        rows = rows[order < selection.limit]
    if rows.empty:
        raise UserError("no data of that kind and scale together: `ikebench make-data` makes it")
    return rows


def cost(iterations: int | None, scale: int, height: int, width: int) -> float:
    """Estimate a job's work in arbitrary units: iterations x SR pixels of a training crop, or the SR image's, once."""
    if iterations is None:
        return scale**2 * height * width
    return max(iterations, 1) * scale**2 * min(height * width, TYPICAL_CROP**2)


def in_smaller_tiles(job: Job) -> Job | None:
    """Give the job with the method's tiles halved, where it has such and they are not too small already.

    For want of memory: the job that was asked for stays its `wanted_key`.
    """
    choice = job.choice
    tile = getattr(choice.method, "tile", None)
    if not isinstance(tile, int) or tile // 2 < SMALLEST_TILE:
        return None
    method = replace(choice.method, tile=tile // 2)
    smaller = replace(job, choice=replace(choice, method=method, settings=changed_settings(method)))
    return replace(smaller, key=_key(smaller))


def _job(choice: MethodChoice, row: Row, selection: Selection, weights: WeightsFile | None) -> Job:
    iterations, used = getattr(choice.method, "iterations", None), uses(choice.method)
    case = {name: row[name] for name in ("set", "image", "kind", "scale")}
    base = selection.seed if "seed" in used else 0
    case |= {"method": choice.label, "seed": base, "iterations": iterations}
    # Of the case, not of the method's name: rivals and variants start from equal random numbers. Tagged: they must be
    # others than those that made the LR image.
    seed = derive_seed("training", base, row["image"], row["kind"], row["scale"]) % MAX_SEED
    work = getattr(choice.method, "effort", 1.0) * cost(iterations, row["scale"], row["height"], row["width"])
    precision = selection.precision if "precision" in used else "fp32"
    job = Job(case, choice, seed, precision, "", "", work, row, weights)
    key = _key(job)
    return replace(job, key=key, wanted_key=key)


def _key(job: Job) -> str:
    """Hash everything that decides the job's SR image, and nothing else."""
    method = job.choice.method
    inputs = {
        "seed": job.seed,
        "precision": job.precision,
        "weights": job.weights and job.weights.sha256,
        "kernel": job.data["kernel_sha256"],
    }
    decisive = {
        "method": job.choice.name,
        "version": method.version,
        "hyperparameters": hyperparameters(method),
        "scale": job.case["scale"],
        "lr_sha256": job.data["lr_sha256"],
        "inputs": {name: value for name, value in inputs.items() if name in uses(method)},
    }
    return sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def _check_label(label: str, names: Sequence[str]) -> None:
    from ikebench.catalog import method_paths

    if len(names) != 1:
        raise UserError("--as names one method's results: give one name to --methods")
    if label in method_paths():
        raise UserError(f"--as {label}: that is a method's own name; choose another")
    if not all(character.isalnum() or character in "-_." for character in label) or label.startswith("."):
        raise UserError(f"--as {label}: use letters, digits, '-', '_' and '.'")
