"""The command line: the names of the commands. Each is a file of `ikebench.commands`, imported when it is called."""

import sys
from importlib import import_module
from typing import Any

import click

import ikebench
from ikebench.errors import UserError, unknown

COMMANDS = {  # name -> module of `ikebench.commands`, and what it does in a line
    "make-data": ("make_data", "Degrade HR images into LR files, kernels and data.parquet."),
    "run": ("run", "Restore LR images, then score and report."),
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
    "demo": ("demo", "Make data, run, score and report on two small photographs."),
}

INTERRUPTED = 130


class Group(click.Group):
    """The commands; a user error is one line and exit code 2, Ctrl-C is exit code 130."""

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
        except OSError as error:
            if error.filename is None:  # nothing that a user could mend by the name of a file
                raise
            click.echo(f"ikebench: {error.filename}: {error.strerror}", err=True)
            sys.exit(2)
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


@click.command(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(ikebench.__version__)
def main() -> None:
    """Test claims of blind super-resolution: make LR images, restore them, score, write the tables.

    Two commands do it: `ikebench make-data --kind median`, then `ikebench run --methods bicubic,ike`.
    """
