"""The commands behind the command line: each step, what it says on stderr, and its exit code."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

import click
import pandas as pd
import torch

import reports
from baselines.contract import Precision
from baselines.memory import lacks_memory
from ikebench.catalog import PAPER_KINDS, Overrides, check_names, method_paths, uses
from ikebench.data import demo_photos
from ikebench.data import fetch as fetching
from ikebench.data import make as datasets
from ikebench.data.sources import HRSource, check_name, find_hr
from ikebench.devices import cpu_has_bf16
from ikebench.engines.local import run_local
from ikebench.errors import UserError
from ikebench.images import by_stem
from ikebench.progress import Progress
from ikebench.provenance import append_manifest, provenance
from ikebench.run import jobs, runner
from ikebench.run import weights as weight_files
from ikebench.run.worker import Restorer
from ikebench.score import scorer
from ikebench.store import DATA_SCHEMA, SCORE_SCHEMA, Row, Workspace, collect_runs, frame_of, read_table
from ikebench.train import loop as training

OK, FAILED, BAD_INPUT = 0, 1, 2


@dataclass(frozen=True)
class DataOptions:
    """The options of `make-data`."""

    kinds: Sequence[str] = PAPER_KINDS
    scales: Sequence[int] = (2,)
    overrides: Overrides = field(default_factory=dict)
    hr: str | None = None
    name: str | None = None
    limit: int | None = None
    seed: int = 0
    track2_lr: Path | None = None
    workers: int | None = None


@dataclass(frozen=True)
class RunOptions:
    """The options of `run`."""

    methods: Sequence[str]
    kinds: Sequence[str] | None = None
    scales: Sequence[int] | None = None
    overrides: Overrides = field(default_factory=dict)
    weights: Mapping[str, Sequence[Path]] = field(default_factory=dict)
    dataset: str | None = None
    lr: Path | None = None
    limit: int | None = None
    iterations: int | None = None
    label: str | None = None
    seed: int = 0
    device: str = "auto"
    precision: Precision = "fp32"
    workers: int | None = None
    engine: str = "local"
    address: str | None = None
    gpus_per_job: float | None = None
    in_flight: int | None = None
    capture: bool = True
    checkpoint_every: int | None = None
    retry_failed: bool = False
    dry_run: bool = False


def make_data(workspace: Workspace, options: DataOptions) -> int:
    """HR -> LR; exit code 1 if something is refused, 2 if nothing is left."""
    source = find_hr(options.hr, options.name, workspace.div2k_folder)
    if source.message:
        _say(source.message)
    return degrade(workspace, source, options)


def degrade(workspace: Workspace, source: HRSource, options: DataOptions) -> int:
    """Degrade the images of a source."""
    source = replace(source, files=dict(list(source.files.items())[: options.limit]))
    recipe = datasets.build_recipe(
        options.kinds, options.scales, options.seed, options.overrides, options.track2_lr or source.track2
    )
    with workspace.locked(), Progress(len(source.files), len(source.files), "images") as progress:
        described = _describe(workspace, "make-data", asdict(options))
        workers = options.workers or _cores()
        made = datasets.make_data(workspace, source, recipe, described, workers, progress.advance)
    for what, reason in made.refused.items():
        _say(f"refused {what}: {reason}")
    if made.outdated:
        _say(f"dropped {made.outdated} LR images of other HR images of the same names (--name keeps sets apart)")
    images = len({row["image"] for row in made.rows})
    _say(
        f"{source.name}: {images} images, {made.made} LR images made, {len(made.rows) - made.made} already there, "
        f"{len(made.refused)} refused -> {workspace.data_table}"
    )
    if not made.rows:
        return BAD_INPUT
    return FAILED if made.refused else OK


def run(workspace: Workspace, options: RunOptions) -> int:
    """LR -> SR, scores and report; exit code 1 if jobs failed or methods lack their weights."""
    engine, devices, workers = _engine(options)
    if options.lr is None:
        workspace.require_data()
    choices = jobs.choose_methods(options.methods, options.overrides, options.iterations, options.label)
    wanted = options.precision if any("precision" in uses(choice.method) for choice in choices) else "fp32"
    if wanted == "tf32" and devices == ("cpu",):
        raise UserError("--precision tf32 is arithmetic of NVIDIA's GPUs, and there is none here: use fp32 or bf16")
    if wanted == "bf16" and devices == ("cpu",) and not cpu_has_bf16():
        _say("this CPU has no instructions for bfloat16: --precision bf16 may be slower than fp32 here")
    if options.dry_run:
        return _dry_run(workspace, _plan(workspace, choices, options), workers)
    with workspace.locked():
        described = _describe(workspace, "run", asdict(options) | {"devices": devices})
        pending = _plan(workspace, choices, options, described)
        _say_replaced(pending)
        restorer = Restorer(
            workspace.root.absolute(),  # processes of other machines start in other folders
            devices,
            checkpoint_every=options.checkpoint_every,
            in_flight=options.in_flight or (1 if options.engine == "ray" else None),  # Ray shares the GPUs itself
            gpu_share=min(1.0, len(devices) / workers),
            capture=options.capture,
        )
        try:
            failed = pending.failed + runner.execute(workspace, pending.todo, restorer, engine, workers)
        finally:
            runs = collect_runs(workspace, described)
        _say(f"{len(pending.todo)} jobs run, {pending.done} already done, {len(failed)} failed")
        for line in runner.failure_lines(failed):
            _say(line)
        if pending.failed:
            _say(f"{len(pending.failed)} of the failures are from earlier runs: --retry-failed runs them again")
        scored = _score_and_report(workspace, runs, described, options.workers)
    return FAILED if failed or pending.refused or pending.missing else scored


def train(workspace: Workspace, options: training.TrainOptions) -> int:
    """HR -> weights of a network; exit code 1 if images are refused, 2 if none is left."""
    device = torch.device(_devices(options.device)[0])
    described = provenance("train", asdict(options))
    try:
        return OK if training.train(workspace.weights_folder, options, device, described, _say) else FAILED
    except Exception as error:
        if not lacks_memory(error):
            raise
        name = options.network
        raise UserError(f"the GPU's memory does not hold it: try --set {name}.batch=... or {name}.patch=...") from error


def score(workspace: Workspace, workers: int | None) -> int:
    """SR -> scores and report; exit code 1 if files are refused."""
    workspace.require_data()
    with workspace.locked():
        described = _describe(workspace, "score", {})
        runs = collect_runs(workspace, described)
        if runs.empty:
            raise UserError(f"no results in {workspace.root}: `ikebench run --methods bicubic` makes some")
        return _score_and_report(workspace, runs, described, workers)


def _score_and_report(workspace: Workspace, runs: pd.DataFrame, described: Row, workers: int | None) -> int:
    with Progress(len(runs), len(runs), "scored") as progress:
        scored = scorer.score(workspace, runs, described, workers or _cores(), progress.advance)
    if scored.stale:
        _say(f"{scored.stale} results are on LR images that have been made anew since: not scored; run again")
    if scored.unscorable:
        _say(f"{scored.unscorable} results have no HR to score against; the images are in {workspace.root / 'sr'}")
    for line in scored.refused:
        _say(f"refused: {line}")
    if scored.scores.empty:
        reports.clear(workspace.report_folder)
    else:
        _write_report(workspace, scored.scores)
    return FAILED if scored.refused else OK


def report(workspace: Workspace, formats: Sequence[str], protocol: str) -> int:
    """Scores -> tables."""
    if not workspace.scores_table.exists():
        raise UserError(f"no scores in {workspace.root}: `ikebench run` or `ikebench score` makes them")
    scores = read_table(workspace.scores_table, SCORE_SCHEMA)
    current = scorer.without_stale(scores, workspace.require_data())
    if len(current) < len(scores):
        _say(
            f"{len(scores) - len(current)} scores are on LR images that have been made anew since: left out; run again"
        )
    if current.empty:
        raise UserError(f"no current scores in {workspace.root}: `ikebench run` makes them")
    _write_report(workspace, current, formats, protocol)
    return OK


def fetch(workspace: Workspace, name: str, scales: Sequence[int] | None) -> int:
    """Download DIV2K, or a method's weights."""
    if name != "div2k":
        check_names("thing to fetch", [name], {**method_paths(), "div2k": ""})
        fetching.fetch_weights(name, scales, workspace.weights_folder, _say)
    elif scales is None:
        fetching.fetch_div2k(workspace.div2k_folder, _say)
    else:
        raise UserError("div2k comes whole: leave out --scale")
    return OK


