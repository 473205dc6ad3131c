"""`ikebench run`: LR -> SR, scores and tables."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ikebench.catalog import METHODS, uses
from ikebench.commands import sr_folders
from ikebench.commands.options import (
    FAILED,
    OK,
    PER_CORE_OR_GPU,
    device_option,
    kinds_option,
    methods_option,
    precision_option,
    read_by,
    retry_option,
    say,
    scales_option,
    seeds_option,
    settings_option,
    trace_option,
    weights_option,
    workers_option,
    workspace_option,
)
from ikebench.commands.score import collect, score_and_report
from ikebench.data.given import import_lr
from ikebench.data.sources import check_name
from ikebench.data.table import existing_rows, merge, require_data
from ikebench.errors import UserError
from ikebench.files import check_folder
from ikebench.images import by_stem, left_out
from ikebench.machine import cpu_has_bf16
from ikebench.progress import counted, spoken
from ikebench.provenance import describe
from ikebench.run import jobs, runner, weights
from ikebench.run.estimate import Expected, disk_gib, expect, wall_hours
from ikebench.run.pending import Pending, note_versions, pending
from ikebench.run.placement import Placement, place
from ikebench.run.worker import Restorer
from ikebench.settings import Settings, parse_sr
from ikebench.store.hashes import Hashes, hashes_of
from ikebench.store.row_files import RowFiles
from ikebench.store.rows import DataRow, RunRow
from ikebench.store.workspace import Workspace

if TYPE_CHECKING:
    from baselines.contract import Precision


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The options of `run`."""

    workspace: Workspace
    methods: Sequence[str] = ()
    sr: Mapping[str, Sequence[Path]] = field(default_factory=dict)
    off_by_one: bool = False
    kinds: Sequence[str] | None = None
    scales: Sequence[int] | None = None
    settings: Settings = field(default_factory=dict)
    weights: Mapping[str, Sequence[Path]] = field(default_factory=dict)
    dataset: str | None = None
    lr: Path | None = None
    limit: int | None = None
    iterations: int | None = None
    label: str | None = None
    seeds: Sequence[int] = (0,)
    device: str = "auto"
    precision: "Precision" = "fp32"
    workers: int | None = None
    engine: str = "local"
    address: str | None = None
    gpus_per_job: float | None = None
    in_flight: int | None = None
    capture: bool = True
    checkpoint_every: int | None = None
    trace: int | None = None
    retry_failed: bool = False
    replace: bool = False
    quick: bool = False
    dry_run: bool = False
    list_jobs: bool = False

    @property
    def selection(self) -> jobs.Selection:
        """Which LR images, and how."""
        return jobs.Selection(self.kinds, self.scales, self.dataset, self.limit, self.seeds, self.precision)


@click.command()
@methods_option(
    "Names between commas (`ikebench list methods`), all, zero-shot or supervised; or a TOML file with the command of "
    "a program (docs/add-a-method.md)."
)
@click.option(
    "--sr",
    multiple=True,
    metavar="NAME=FOLDER",
    callback=read_by(parse_sr),
    help="Take the SR images of a folder, made elsewhere, in as the results of method NAME; they are matched by name.",
)
@click.option("--off-by-one", is_flag=True, help="Of --sr: take images that are a pixel too large or too small.")
@kinds_option(None, "Only these degradations.")
@scales_option(None)
@click.option("--dataset", default=None, metavar="SET", help="Only this set.")
@click.option("--lr", type=click.Path(path_type=Path), default=None, help="A folder of LR images without HR.")
@click.option("--limit", type=click.IntRange(min=1), default=None, help="Only the first images of each set.")
@click.option("--iterations", type=click.IntRange(min=0), default=None, help="Of training, where a method trains.")
@settings_option()
@weights_option(
    "Trained weights of a method; the file tells for which scale.  "
    "[default: what is in $IKEBENCH_WEIGHTS or WORKSPACE/weights]"
)
@click.option("--as", "label", default=None, metavar="NAME", help="Keep the results of one method under this name.")
@seeds_option
@device_option
@precision_option
@workers_option(PER_CORE_OR_GPU)
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Processes of this machine, or Ray tasks; the same results.",
)
@click.option(
    "--address",
    default=None,
    metavar="auto|HOST:PORT",
    help="Of the running Ray cluster that this machine is a node of; it decides how many jobs run at once.  "
    "[default: a Ray of --workers, on this machine]",
)
@click.option(
    "--gpus-per-job",
    type=click.FloatRange(0, 1),
    default=None,
    help="Of Ray: each job's share of a GPU, 0.25 for four jobs on each.  [default: 1, or 0 on CPUs]",
)
@click.option(
    "--in-flight",
    type=click.IntRange(min=1),
    default=None,
    help="Images that train at once on a device.  "
    "[default: what a GPU holds, up to 8; 1 on a CPU and where Ray shares GPUs]",
)
@click.option("--capture/--no-capture", default=True, help="Capture training steps in CUDA graphs.  [default: on GPUs]")
@click.option(
    "--checkpoint-every", type=click.IntRange(min=1), default=None, help="Save long trainings, in iterations."
)
@trace_option
@retry_option
@click.option(
    "--replace",
    is_flag=True,
    help="Let a shorter training take the place of a longer one, or --sr that of results made here.",
)
@click.option(
    "--quick",
    is_flag=True,
    help=f"A first look: {jobs.QUICK_ITERATIONS} iterations, kept under names of their own (ike-quick).",
)
@click.option("--dry-run", is_flag=True, help="Only print how many jobs there are, and the hours and disk they take.")
@click.option("--list-jobs", is_flag=True, help="A --dry-run that prints every job, too.")
@workspace_option
def command(**options: Any) -> int:  # noqa: ANN401 (click hands over its options)
    """Restore LR images, then score and report. What has been done is not done again."""
    options["dry_run"] |= options["list_jobs"]
    return run(RunOptions(**options))


