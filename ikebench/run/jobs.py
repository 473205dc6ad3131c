"""What `run` has to do: one job per LR image, method and seed. Pure planning, no files."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from ikebench.catalog import check_label, configured, method_class, uses
from ikebench.command_method import short_name
from ikebench.errors import UserError
from ikebench.seeds import derive_seed
from ikebench.settings import Settings
from ikebench.store.rows import DataRow, RunCase, RunRow
from ikebench.store.workspace import sr_path
from ikebench.weight_files import WeightsFile

if TYPE_CHECKING:
    from baselines.contract import Precision

TYPICAL_CROP = 128  # LR px a side, of the zero-shot methods; only the time left depends on it
QUICK = "-quick"
"""What the names end with under which a first look's results are kept."""
QUICK_ITERATIONS = 100  # of a first look: a minute or two for IKE, on a core, where its paper's 3000 take 40
SMALLEST_TILE = 32  # px
MAX_SEED = 2**63  # torch's generators take signed 64-bit seeds
MAX_ITERATIONS = 2**63  # as a column of the tables holds them

Weights = Mapping[tuple[str, int], WeightsFile]
"""(name of the method in the catalog, scale) -> file."""


@dataclass(frozen=True)
class MethodChoice:
    """A configured method and the name under which its results are kept.

    Attributes:
        label: its name in tables and paths: the method's own, or that of `--as`.
        name: of the method in the catalog.
        method: the configured frozen dataclass (see `baselines.contract.Method`).
    """

    label: str
    name: str
    method: Any

    @cached_property
    def hyperparameters(self) -> dict[str, Any]:
        """The fields of the method that decide its images: all but tiles that change nothing."""
        return _hyperparameters(self.method)

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The hyperparameters that differ from the defaults."""
        default = _hyperparameters(type(self.method)())
        return {name: value for name, value in self.hyperparameters.items() if value != default.get(name)}


@dataclass(frozen=True)
class Job:
    """One image to restore with one method.

    Attributes:
        case: what the result is of; `method` is the choice's label.
        choice: the method.
        seed: of the method's randomness, derived from the case.
        precision: of the method's networks; fp32 where it has none.
        key: hash of everything that decides the SR image.
        wanted_key: that of the job as it was asked for, where memory made its tiles smaller since; else the same.
        cost: `cost` times the method's effort; for the order and the time left.
        data: the LR image.
        weights: the method's trained weights, where it needs some.
    """

    case: RunCase
    choice: MethodChoice
    seed: int
    precision: "Precision"
    key: str
    wanted_key: str
    cost: float
    data: DataRow
    weights: WeightsFile | None = None

    @property
    def sr_path(self) -> str:
        """Where the SR image goes, relative to the workspace."""
        return sr_path(self.case)

    def is_of(self, row: RunRow) -> bool:
        """Say whether a row is what came of this job, on a machine whose memory wanted smaller tiles too."""
        return self.key in (row.key, row.wanted_key)

    def row(self) -> RunRow:
        """Give the row of the job, as far as it is known before the job runs."""
        return RunRow(
            **vars(self.case),
            key=self.key,
            wanted_key=self.wanted_key,
            version=self.choice.method.version,
            precision=self.precision,
            settings=json.dumps(self.choice.settings, sort_keys=True),
            paper_iterations=self.choice.method.paper_iterations,
            lr_sha256=self.data.lr_sha256,
            weights_sha256=self.weights.sha256 if self.weights else None,
            upper_bound="kernel" in uses(self.choice.method),
        )


@dataclass(frozen=True)
class Selection:
    """Which LR images and how: the options of `run` that choose jobs."""

    kinds: Sequence[str] | None = None
    scales: Sequence[int] | None = None
    dataset: str | None = None
    limit: int | None = None
    seeds: Sequence[int] = (0,)
    precision: "Precision" = "fp32"


def choose_methods(
    names: Sequence[str],
    settings: Settings,
    iterations: int | None = None,
    label: str | None = None,
    *,
    quick: bool = False,
) -> list[MethodChoice]:
    """Configure methods.

    Args:
        names: in the catalog, or TOML files of commands.
        settings: of the methods.
        iterations: for every method that trains.
        label: `--as`: keep the results of the one method under this name.
        quick: train `QUICK_ITERATIONS`, and keep the results of what trains under a name of their own.

    Raises:
        UserError: for unknown fields, settings of a method that is not run, or a label that cannot be.
    """
    short = {name: short_name(name) for name in names}
    stray = next((name for name in settings if name not in short.values()), None)
    if stray:
        raise UserError(f"--set {stray}.…: {stray} is not among --methods {','.join(names)}")
    if label is not None:
        if len(names) != 1:
            raise UserError("--as names one method's results: give one name to --methods")
        check_label("--as", label)
    wanted, option = (QUICK_ITERATIONS, "--quick") if quick else (iterations, "--iterations")
    choices = []
    for name in names:
        own_name = short[name] + QUICK if quick and method_class(name).paper_iterations is not None else short[name]
        method = _configured(name, settings.get(short[name], {}), wanted, option)
        choices.append(MethodChoice(label or own_name, short[name], method))
    return choices


def _configured(name: str, settings: Mapping[str, str], iterations: int | None, option: str) -> Any:  # noqa: ANN401
    """Configure a method; `option` is the one that said the iterations."""
    cls, own = method_class(name), dict(settings)
    if iterations is not None and cls.paper_iterations is not None:
        if "iterations" in own:
            raise UserError(f"{option} and --set {name}.iterations: give one of them")
        own["iterations"] = str(iterations)
    method = configured(cls, name, own)
    if (getattr(method, "iterations", None) or 0) >= MAX_ITERATIONS:
        raise UserError(f"{name}: iterations must be below 2^63")
    return method


def _hyperparameters(method: Any) -> dict[str, Any]:  # noqa: ANN401 (a configured method)
    without = {field.name for field in fields(method) if not field.metadata.get("decides", True)}
    later = [field for field in fields(method) if field.metadata.get("later")]
    without |= {field.name for field in later if getattr(method, field.name) == field.default}
    without |= {"tile"} - uses(method)
    return {name: value for name, value in asdict(method).items() if name not in without}


def plan(
    data: Sequence[DataRow], choices: Sequence[MethodChoice], selection: Selection, weights: Weights | None = None
) -> tuple[list[Job], list[str]]:
    """Plan the jobs, and say in a line each what was left out because a method cannot do it.

    First those that train nothing on the image: whoever stops early has something to compare with. Then the longest.

    A method that needs weights does those scales for which `weights` has some.

    Raises:
        UserError: if nothing is selected.
    """
    rows, weights = select_rows(data, selection), weights or {}
    jobs, left_out = [], []
    for choice in choices:
        possible, lines = _possible(rows, choice, weights)
        left_out += lines
        # What a seed does not change is run once.
        seeds = list(dict.fromkeys(seed if "seed" in uses(choice.method) else 0 for seed in selection.seeds))
        files = [weights.get((choice.name, row.scale)) for row in possible]
        jobs += [
            _job(_sized(choice, file), row, seed, selection.precision, file)
            for seed in seeds
            for row, file in zip(possible, files, strict=True)
        ]
    return sorted(jobs, key=_turn), left_out


def _turn(job: Job) -> tuple[bool, float, int]:
    """Give what jobs are sorted by; of equals the largest comes first: it shows what the others' memory is at most."""
    return job.case.iterations is not None, -job.cost, -job.data.height * job.data.width


