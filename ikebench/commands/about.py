"""What a report says of how its scores were made, from the manifest of their workspace."""

import ast
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import click

from ikebench.provenance import described
from ikebench.store.workspace import Workspace

if TYPE_CHECKING:
    from reports.about import About


RESTORE = ("run", "reproduce")
"""Commands that restore images."""


def about(workspace: Workspace, precisions: Iterable[str]) -> "About":
    """Describe the last run of a workspace, or its last command where there was no run; empty without a manifest.

    `precisions` are those of the results.
    """
    from reports.about import About

    entries = _entries(workspace)
    runs = [entry for entry in entries if entry.get("command") in RESTORE]
    if not entries:
        return About()
    last = (runs or entries)[-1]
    return About(
        version=str(last.get("ikebench") or ""),
        commit=str(last.get("commit") or ""),
        changed=bool(last.get("dirty")),
        date=str(last.get("time", ""))[:10],
        command=_typed(last) + (f" (the last of {len(runs)} runs)" if len(runs) > 1 else ""),
        precision=", ".join(sorted(set(precisions))),
        processor=str(last.get("processor") or ""),
    )


def _entries(workspace: Workspace) -> list[dict[str, Any]]:
    try:
        return described(workspace)
    except (OSError, ValueError):
        return []


def _typed(entry: Mapping[str, Any]) -> str:
    """Write a command as it would be typed, without what is the default."""
    from ikebench.commands.run import RunOptions, command

    words = ["ikebench", str(entry["command"])]
    if entry["command"] != "run":
        return " ".join(words)
    flags = entry.get("flags", {})
    defaults = {option.name: str(option.default) for option in fields(RunOptions)}
    for option in command.params:
        value = str(flags.get(option.name, "None"))
        if isinstance(option, click.Option) and value not in ("None", "{}", defaults.get(str(option.name))):
            words += _option(option, value)
    return shlex.join(words)


def _option(option: click.Option, value: str) -> list[str]:
    """Write one option; lists stand between commas, `{"ike": {"blocks": "4"}}` is ike.blocks=4, files lose folders."""
    if option.is_flag:
        return [option.opts[0] if value == "True" else (option.secondary_opts or option.opts)[0]]
    plain = _value(value)
    if isinstance(plain, dict):
        pairs = [(f"{name}.{key}", one) for name, of_name in plain.items() for key, one in _items(of_name)]
        return [word for key, one in pairs for word in (option.opts[0], f"{key.rstrip('.')}={one}")]
    text = ",".join(map(str, plain)) if isinstance(plain, list | tuple) else value
    return [option.opts[0], text]


def _items(of_name: object) -> list[tuple[str, str]]:
    """List the settings of a name, or its files (by name alone) under no key."""
    if isinstance(of_name, dict):
        return [(str(key), str(value)) for key, value in of_name.items()]
    files = of_name if isinstance(of_name, list | tuple) else [of_name]
    return [("", str(file).rpartition("/")[2]) for file in files]


def _value(text: str) -> object:
    """Read a flag back that the manifest keeps as text."""
    try:
        return ast.literal_eval(re.sub(r"\w+Path\(('[^']*'|\"[^\"]*\")\)", r"\1", text))
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return text
