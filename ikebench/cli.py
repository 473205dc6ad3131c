"""The command line. Heavy imports wait inside the commands, so that `--help` is quick."""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

import ikebench
from ikebench.catalog import expand_kinds, expand_methods
from ikebench.errors import UserError
from ikebench.settings import parse_overrides, parse_weights

Command = Callable[..., Any]

INTERRUPTED = 130
KIND_HELP = "Degradations between commas (`ikebench list kinds`); `all` = the paper's four."
TRAIN_SET_HELP = (
    "Change a hyperparameter: edsr-baseline.batch=4; also patch, learning_rate, halve_at, beta1, beta2, blocks, width."
)
SET_HELP = "Change a parameter; `ikebench list methods NAME` and `list kinds NAME` show them."


class Group(click.Group):
    """A group whose subcommands show a user error as one line, exit code 2, and Ctrl-C as exit code 130."""

    def main(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 (click's own signature)
        """Run, and turn what went wrong into an exit code."""
        try:
            code = super().main(*args, **{**kwargs, "standalone_mode": False})
        except (click.Abort, KeyboardInterrupt):
            click.echo("interrupted: what had ended is kept; the same command goes on", err=True)
            sys.exit(INTERRUPTED)
        except click.ClickException as error:
            error.show()
            sys.exit(error.exit_code)
        except UserError as error:
            click.echo(f"ikebench: {error}", err=True)
            sys.exit(2)
        sys.exit(code if isinstance(code, int) else 0)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:  # noqa: ANN401
        """Find a subcommand; a misspelt one gets its near match."""
        from ikebench.errors import unknown

        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            raise unknown("command", args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(ikebench.__version__)
def main() -> None:
    """Test claims of blind super-resolution: make LR images, restore them, score, write the tables.

    Two commands do it: `ikebench make-data --kind median`, then `ikebench run --methods bicubic,ike`.
    """


def workspace_option(command: Command) -> Command:
    """Add --workspace."""
    return click.option(
        "--workspace",
        type=click.Path(file_okay=False, path_type=Path),
        envvar="IKEBENCH_WORKSPACE",
        default="bench",
        show_default=True,
        help="Folder that holds data, SR images and tables (also $IKEBENCH_WORKSPACE).",
    )(command)


PER_CORE = "Processes.  [default: one per core]"
PER_CORE_OR_GPU = "Processes.  [default: one per GPU; without one, one per core]"


def workers_option(text: str) -> Callable[[Command], Command]:
    """Add --workers."""
    return click.option("--workers", type=click.IntRange(min=1), default=None, help=text)


def set_option(command: Command, text: str = SET_HELP) -> Command:
    """Add --set."""
    return click.option("--set", "settings", multiple=True, metavar="NAME.PARAMETER=VALUE", help=text)(command)


def scales_type(_: click.Context, __: click.Parameter, value: str | None) -> list[int] | None:
    """Read `2,4`."""
    if value is None:
        return None
    try:
        scales = [int(part) for part in value.split(",")]
    except ValueError:
        scales = []
    from degradations.contract import SCALES

    if not scales or any(scale not in SCALES for scale in scales):
        raise UserError(f"--scale {value}: give 2, 3 or 4, or several between commas")
    return list(dict.fromkeys(scales))


def scale_option(default: str | None) -> Callable[[Command], Command]:
    """Add --scale."""
    text = "Scales, between commas."
    return click.option("--scale", "scales", default=default, show_default=True, callback=scales_type, help=text)


@main.command("make-data")
@click.option(
    "--kind",
    default="all",
    show_default=True,
    help=KIND_HELP,
)
@scale_option("2")
@click.option("--hr", default=None, help="sample, div2k or a folder of images.  [default: div2k if found, else sample]")
@click.option("--limit", type=click.IntRange(min=1), default=None, help="Use only the first images.")
@click.option("--name", default=None, metavar="SET", help="Name of the set.  [default: the folder's]")
@click.option(
    "--seed",
    default=0,
    show_default=True,
    help="Of everything random in the degradations.",
)
@click.option("--track2-lr", type=click.Path(path_type=Path), default=None, help="LR folder (X2, X4) for kind track2.")
@set_option
@workers_option(PER_CORE)
@workspace_option
def make_data(**options: Any) -> int:  # noqa: ANN401 (click hands over its options)
    """Degrade HR images into LR files, kernels and data.parquet."""
    from ikebench import steps
    from ikebench.store import Workspace

    kinds, overrides = expand_kinds(options.pop("kind")), parse_overrides(options.pop("settings"))
    workspace = Workspace(options.pop("workspace"))
    return steps.make_data(workspace, steps.DataOptions(kinds=kinds, overrides=overrides, **options))


@main.command()
@click.option("--methods", required=True, help="Names between commas; see `ikebench list methods`.")
@click.option("--kind", default=None, help="Only these degradations.")
@scale_option(None)
@click.option("--dataset", default=None, metavar="SET", help="Only this set.")
@click.option("--lr", type=click.Path(path_type=Path), default=None, help="A folder of LR images without HR.")
@click.option("--limit", type=click.IntRange(min=1), default=None, help="Only the first images of each set.")
@click.option(
    "--iterations",
    type=click.IntRange(min=0),
    default=None,
    help="Of training, where a method trains.",
)
@set_option
@click.option(
    "--weights",
    multiple=True,
    metavar="NAME=FILE",
    help="Trained weights of a method; the file tells for which scale.  "
    "[default: what is in $IKEBENCH_WEIGHTS or WORKSPACE/weights]",
)
@click.option("--as", "label", default=None, metavar="NAME", help="Keep the results of one method under this name.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Of the training; each seed is a result.",
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option(
    "--precision",
    type=click.Choice(["fp32", "tf32", "bf16"]),
    default="fp32",
    show_default=True,
    help="Of the networks; tf32: on GPUs only.",
)
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
    help="Images that train at once on a device.  [default: what a GPU holds, up to 8; 1 on a CPU and with Ray]",
)
@click.option("--capture/--no-capture", default=True, help="Capture training steps in CUDA graphs.  [default: on GPUs]")
@click.option(
    "--checkpoint-every", type=click.IntRange(min=1), default=None, help="Save long trainings, in iterations."
)
@click.option("--retry-failed", is_flag=True, help="Run failed jobs again.")
@click.option("--dry-run", is_flag=True, help="Only print the jobs, estimated hours and disk.")
@workspace_option
def run(**options: Any) -> int:  # noqa: ANN401
    """Restore LR images, then score and report. What has been done is not done again."""
    from ikebench import steps
    from ikebench.store import Workspace

    methods, overrides = expand_methods(options.pop("methods")), parse_overrides(options.pop("settings"))
    kind, weights = options.pop("kind"), parse_weights(options.pop("weights"))
    kinds = None if kind is None else expand_kinds(kind)
    workspace = Workspace(options.pop("workspace"))
    return steps.run(workspace, steps.RunOptions(methods, kinds, overrides=overrides, weights=weights, **options))


@main.command()
@click.argument("network")
@click.option(
    "--hr",
    type=click.Path(path_type=Path),
    required=True,
    help="A folder of images to train on (DIV2K's own folder: its training images).",
)
@click.option(
    "--validate", type=click.Path(path_type=Path), default=None, help="A folder of images to measure PSNR on."
)
@click.option("--scale", type=int, default=2, show_default=True, help="How many times larger images are to become.")
@click.option(
    "--iterations",
    type=click.IntRange(min=1),
    default=None,
    help="Of training; the learning rate is halved after two thirds of them.  [default: the release's 300000]",
)
@partial(set_option, text=TRAIN_SET_HELP)
@click.option(
    "--seed", type=click.IntRange(min=0, max=2**63 - 1), default=0, show_default=True, help="Of the training."
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option(
    "--precision", type=click.Choice(["fp32", "bf16"]), default="fp32", show_default=True, help="Of the network."
)
@click.option(
    "--checkpoint-every",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    help="Save, and measure PSNR, so often, in iterations.",
)
@click.option("--restart", is_flag=True, help="Train anew, and replace what another training left.")
@workspace_option
def train(**options: Any) -> int:  # noqa: ANN401
    """Train NETWORK (edsr-baseline) on bicubic pairs, for those without downloaded weights.

    Every image of --hr is shrunk with MATLAB's bicubic, and the network learns to undo it, as EDSR was trained. Writes
    <network>_x<scale>.pt, and beside it how it was made (.json) and the log (.csv), into the workspace's weights/ or
    $IKEBENCH_WEIGHTS. Ctrl-C saves; the same command goes on. Full training takes hours on a GPU and weeks on a CPU.
    """
    from ikebench import steps
    from ikebench.store import Workspace
    from ikebench.train.loop import TrainOptions

    workspace, overrides = Workspace(options.pop("workspace")), parse_overrides(options.pop("settings"))
    return steps.train(workspace, TrainOptions(overrides=overrides, **options))


@main.command()
@workers_option("Threads.  [default: one per core]")
@workspace_option
def score(workspace: Path, workers: int | None) -> int:
    """Score the SR images anew into scores.parquet, and report."""
    from ikebench import steps
    from ikebench.store import Workspace

    return steps.score(Workspace(workspace), workers)


@main.command()
@click.option("--format", "formats", default="md,tex", show_default=True, help="md, tex, html and csv, between commas.")
@click.option("--protocol", default="ike", show_default=True, help="ike, dualsr or ntire17 (`list metrics`).")
@workspace_option
def report(workspace: Path, formats: str, protocol: str) -> int:
    """Write the tables from scores.parquet."""
    from ikebench import steps
    from ikebench.store import Workspace

    return steps.report(Workspace(workspace), [name.strip() for name in formats.split(",")], protocol)


@main.command()
@click.argument("name", metavar="div2k|METHOD")
@scale_option(None)
@workspace_option
def fetch(name: str, scales: list[int] | None, workspace: Path) -> int:
    """Download DIV2K's validation images, or a method's trained weights. A broken download goes on when run again."""
    from ikebench import steps
    from ikebench.store import Workspace

    return steps.fetch(Workspace(workspace), name, scales)


@main.command("list")
@click.argument("what", default="methods", metavar="[methods|kinds|datasets|metrics]")
@click.argument("name", required=False)
def list_things(what: str, name: str | None) -> None:
    """List what there is; with the NAME of a method or kind, its parameters and their defaults."""
    from ikebench.commands import list as listings

    for line in listings.lines(what) if name is None else listings.parameters(name):
        click.echo(line)


@main.command()
@workers_option(PER_CORE_OR_GPU)
@workspace_option
def demo(workspace: Path, workers: int | None) -> int:
    """Make data, run, score and report on crops of two photographs: a few minutes on a laptop."""
    from ikebench import steps
    from ikebench.store import Workspace

    return steps.demo(Workspace(workspace), workers)
