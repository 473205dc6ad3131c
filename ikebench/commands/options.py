"""What several commands share: options, exit codes, and how they speak to a person."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from degradations.contract import SCALES
from ikebench.catalog import expand_kinds, expand_methods
from ikebench.errors import UserError
from ikebench.progress import say as say
from ikebench.settings import parse_names, parse_settings, parse_weights
from ikebench.store.workspace import Workspace

OK, FAILED, BAD_INPUT = 0, 1, 2

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def read_by(read: Callable[[Any], Any]) -> Callable[[click.Context, click.Parameter, Any], Any]:
    """Give the click callback that reads a value, where there is one; its errors name themselves."""
    return lambda context, parameter, value: None if value is None else read(value)


def workspace_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --workspace."""
    return click.option(
        "--workspace",
        type=click.Path(file_okay=False, path_type=Path),
        envvar="IKEBENCH_WORKSPACE",
        default="bench",
        show_default=True,
        callback=read_by(Workspace),
        help="Folder that holds data, SR images and tables (also $IKEBENCH_WORKSPACE).",
    )(command)


PER_CORE = "Processes.  [default: one per core]"
PER_CORE_OR_GPU = "Processes.  [default: one per GPU; without one, one per core, fewer where memory is short]"


def workers_option(text: str) -> Decorator:
    """Add --workers."""
    return click.option("--workers", type=click.IntRange(min=1), default=None, help=text)


def kinds_option(default: str | None, text: str) -> Decorator:
    """Add --kind."""
    return click.option(
        "--kind", "kinds", default=default, show_default=True, callback=read_by(expand_kinds), help=text
    )


def methods_option(text: str) -> Decorator:
    """Add --methods."""
    return click.option("--methods", default="", callback=read_by(_methods), help=text)


def scales_option(default: str | None) -> Decorator:
    """Add --scale."""
    text = "Scales, between commas."
    return click.option("--scale", "scales", default=default, show_default=True, callback=read_by(_scales), help=text)


def names_option(flag: str, name: str, what: str) -> Decorator:
    """Add an option that leaves only what it names."""
    text = f"Only these {what}, between commas."
    return click.option(flag, name, default=None, callback=read_by(parse_names), help=text)


def filter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that choose scores: --dataset, --methods, --kind and --scale."""
    command = scales_option(None)(command)
    command = names_option("--kind", "kinds", "degradations")(command)
    command = names_option("--methods", "methods", "methods")(command)
    return names_option("--dataset", "sets", "sets")(command)


def seeds_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --seeds, or --seed for one."""
    return click.option(
        "--seeds",
        "--seed",
        "seeds",
        default="0",
        show_default=True,
        callback=read_by(_seeds),
        help="Of the training, between commas; each seed is a result.",
    )(command)


def retry_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --retry-failed."""
    return click.option("--retry-failed", is_flag=True, help="Run failed jobs again.")(command)


def trace_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --trace."""
    return click.option(
        "--trace",
        type=click.IntRange(min=1),
        default=None,
        metavar="N",
        help="Keep the losses and, where HR is known, the PSNR of every N-th iteration beside the results; it changes "
        "none of them. What has been done is not done again for it.",
    )(command)


SET_HELP = "Change a parameter; `ikebench list methods NAME` and `list kinds NAME` show them."


def settings_option(text: str = SET_HELP) -> Decorator:
    """Add --set."""
    return click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="NAME.PARAMETER=VALUE",
        callback=read_by(parse_settings),
        help=text,
    )


def weights_option(text: str) -> Decorator:
    """Add --weights."""
    return click.option("--weights", multiple=True, metavar="NAME=FILE", callback=read_by(parse_weights), help=text)


def device_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --device."""
    return click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")(command)


def precision_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --precision, of what restores images."""
    return click.option(
        "--precision",
        type=click.Choice(["fp32", "tf32", "bf16"]),
        default="fp32",
        show_default=True,
        help="Of the networks; tf32: on GPUs only.",
    )(command)


def _methods(text: str) -> list[str]:
    """Read `ike,bicubic`; nothing where the option is not given."""
    return expand_methods(text) if text else []


def _scales(text: str) -> list[int]:
    """Read `2,4`."""
    try:
        scales = [int(part) for part in text.split(",")]
    except ValueError:
        scales = []
    if not scales or any(scale not in SCALES for scale in scales):
        raise UserError(f"--scale {text}: give 2, 3 or 4, or several between commas")
    return list(dict.fromkeys(scales))


def _seeds(text: str) -> list[int]:
    """Read `0,1,2`."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and len(part) < 20 and int(part) < 2**63 for part in parts):
        raise UserError(f"--seeds {text}: give whole numbers from 0 to below 2^63, between commas")
    return list(dict.fromkeys(map(int, parts)))