def demo(workspace: Workspace, workers: int | None) -> int:
    """All four steps on two small crops."""
    source = demo_photos.write(workspace.root / "demo-photos")
    degrade(workspace, source, DataOptions(workers=workers))
    code = run(
        workspace,
        RunOptions(("bicubic", "ike"), dataset=source.name, iterations=demo_photos.ITERATIONS, workers=workers),
    )
    scores = read_table(workspace.scores_table)
    click.echo(reports.markdown_tables(scores[scores["set"] == source.name]))
    click.echo(f"Everything is in {workspace.root}: LR in data/, SR in sr/, scores.parquet, report/report.md")
    return code


def _plan(
    workspace: Workspace, choices: Sequence[jobs.MethodChoice], options: RunOptions, described: Row | None = None
) -> runner.Pending:
    """Plan the jobs and sort out what is done; LR images of `--lr` are copied only with a description of the run."""
    refused: dict[str, str] = {}
    if options.lr is None:
        data = workspace.require_data()
    else:
        data, refused = _given_lr(workspace, options, options.lr, described)
    selection = jobs.Selection(
        options.kinds, options.scales, options.dataset, options.limit, options.seed, options.precision
    )
    scales = jobs.select_rows(data, selection)["scale"]
    found = weight_files.find(choices, scales, options.weights, workspace.weights_folder)
    planned, left_out = jobs.plan(data, choices, selection, found.files)
    if not planned:
        raise UserError("; ".join(left_out + found.missing) or "nothing to run")
    for line in left_out + found.missing:
        _say(line)
    pending = runner.pending(workspace, planned, retry_failed=options.retry_failed)
    return replace(pending, refused=len(refused), missing=len(found.missing))