def run(options: RunOptions) -> int:
    """LR -> SR, scores and report; exit code 1 if jobs failed, images are refused or methods lack their weights."""
    placement = place(options.engine, options.device, options.workers, options.address, options.gpus_per_job)
    if options.lr is None:
        require_data(options.workspace)
    choices = choose(options)
    check_precision(options.precision, choices, placement)
    workspace, rows = options.workspace, RowFiles(options.workspace, mend=not options.dry_run)
    if options.dry_run:
        with hashes_of(workspace.root, keep=False) as hashes:
            return _dry_run(options, _plan(options, choices, rows, hashes), placement)
    with workspace.locked(), hashes_of(workspace.root) as hashes:
        described = describe(workspace, "run", asdict(options) | {"devices": placement.devices})
        refused = sr_folders.take_folders(options, rows)
        plan = _plan(options, choices, rows, hashes, described)
        for line in time_lines(expect(workspace, plan.data, plan.pending.todo, placement), placement):
            say(line)
        try:
            failed = plan.pending.failed + execute(options, plan.pending.todo, placement)
        finally:
            rows.forget(job.case for job in plan.pending.todo)
            runs = collect(workspace, rows, described)
        if options.methods:
            say_ended(plan.pending, failed)
        scored = score_and_report(workspace, runs, hashes, described, options.workers)
    return FAILED if failed or refused or plan.refused or plan.missing else scored


def choose(options: RunOptions) -> list[jobs.MethodChoice]:
    """Configure the methods.

    Raises:
        UserError: if there are none, or options contradict each other.
    """
    if not options.methods and not options.sr:
        raise UserError("nothing to run: give --methods (`ikebench list methods`) or --sr NAME=FOLDER")
    sr_folders.check(options)
    if options.quick and options.iterations is not None:
        raise UserError(f"--quick is {jobs.QUICK_ITERATIONS} iterations: leave out --quick or --iterations")
    return jobs.choose_methods(
        options.methods, options.settings, options.iterations, options.label, quick=options.quick
    )


@dataclass(frozen=True)
class Plan:
    """What `run` has found to do.

    Attributes:
        data: every LR image of the workspace, those of `--lr` too.
        pending: jobs to do, and those done.
        refused: number of images of `--lr` that cannot be read.
        missing: number of methods and scales that lack their weights.
    """

    data: Sequence[DataRow]
    pending: Pending
    refused: int
    missing: int


def _plan(
    options: RunOptions,
    choices: Sequence[jobs.MethodChoice],
    rows: RowFiles,
    hashes: Hashes,
    described: dict[str, Any] | None = None,
) -> Plan:
    """Plan the jobs and sort out what is done; LR images of `--lr` are copied only with a description of the run."""
    refused: dict[str, str] = {}
    if options.lr is None:
        data = require_data(options.workspace)
    else:
        data, refused = _given_lr(options, options.lr, described)
    scales = {row.scale for row in jobs.select_rows(data, options.selection)}
    found = weights.find(choices, scales, options.weights, options.workspace.weights_folder)
    planned, left_out = jobs.plan(data, choices, options.selection, found.files)
    if not planned and not options.sr:
        raise UserError("; ".join(left_out + found.missing) or "nothing to run")
    for line in left_out + found.missing:
        say(line)
    if described is not None:
        note_versions(planned, rows)
    sorted_out = pending(planned, rows, hashes, retry_failed=options.retry_failed, replace_longer=options.replace)
    for label, count in sorted_out.replaced.items():
        say(f"{label}: {count} results of other settings, versions or LR images will be replaced (--as keeps both)")
    for label, count in sorted_out.given_up.items():
        say(f"{label}: {count} results of longer trainings will be replaced (--as NAME keeps both)")
    for label, count in sorted_out.kept.items():
        say(f"{label}: {count} results of longer trainings are kept: --replace gives them up, --as NAME keeps both")
    return Plan([*existing_rows(options.workspace), *data], sorted_out, len(refused), len(found.missing))


