"""`ikebench reproduce`: the paper's tables and its ablation, image by image, beside what was published."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ikebench.commands.make_data import DataOptions, degrade
from ikebench.commands.options import (
    BAD_INPUT,
    FAILED,
    OK,
    PER_CORE_OR_GPU,
    device_option,
    names_option,
    precision_option,
    read_by,
    retry_option,
    say,
    scales_option,
    seeds_option,
    trace_option,
    weights_option,
    workers_option,
    workspace_option,
)
from ikebench.commands.run import RunOptions, check_precision, execute, say_ended, time_lines
from ikebench.commands.score import collect, score_and_report
from ikebench.data.sources import HRSource, find_hr
from ikebench.data.table import require_data
from ikebench.errors import UserError
from ikebench.plans import Plan, read_plan
from ikebench.progress import counted, spoken
from ikebench.provenance import describe
from ikebench.run import jobs
from ikebench.run.estimate import expect, wall_hours
from ikebench.run.pending import Pending, pending
from ikebench.run.placement import Placement, place
from ikebench.run.rounds import Budget, rounds
from ikebench.run.weights import Given, find
from ikebench.store.gathered import scores_of
from ikebench.store.hashes import Hashes, hashes_of
from ikebench.store.row_files import RowFiles
from ikebench.store.rows import DataRow, RunRow
from ikebench.store.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

    from baselines.contract import Precision

CHECKPOINT_EVERY = 250  # iterations: minutes on a CPU, of trainings that take an hour


@dataclass(frozen=True, kw_only=True)
class ReproduceOptions:
    """The options of `reproduce`."""

    plan: Plan
    workspace: Workspace
    images: int | None = None
    hours: float | None = None
    kinds: Sequence[str] | None = None
    scales: Sequence[int] | None = None
    methods: Sequence[str] | None = None
    seeds: Sequence[int] = (0,)
    iterations: int | None = None
    hr: str | None = None
    track2_lr: Path | None = None
    weights: Given = field(default_factory=dict)
    device: str = "auto"
    precision: "Precision" = "fp32"
    workers: int | None = None
    trace: int | None = None
    retry_failed: bool = False
    dry_run: bool = False

    @property
    def part(self) -> Plan:
        """What of the plan is asked for."""
        return self.plan.part(self.kinds, self.methods)


@click.command()
@click.argument("plan", metavar="table2|table3|ablation|PLAN.toml", callback=read_by(read_plan))
@click.option("--images", type=click.IntRange(min=1), default=None, help="Only the first images.  [default: all]")
@click.option(
    "--hours",
    type=click.FloatRange(min=0, min_open=True),
    default=None,
    help="Start no image that will not end within so many hours; the same command goes on.",
)
@names_option("--kind", "kinds", "degradations of the plan")
@scales_option(None)
@names_option("--methods", "methods", "rows of the plan's table")
@seeds_option
@click.option(
    "--iterations",
    type=click.IntRange(min=0),
    default=None,
    help="A try-out: fewer iterations than the paper's. Its tables say so.",
)
@click.option("--hr", default=None, help="What stands in for DIV2K: a folder of images, or sample.  [default: div2k]")
@click.option("--track2-lr", type=click.Path(path_type=Path), default=None, help="LR folder (X2, X4) for Track 2.")
@weights_option("Trained weights of a method.  [default: what is in $IKEBENCH_WEIGHTS or WORKSPACE/weights]")
@device_option
@precision_option
@workers_option(PER_CORE_OR_GPU)
@trace_option
@retry_option
@click.option("--dry-run", is_flag=True, help="Make the LR images, and only say how long the rest takes.")
@workspace_option
def command(**options: Any) -> int:  # noqa: ANN401 (click hands over its options)
    """Run every cell of a table of the paper, its ablation, or the variants of a file; what is done is not done again.

    It goes image by image, so that the rows of a table are complete wherever it stops.
    """
    return reproduce(ReproduceOptions(**options))


def reproduce(options: ReproduceOptions) -> int:
    """Make data, run, score and report; exit code 1 if jobs failed or images are refused, 2 for want of data."""
    plan, budget = options.part, Budget(options.hours)
    if options.iterations is not None and plan.iterations is not None:
        raise UserError(f"{plan.name} says its iterations itself ({plan.iterations}): leave out --iterations")
    placement = place("local", options.device, options.workers)
    choices = _choices(options)
    check_precision(options.precision, choices, placement)
    source = find_hr(options.hr or "div2k", plan.set_name, options.workspace.div2k_folder)
    made = _make_data(options, source)
    if made == BAD_INPUT:
        return made
    with options.workspace.locked(), hashes_of(options.workspace.root) as hashes:
        work = Work(options, choices, source.name, placement, hashes)
        ended = work.say_how_long() if options.dry_run else work.run(budget)
    if not options.dry_run:
        _show(options, source.name)
    return max(made, ended)


def _choices(options: ReproduceOptions) -> list[jobs.MethodChoice]:
    iterations = options.plan.iterations if options.iterations is None else options.iterations
    choices = []
    for variant in options.part.variants:
        label = None if variant.label == variant.method else variant.label
        own = None if "iterations" in variant.settings else iterations
        choices += jobs.choose_methods([variant.method], {variant.method: variant.settings}, own, label)
    return choices


def _make_data(options: ReproduceOptions, source: HRSource) -> int:
    plan = options.part
    data = DataOptions(
        workspace=options.workspace,
        kinds=plan.kinds,
        scales=options.scales or plan.scales,
        settings=plan.degradations,
        limit=options.images or plan.images,
        track2_lr=options.track2_lr,
        workers=options.workers,
    )
    return degrade(source, data)


class Work:
    """What there is to do once the LR images are made."""

    def __init__(
        self,
        options: ReproduceOptions,
        choices: Sequence[jobs.MethodChoice],
        set_name: str,
        placement: Placement,
        hashes: Hashes,
    ) -> None:
        """Plan, and say what is left out."""
        self.options, self.workspace, self.placement, self.hashes = options, options.workspace, placement, hashes
        self.data: Sequence[DataRow] = require_data(options.workspace)
        self.rows = RowFiles(options.workspace, mend=True)
        self.pending: Pending = pending(
            self._planned(choices, set_name), self.rows, hashes, retry_failed=options.retry_failed
        )
        if options.iterations is not None and (self.pending.replaced or self.pending.kept):
            raise UserError(
                f"a try-out of {options.iterations} iterations would replace results in {self.workspace.root}: "
                "give it a --workspace of its own"
            )
        for label, count in self.pending.replaced.items():
            say(f"{label}: {count} results of other settings, versions or LR images will be replaced")
        for label, count in self.pending.kept.items():
            say(f"{label}: {count} results of longer trainings are kept (`ikebench remove {label}` gives them up)")

    def _planned(self, choices: Sequence[jobs.MethodChoice], set_name: str) -> list[jobs.Job]:
        """Plan every job, in the order of `run`."""
        options, plan = self.options, self.options.part
        scales = options.scales or plan.scales
        found = find(choices, scales, options.weights, options.workspace.weights_folder)
        limit = options.images or plan.images
        selection = jobs.Selection(plan.kinds, scales, set_name, limit, options.seeds, options.precision)
        planned, left_out = jobs.plan(self.data, choices, selection, found.files)
        for line in dict.fromkeys([*found.missing, *left_out]):
            say(line)
        return planned

    def say_how_long(self) -> int:
        """Say how many jobs there are and how long they take."""
        for line in self._time_lines(self.pending.todo):
            click.echo(line)
        todo = len(self.pending.todo)
        click.echo(f"{counted(todo, 'job')} to run, {self.pending.done} done, {len(self.pending.failed)} failed before")
        return OK

    def _time_lines(self, todo: Sequence[jobs.Job]) -> list[str]:
        return time_lines(expect(self.workspace, self.data, todo, self.placement), self.placement)

    def run(self, budget: Budget) -> int:
        """Run round after round as long as they fit, with scores and report after each."""
        described = describe(self.workspace, "reproduce", asdict(self.options) | {"devices": self.placement.devices})
        for line in self._time_lines(self.pending.todo):
            say(line)
        left = list(rounds(self.pending.todo, self.data, self.placement.workers))
        failed, scored = list(self.pending.failed), OK if left else self._score(described)
        while left:
            hours = wall_hours(expect(self.workspace, self.data, left[0], self.placement), self.placement.workers)
            if not budget.begin(hours):
                say(f"stopped: the next image does not fit into {spoken(3600 * (budget.hours or 0))}")
                break
            failed += self._run_round(left.pop(0), described)
            scored = self._score(described)
        undone = sum(map(len, left))
        ended = Pending(self.pending.todo[undone:], self.pending.done, self.pending.failed)
        say_ended(ended, failed)
        if undone:
            say(f"{counted(undone, 'job')} left: the same command goes on")
        return FAILED if failed else scored

    def _run_round(self, todo: Sequence[jobs.Job], described: dict[str, Any]) -> list[RunRow]:
        options = self.options
        run = RunOptions(workspace=self.workspace, methods=(), checkpoint_every=CHECKPOINT_EVERY, trace=options.trace)
        try:
            return execute(run, todo, self.placement)
        finally:
            self.rows.forget(job.case for job in todo)
            collect(options.workspace, self.rows, described)

    def _score(self, described: dict[str, Any]) -> int:
        runs = self.rows.all()
        return score_and_report(self.workspace, runs, self.hashes, described, self.options.workers) if runs else OK


def _show(options: ReproduceOptions, set_name: str) -> None:
    """Print the plan's own table."""
    import reports

    workspace, plan = options.workspace, options.part
    if not workspace.scores_table.exists():
        return
    scores = scores_of(workspace, [])  # what is left out has been said with the report
    scores = _of_plan(scores, plan, options.scales or plan.scales, set_name)
    if scores.empty:
        return
    if options.iterations is not None:
        click.echo(f"A TRY-OUT of {options.iterations} iterations, not a reproduction.\n")
    if plan.name != "ablation":  # whose own list shows all that it has
        click.echo(reports.markdown_tables(scores))
    for text in reports.variant_sections(scores):
        click.echo(text + "\n")


def _of_plan(scores: "pd.DataFrame", plan: Plan, scales: Sequence[int], set_name: str) -> "pd.DataFrame":
    labels = [variant.label for variant in plan.variants]
    ours = scores["set"].eq(set_name) & scores["kind"].isin(plan.kinds)
    return scores[ours & scores["scale"].isin(scales) & scores["method"].isin(labels)]
