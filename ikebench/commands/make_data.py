"""`ikebench make-data`: HR -> LR."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import click

from ikebench.catalog import PAPER_KINDS
from ikebench.commands.options import (
    BAD_INPUT,
    FAILED,
    OK,
    PER_CORE,
    kinds_option,
    say,
    scales_option,
    settings_option,
    workers_option,
    workspace_option,
)
from ikebench.data.sources import HRSource, find_hr
from ikebench.errors import UserError
from ikebench.machine import core_count
from ikebench.progress import Progress, counted
from ikebench.provenance import describe
from ikebench.settings import Settings
from ikebench.store.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """The options of `make-data`."""

    workspace: Workspace
    kinds: Sequence[str] = PAPER_KINDS
    scales: Sequence[int] = (2,)
    settings: Settings = field(default_factory=dict)
    hr: str | None = None
    name: str | None = None
    limit: int | None = None
    seed: int = 0
    track2_lr: Path | None = None
    lr: Path | None = None
    kernels: Path | None = None
    workers: int | None = None


@click.command("make-data")
@kinds_option("all", "Degradations between commas (`ikebench list kinds`); `all` = the paper's four.")
@scales_option("2")
@click.option("--hr", default=None, help="sample, div2k or a folder of images.  [default: div2k if found, else sample]")
@click.option("--limit", type=click.IntRange(min=1), default=None, help="Use only the first images.")
@click.option("--name", default=None, metavar="SET", help="Name of the set.  [default: the folder's]")
@click.option("--seed", default=0, show_default=True, help="Of everything random in the degradations.")
@click.option("--track2-lr", type=click.Path(path_type=Path), default=None, help="LR folder (X2, X4) for kind track2.")
@click.option("--lr", type=click.Path(path_type=Path), default=None, help="LR folder of kind paired, matched by name.")
@click.option(
    "--kernels", type=click.Path(path_type=Path), default=None, help="Folder of their true kernels (.mat, .npy)."
)
@settings_option()
@workers_option(PER_CORE)
@workspace_option
def command(**options: Any) -> int:  # noqa: ANN401 (click hands over its options)
    """Degrade HR images into LR files, kernels and data.parquet."""
    return make_data(DataOptions(**options))


def make_data(options: DataOptions) -> int:
    """HR -> LR; exit code 1 if something is refused, 2 if nothing is left."""
    _check_paired(options)
    source = find_hr(options.hr, options.name, options.workspace.div2k_folder)
    if source.message:
        say(source.message)
    return degrade(source, options)


def _check_paired(options: DataOptions) -> None:
    """Refuse pairs of which a half is missing, and halves of which nobody wants pairs."""
    if "paired" in options.kinds and None in (options.hr, options.lr):
        raise UserError("kind paired is of two folders: --hr FOLDER --lr FOLDER, and --kernels FOLDER where there are")
    if "paired" not in options.kinds and (options.lr or options.kernels):
        raise UserError("--lr and --kernels are of --kind paired (LR images without HR: `ikebench run --lr`)")


def degrade(source: HRSource, options: DataOptions) -> int:
    """Degrade the images of a source."""
    from ikebench.data import make, recipe
    from ikebench.data.paired import find_pairs

    workspace, found = options.workspace, None
    if options.lr is not None:
        found = find_pairs(source, options.lr, options.kernels, options.scales)
        source = found.source
    source = replace(source, files=dict(list(source.files.items())[: options.limit]))
    track2 = options.track2_lr or source.track2
    pairs = found.paired if found else None
    wanted = recipe.build_recipe(options.kinds, options.scales, options.seed, options.settings, track2, pairs)
    with workspace.locked(), Progress(len(source.files), len(source.files), "images") as progress:
        described = describe(workspace, "make-data", asdict(options))
        workers = options.workers or core_count()
        made = make.make_data(workspace, source, wanted, described, workers, progress.advance)
    for line in [*found.lines, *(f"refused {stray}" for stray in found.stray)] if found else ():
        say(line)
    for what, reason in made.refused.items():
        say(f"refused {what}: {reason}")
    if made.outdated:
        dropped = counted(made.outdated, "LR image")
        say(f"dropped {dropped} of other HR images of the same names (--name keeps sets apart)")
    images, new = len({row.image for row in made.rows}), counted(made.made, "LR image")
    say(
        f"{source.name}: {counted(images, 'image')}, {new} made, {len(made.rows) - made.made} already there, "
        f"{len(made.refused)} refused -> {workspace.data_table}"
    )
    if not made.rows:
        return BAD_INPUT
    return FAILED if made.refused or (found and found.stray) else OK