def _given_lr(
    options: RunOptions, folder: Path, described: dict[str, Any] | None
) -> tuple[list[DataRow], dict[str, str]]:
    """Take the LR images of `--lr` in; gives their rows of `data.parquet`, and what cannot be read."""
    if options.scales is None or len(options.scales) != 1:
        raise UserError("--lr needs one --scale: how many times larger the images are to become")
    if options.kinds is not None or options.dataset is not None:
        raise UserError("--lr brings its own images: leave out --kind and --dataset")
    check_folder("--lr", folder)
    [scale], name = options.scales, folder.resolve().name
    check_name(name)
    files = by_stem(folder, f"x{scale}")
    if others := left_out(folder):
        say(others)
    rows, refused = import_lr(options.workspace, files, name, scale, write=described is not None)
    for image, reason in refused.items():
        say(f"refused {image}: {reason}")
    if not rows:
        raise UserError(f"--lr {folder}: no image in it can be read")
    if described is not None:
        merge(options.workspace, rows, described)
    return rows, refused


def check_precision(precision: str, choices: Sequence[jobs.MethodChoice], placement: Placement) -> None:
    """Refuse, or tell of, a precision that these methods use and this machine lacks."""
    if placement.devices != ("cpu",) or not any("precision" in uses(choice.method) for choice in choices):
        return
    if precision == "tf32":
        raise UserError("--precision tf32 is arithmetic of NVIDIA's GPUs, and there is none here: use fp32 or bf16")
    if precision == "bf16" and not cpu_has_bf16():
        say("this CPU has no instructions for bfloat16: --precision bf16 may be slower than fp32 here")


def execute(options: RunOptions, todo: Sequence[jobs.Job], placement: Placement) -> list[RunRow]:
    """Run jobs; gives the rows of those that failed."""
    if not todo:
        return []
    restorer = Restorer(
        options.workspace.root.absolute(),  # processes of other machines start in other folders
        placement.devices,
        checkpoint_every=options.checkpoint_every,
        in_flight=options.in_flight or (1 if placement.shares_devices else None),
        gpu_share=min(1.0, len(placement.devices) / placement.workers),
        capture=options.capture,
        trace_every=options.trace,
        imports=("ikebench.run.restoring", *dict.fromkeys(module for job in todo for module in _imports(job))),
    )
    groups = runner.grouped(todo, min(restorer.most_in_flight, -(-len(todo) // placement.workers)))
    return runner.execute(options.workspace, groups, restorer, placement.engine)


def _imports(job: jobs.Job) -> tuple[str, ...]:
    """Give what a method of ours imports; a worker imports others' itself: where that fails, it costs it alone."""
    return getattr(job.choice.method, "imports", ()) if job.choice.name in METHODS else ()


def say_ended(pending: Pending, failed: Sequence[RunRow]) -> None:
    """Say how many jobs have been run, and what failed."""
    say(f"{counted(len(pending.todo), 'job')} run, {pending.done} already done, {len(failed)} failed")
    for line in runner.failure_lines(failed):
        say(line)
    if pending.failed:
        say(f"{len(pending.failed)} of the failures are from earlier runs: --retry-failed runs them again")


def _dry_run(options: RunOptions, plan: Plan, placement: Placement) -> int:
    pending = plan.pending
    if options.list_jobs:
        for job in pending.todo:
            click.echo(runner.describe(job.case))
    for line in time_lines(expect(options.workspace, plan.data, pending.todo, placement), placement):
        click.echo(line)
    click.echo(
        f"{counted(len(pending.todo), 'job')} to run, {pending.done} done, {len(pending.failed)} failed before; "
        f"about {disk_gib(pending.todo):.3f} GiB"
    )
    return OK


def time_lines(expected: Sequence[Expected], placement: Placement) -> list[str]:
    """Say how long jobs will take: a line for each method and scale, and one for all of them."""
    lines = []
    for one in expected:
        if one.seconds is None:
            time = "which take nobody knows how long: none has been run here yet"
        else:
            time = f"about {spoken(one.seconds / one.jobs)} each" + ", by this machine's speed" * (not one.measured)
        lines.append(f"{one.label} x{one.scale}: {counted(one.jobs, 'job')}, {time}")
    hours = wall_hours(expected, placement.workers)
    if expected and hours is not None:
        lines.append(f"about {spoken(3600 * hours)} in all with {counted(placement.workers, 'worker')}")
    return lines