def _sized(choice: MethodChoice, file: WeightsFile | None) -> MethodChoice:
    """Give the choice with the sizes of the file's network."""
    return choice if file is None or file.method is None else replace(choice, method=file.method)


def _possible(rows: Sequence[DataRow], choice: MethodChoice, weights: Weights) -> tuple[list[DataRow], list[str]]:
    """Take the rows that a method can do, with a line for what else it cannot do, missing weights apart."""
    possible = [row for row in rows if row.scale in choice.method.scales]
    scales = sorted({row.scale for row in rows} - {row.scale for row in possible})
    left_out = [f"{choice.label} does not do x{scale}: left out" for scale in scales]
    used = uses(choice.method)
    if "kernel" in used:
        for kind in dict.fromkeys(row.kind for row in possible if row.kernel_path is None):
            left_out.append(f"{choice.label} needs the true kernel, which {kind} does not have: left out")
        possible = [row for row in possible if row.kernel_path is not None]
    if "weights" in used:
        possible = [row for row in possible if (choice.name, row.scale) in weights]
    return possible, left_out


def select_rows(data: Sequence[DataRow], selection: Selection) -> list[DataRow]:
    """Take the LR images that are selected; `limit` counts images of each set.

    Raises:
        UserError: if there are none, with what there is.
    """
    rows = list(data)
    wanted = {"kind": selection.kinds, "scale": selection.scales, "set": selection.dataset and [selection.dataset]}
    for column, values in wanted.items():
        if values is None:
            continue
        there = {getattr(row, column) for row in data}
        missing = [value for value in values if value not in there]
        if missing:
            known = ", ".join(map(str, sorted(there)))
            raise UserError(f"no data of {column} {missing[0]}: there is {known}; `ikebench make-data` makes more")
        rows = [row for row in rows if getattr(row, column) in values]
    if selection.limit is not None:
        rows = _first_images(rows, selection.limit)
    if not rows:
        raise UserError("no data of that kind and scale together: `ikebench make-data` makes it")
    return rows


def _first_images(rows: Sequence[DataRow], limit: int) -> list[DataRow]:
    """Take the rows of each set's first images."""
    images: dict[str, dict[str, int]] = {}
    for row in rows:
        of_set = images.setdefault(row.set, {})
        of_set.setdefault(row.image, len(of_set))
    return [row for row in rows if images[row.set][row.image] < limit]


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
    smaller = replace(job, choice=replace(choice, method=replace(choice.method, tile=tile // 2)))
    return replace(smaller, key=_key(smaller))


def _job(choice: MethodChoice, data: DataRow, base: int, precision: "Precision", weights: WeightsFile | None) -> Job:
    iterations, used = getattr(choice.method, "iterations", None), uses(choice.method)
    image, kind, scale = data.image, data.kind, data.scale
    case = RunCase(
        set=data.set, image=image, kind=kind, scale=scale, method=choice.label, seed=base, iterations=iterations
    )
    # Of the case, not of the method's name: rivals and variants start from equal random numbers. Tagged: they must be
    # others than those that made the LR image.
    seed = derive_seed("training", base, image, kind, scale) % MAX_SEED
    work = getattr(choice.method, "effort", 1.0) * cost(iterations, scale, data.height, data.width)
    own = precision if "precision" in used else "fp32"
    job = Job(case, choice, seed, own, "", "", work, data, weights)
    key = _key(job)
    return replace(job, key=key, wanted_key=key)


def _key(job: Job) -> str:
    """Hash everything that decides the job's SR image, and nothing else."""
    method = job.choice.method
    inputs = {
        "seed": job.seed,
        "precision": job.precision,
        "weights": job.weights and job.weights.sha256,
        "kernel": job.data.kernel_sha256,
    }
    decisive = {
        "method": job.choice.name,
        "version": method.version,
        "hyperparameters": job.choice.hyperparameters,
        "scale": job.case.scale,
        "lr_sha256": job.data.lr_sha256,
        "inputs": {name: value for name, value in inputs.items() if name in uses(method)},
    }
    return sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()
