"""`--set name.field=value` and `--weights name=file`: from text to typed values."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from ikebench.errors import UserError

TRUTHS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


Settings = Mapping[str, Mapping[str, str]]
"""Name of a kind, a method or a network -> field -> value as typed."""


def parse_names(text: str) -> list[str]:
    """Read `a,b`, each once.

    Raises:
        UserError: where there is no name.
    """
    names = list(dict.fromkeys(name for part in text.split(",") if (name := part.strip())))
    if not names:
        raise UserError("an empty list of names: give at least one")
    return names


def parse_settings(texts: Sequence[str]) -> Settings:
    """Sort `name.field=value` texts by name.

    Raises:
        UserError: for a text of another form.
    """
    settings: dict[str, dict[str, str]] = {}
    for text in texts:
        target, equals, value = text.partition("=")
        name, dot, field = target.strip().partition(".")
        if not (equals and dot and name and field):
            raise UserError(f"--set {text}: write it as name.parameter=value, for example median.size=3")
        settings.setdefault(name, {})[field] = value.strip()
    return settings


def parse_weights(texts: Sequence[str]) -> dict[str, list[Path]]:
    """Sort `name=file` texts by name.

    Raises:
        UserError: for a text of another form.
    """
    return _by_name("--weights", texts, "method=file, for example edsr=edsr_x2.pt")


def parse_sr(texts: Sequence[str]) -> dict[str, list[Path]]:
    """Sort `name=folder` texts by name.

    Raises:
        UserError: for a text of another form.
    """
    return _by_name("--sr", texts, "name=folder, for example swinir=results/swinir_x2")


def _by_name(option: str, texts: Sequence[str], form: str) -> dict[str, list[Path]]:
    files: dict[str, list[Path]] = {}
    for text in texts:
        name, equals, file = text.partition("=")
        if not (equals and name.strip() and file):
            raise UserError(f"{option} {text}: write it as {form}")
        files.setdefault(name.strip(), []).append(Path(file).expanduser())
    return files


def parse_value(target: str, text: str, hint: Any) -> Any:  # noqa: ANN401
    """Read `text` as the type that a field declares: int, float, bool, str, a Literal or one of those or None.

    Raises:
        UserError: if it does not fit.
    """
    if get_origin(hint) in (Union, UnionType):
        if text.lower() == "none" and NoneType in get_args(hint):
            return None
        [hint] = [part for part in get_args(hint) if part is not NoneType]
    if get_origin(hint) is Literal:
        return _choice(target, text, get_args(hint))
    if hint is bool:
        return TRUTHS[_choice(target, text.lower(), TRUTHS)]
    try:
        value = hint(text)
    except ValueError:
        raise UserError(f"--set {target}={text}: expected {hint.__name__}") from None
    if hint is float and not math.isfinite(value):
        raise UserError(f"--set {target}={text}: expected a finite number")
    return value


def _choice(target: str, text: str, allowed: Any) -> str:  # noqa: ANN401
    if text not in allowed:
        raise UserError(f"--set {target}={text}: expected one of {', '.join(map(str, allowed))}")
    return text
