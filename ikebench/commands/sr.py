"""`ikebench sr`: photographs that have no HR, enlarged; the everyday use."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ikebench.catalog import expand_methods
from ikebench.commands.options import (
    FAILED,
    OK,
    PER_CORE_OR_GPU,
    device_option,
    precision_option,
    read_by,
    say,
    settings_option,
    weights_option,
    workers_option,
    workspace_option,
)
from ikebench.commands.photo_files import Target, finish, targets, try_out
from ikebench.commands.run import RunOptions, check_precision, execute, time_lines
from ikebench.data.given import import_lr
from ikebench.errors import UserError
from ikebench.run import jobs, runner, weights
from ikebench.run.estimate import expect
from ikebench.run.pending import pending
from ikebench.run.placement import Placement, place
from ikebench.store.hashes import hashes_of
from ikebench.store.row_files import RowFiles
from ikebench.store.workspace import Workspace, row_path

if TYPE_CHECKING:
    from baselines.contract import Precision

STATE = ".ikebench-sr"
"""Folder beside the results: the state of trainings that are under way. It goes when there is none."""
SET = "photos"


@dataclass(frozen=True, kw_only=True)
class SROptions:
    """The options of `sr`."""

    workspace: Workspace
    photos: Sequence[Path]
    method: str = "ike"
    scale: int = 2
    output: Path | None = None
    compare: bool = False
    replace: bool = False
    iterations: int | None = None
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    weights: Mapping[str, Sequence[Path]] = field(default_factory=dict)
    seed: int = 0
    device: str = "auto"
    precision: "Precision" = "fp32"
    workers: int | None = None
    checkpoint_every: int = 50


def _one_method(text: str) -> str:
    names = expand_methods(text)
    if len(names) != 1:
        raise UserError(f"--method {text}: give one method")
    return names[0]


@click.command()
@click.argument("photos", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PHOTO...")
@click.option(
    "--method", default="ike", show_default=True, callback=read_by(_one_method), help="`ikebench list methods`"
)
@click.option("--scale", type=click.IntRange(2, 4), default=2, show_default=True, help="How many times larger.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=None,
    help="A file, for one photo, or a folder.  [default: PHOTO_ike_x2.png beside it, say]",
)
@click.option("--compare", is_flag=True, help="Write a picture of the part where the method differs most from bicubic.")
@click.option("--replace", is_flag=True, help="Make results anew that are there already.")
@click.option("--iterations", type=click.IntRange(min=0), default=None, help="Of the training, where there is one.")
@settings_option()
@weights_option("Trained weights of the method.  [default: what is in $IKEBENCH_WEIGHTS or WORKSPACE/weights]")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the training.")
@device_option
@precision_option
@workers_option(PER_CORE_OR_GPU)
@click.option(
    "--checkpoint-every",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="Save the training, in iterations: after Ctrl-C the same command goes on from there.",
)
@workspace_option
def command(**options: Any) -> int:  # noqa: ANN401 (click hands over its options)
    """Enlarge photographs, or folders of them; EXIF, colour profile and transparency are kept.

    The time that it takes is said before it starts. After Ctrl-C, the same command goes on.
    """
    return sr(SROptions(**options))


def sr(options: SROptions) -> int:
    """Photographs -> larger ones; exit code 1 if some are refused or fail."""
    placement = place("local", options.device, options.workers)
    [choice] = jobs.choose_methods([options.method], options.settings, options.iterations)
    _check(options, choice, placement)
    wanted = []
    for target in targets(options.photos, f"{choice.label}_x{options.scale}", options.output):
        if target.out.exists() and not options.replace:
            say(f"{target.out} is there already: --replace makes it anew")
        else:
            wanted.append(target)
    folders: dict[Path, list[Target]] = {}
    for target in wanted:
        folders.setdefault(target.out.parent, []).append(target)
    codes = [_enlarge(options, choice, placement, folder, group) for folder, group in folders.items()]
    return max(codes, default=OK)


def _check(options: SROptions, choice: jobs.MethodChoice, placement: Placement) -> None:
    if options.scale not in choice.method.scales:
        raise UserError(f"{choice.label} does x{', x'.join(map(str, choice.method.scales))}, not x{options.scale}")
    if "kernel" in jobs.uses(choice.method):
        raise UserError(f"{choice.label} needs the true kernel, which no photograph brings: choose another method")
    check_precision(options.precision, [choice], placement)


def _enlarge(
    options: SROptions, choice: jobs.MethodChoice, placement: Placement, folder: Path, group: Sequence[Target]
) -> int:
    """Enlarge photographs whose results go into one folder; what has begun there before goes on."""
    workspace = Workspace(folder / STATE)
    with workspace.locked("another -o folder"):
        try:
            written = _run(options, choice, placement, workspace, group)
        finally:
            if not any(workspace.root.rglob("*.checkpoint")):  # nothing there can go on
                shutil.rmtree(workspace.root)
    return OK if written == len(group) else FAILED


def _run(
    options: SROptions,
    choice: jobs.MethodChoice,
    placement: Placement,
    workspace: Workspace,
    group: Sequence[Target],
) -> int:
    """Enlarge photographs; gives how many have been written."""
    usable, refused = try_out(group, workspace.root)
    data, unread = import_lr(workspace, {one.image: one.photo for one in usable}, SET, options.scale, write=True)
    for photo, reason in {**refused, **unread}.items():
        say(f"refused {photo}: {reason}")
    if not data:
        return 0
    found = weights.find([choice], [options.scale], options.weights, options.workspace.weights_folder)
    if found.missing:
        raise UserError("; ".join(found.missing))
    selection = jobs.Selection(seeds=(options.seed,), precision=options.precision)
    planned, _ = jobs.plan(data, [choice], selection, found.files)
    with hashes_of(workspace.root, keep=False) as hashes:
        todo = pending(planned, RowFiles(workspace), hashes, retry_failed=True, replace_longer=True).todo
    for line in time_lines(expect(workspace, data, todo, placement), placement):
        say(line)
    try:
        failed = execute(RunOptions(workspace=workspace, checkpoint_every=options.checkpoint_every), todo, placement)
    finally:
        written = _finish(options, workspace, usable, planned)
    for line in runner.failure_lines(failed):
        say(line)
    return written


def _finish(options: SROptions, workspace: Workspace, group: Sequence[Target], planned: Sequence[jobs.Job]) -> int:
    """Write the photographs whose enlargement has ended; gives how many there are."""
    rows, by_image = RowFiles(workspace), {target.image: target for target in group}
    written = 0
    for job in planned:
        row = rows.of(job.case)
        if row is None or row.status != "ok" or not job.is_of(row) or row.sr_path is None:
            continue
        for line in finish(by_image[job.case.image], workspace, row, compare=options.compare):
            say(line)
        (workspace.root / row_path(row.sr_path)).unlink()  # its result is where it was wanted
        written += 1
    return written