def _given_lr(
    workspace: Workspace, options: RunOptions, folder: Path, described: Row | None
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Take the LR images of `--lr` in; gives their rows of `data.parquet`, and what cannot be read."""
    if options.scales is None or len(options.scales) != 1:
        raise UserError("--lr needs one --scale: how many times larger the images are to become")
    if options.kinds is not None or options.dataset is not None:
        raise UserError("--lr brings its own images: leave out --kind and --dataset")
    if not folder.is_dir():
        raise UserError(f"--lr {folder}: no such folder")
    [scale], name = options.scales, folder.resolve().name
    check_name(name)
    rows, refused = datasets.import_lr(
        workspace, by_stem(folder, f"x{scale}"), name, scale, write=described is not None
    )
    for image, reason in refused.items():
        _say(f"refused {image}: {reason}")
    if not rows:
        raise UserError(f"--lr {folder}: no image in it can be read")
    if described is not None:
        datasets.merge(workspace, rows, described)
    return frame_of(rows, DATA_SCHEMA), refused


def _say_replaced(pending: runner.Pending) -> None:
    for label, count in pending.replaced.items():
        _say(f"{label}: {count} results of other settings or other LR images will be replaced (--as keeps both)")


def _dry_run(workspace: Workspace, pending: runner.Pending, workers: int) -> int:
    _say_replaced(pending)
    for job in pending.todo:
        click.echo(runner.describe(job.case))
    hours, gigabytes = runner.estimate(workspace, pending.todo, workers)
    time = "time unknown (a method has not been run here yet)" if hours is None else f"about {hours:.2f} h"
    click.echo(
        f"{len(pending.todo)} jobs to run, {pending.done} done, {len(pending.failed)} failed before; "
        f"{time} with {workers} workers, about {gigabytes:.3f} GiB"
    )
    return OK


def _write_report(
    workspace: Workspace, scores: pd.DataFrame, formats: Sequence[str] = ("md", "tex"), protocol: str = "ike"
) -> None:
    try:
        paths = reports.write_report(scores, workspace.report_folder, formats=formats, protocol=protocol)
    except ValueError as error:
        raise UserError(str(error)) from error
    _say(f"tables: {', '.join(str(path) for path in paths)}")


def _describe(workspace: Workspace, command: str, flags: Row) -> Row:
    """Describe the command, also in the manifest."""
    described = provenance(command, flags)
    append_manifest(workspace, described)
    return described


def _engine(options: RunOptions) -> tuple[runner.Engine, tuple[str, ...], int]:
    """Choose what runs the jobs; gives also the torch devices of its workers, and how many of these there are."""
    if options.engine == "ray":
        return _ray_engine(options)
    for name, value in {"--address": options.address, "--gpus-per-job": options.gpus_per_job}.items():
        if value is not None:
            raise UserError(f"{name} has a meaning with --engine ray only: add that, or leave {name} out")
    devices = _devices(options.device)
    workers = options.workers or (_cores() if devices == ("cpu",) else len(devices))
    return partial(run_local, workers=workers), devices, workers


def _ray_engine(options: RunOptions) -> tuple[runner.Engine, tuple[str, ...], int]:
    try:
        from ikebench.engines.ray import Cluster, run_ray
    except ModuleNotFoundError as error:
        raise UserError("--engine ray needs Ray: pip install 'ikebench[ray]'") from error
    device, share = _ray_device(options)
    if options.address is None:
        gpus = len(_devices(device)) if share else 0
        workers = options.workers or (gpus * int(1 / share) if share else _cores())
    else:
        workers = options.workers or 1  # how many there are, the cluster decides: estimates are for one
    cluster = Cluster(options.address, workers, share)
    return partial(run_ray, cluster=cluster), (device,), workers


def _ray_device(options: RunOptions) -> tuple[str, float]:
    """Give the torch device of Ray's workers, which see only the GPU that Ray gives them, and a job's share of it."""
    device, share = options.device, options.gpus_per_job
    if device not in ("auto", "cpu", "cuda"):
        raise UserError(f"--device {device}: with --engine ray say auto, cpu or cuda; Ray hands out the GPUs")
    if device == "auto":
        wants_gpu = torch.cuda.is_available() if share is None else share > 0
        device = "cuda" if wants_gpu else "cpu"
    if share is None:
        share = 1.0 if device == "cuda" else 0.0
    if (share > 0) != (device == "cuda"):
        raise UserError(f"--gpus-per-job {share:g} and --device {device}: leave out one of them")
    return device, share


def _devices(wanted: str) -> tuple[str, ...]:
    """Give the torch devices to use: one per worker."""
    gpus = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    choices = {"cpu": ["cpu"], "cuda": gpus, "auto": gpus or ["cpu"]} | {gpu: [gpu] for gpu in gpus}
    if not choices.get(wanted):
        found = ", ".join(["cpu", *gpus]) if gpus else "cpu only (torch sees no CUDA device)"
        raise UserError(f"--device {wanted}: there is {found}")
    return tuple(choices[wanted])


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
