"""The command line: the names of the commands. Each is a file of `ikebench.commands`, imported when it is called."""

import os
import signal
import sys
from contextlib import suppress
from importlib import import_module
from typing import Any, TextIO

import click

import ikebench
from ikebench.errors import UserError, disk_trouble, unknown
from ikebench.stops import Stopped, handled, stop

COMMANDS = {  # name -> module of `ikebench.commands`, and what it does in a line
    "make-data": ("make_data", "Degrade HR images into LR files, kernels and data.parquet."),
    "run": ("run", "Restore LR images, then score and report."),
    "sr": ("sr", "Enlarge photographs that have no HR."),
    "reproduce": ("reproduce", "Run the paper's tables or its ablation, beside what it published."),
    "score": ("score", "Score the SR images into scores.parquet, and report."),
    "report": ("report", "Write the tables from scores.parquet."),
    "figure": ("figure", "Draw crops of LR, HR and every method side by side."),
    "compare": ("compare", "Print what changed between two workspaces, with intervals."),
    "verify": ("verify", "Hash and score again: are results as they were written?"),
    "bundle": ("bundle", "Put results into one file, to hand on."),
    "doctor": ("doctor", "Say what is installed and found here, and what mends what is missing."),
    "train": ("train", "Train a network on bicubic pairs."),
    "fetch": ("fetch", "Download DIV2K's validation images, or trained weights."),
    "list": ("list", "List methods, kinds, datasets or metrics, and their parameters."),
    "remove": ("remove", "Forget the results of a method."),
    "demo": ("demo", "Make data, run, score and report on two small photographs."),
}

BAD_INPUT = 2
STOPPED = 128  # and the signal's number


class Group(click.Group):
    """The commands; a user error or trouble with the disk is one line and exit code 2, Ctrl-C is exit code 130."""

    def main(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 (click's own signature)
        """Run, and turn what went wrong into an exit code."""
        with handled(stop, signal.SIGTERM, signal.SIGHUP):
            try:
                code = super().main(*args, **{**kwargs, "standalone_mode": False})
                sys.stdout.flush()  # here, where a full disk can still be told
            except BaseException as error:
                code = _told(error)
            _close_broken_streams()
        sys.exit(code if isinstance(code, int) else 0)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give the names in the order of the work."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import a command."""
        if name not in COMMANDS:
            return None
        return import_module(f"ikebench.commands.{COMMANDS[name][0]}").command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:  # noqa: ANN401
        """Find a command; a misspelt one gets its near match."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            raise unknown("command", args[0], COMMANDS)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands and what they do, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


def _told(error: BaseException) -> int:
    """Tell in a line what ended a command, and give the exit code; what no user can mend is raised again."""
    line, code = f"ikebench: {error}", BAD_INPUT
    match error:
        case Stopped() | KeyboardInterrupt() | click.Abort():
            number = getattr(error.__cause__ or error, "number", signal.SIGINT)  # click raises Abort from what came
            told = "interrupted" if number == signal.SIGINT else f"stopped by {signal.Signals(number).name}"
            line, code = f"{told}: what had ended is kept; the same command goes on", STOPPED + number
        case click.ClickException():
            with suppress(OSError):
                error.show()
            return error.exit_code
        case BrokenPipeError() if not _can_flush(sys.stdout):  # whoever read our output has read enough
            return 1  # as click has it
        case OSError():
            line = f"ikebench: {disk_trouble(error)}"
        case MemoryError():
            line = "ikebench: there is not enough memory: try fewer --workers"
        case UserError():
            pass
        case _:
            raise error
    with suppress(OSError):  # of a stderr that nobody reads any more, or on the same full disk
        click.echo(line, err=True)
    return code


def _close_broken_streams() -> None:
    """Let Python's own last flush of what cannot be written go nowhere: it would end in a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if not _can_flush(stream):
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _can_flush(stream: TextIO) -> bool:
    try:
        stream.flush()
    except (OSError, ValueError):
        return False
    return True


@click.command(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(ikebench.__version__)
def main() -> None:
    """Test claims of blind super-resolution: make LR images, restore them, score, write the tables.

    Two commands do it: `ikebench make-data --kind median`, then `ikebench run --methods bicubic,ike`.
    """
