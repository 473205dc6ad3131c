"""What a row must be before it is believed: its values of their columns' types, its names plain, its paths its own."""

import json
from functools import cache
from math import isfinite
from types import NoneType
from typing import Any, get_args, get_type_hints

import pyarrow as pa

from ikebench.store.rows import Case, DataRow, RunRow
from ikebench.store.workspace import estimated_kernel_path, hr_path, lr_path, sr_path, true_kernel_path

LIMITS = {pa.int32(): (-(2**31), 2**31), pa.uint64(): (0, 2**64)}
LARGEST = (-(2**63), 2**63)
"""Of every other whole number, also where a real one is meant."""
NAMES = ("set", "image", "kind", "method")
"""Columns that become names of files and folders."""


def check_types(row: Any) -> None:  # noqa: ANN401 (a row of any table)
    """Hold a row against the types that its class declares.

    Raises:
        ValueError: with the first column that has another.
    """
    for name, (python_type, limits, optional) in _declared(row.__class__).items():
        value = getattr(row, name)
        if value is None and optional:
            continue
        if type(value) is not python_type and not (python_type is float and type(value) is int):
            raise ValueError(f"{name} is {'missing' if value is None else f'a {type(value).__name__}'}")
        if isinstance(value, str) and not is_text(value):
            raise ValueError(f"{name} is no UTF-8")
        if isinstance(value, int) and not limits[0] <= value < limits[1]:
            raise ValueError(f"{name} is out of range")


def check_case(row: Case) -> None:
    """See to it that a row cannot lead out of the workspace, and that what it says can be.

    Raises:
        ValueError: with the first column that cannot be.
    """
    for name in (name for name in NAMES if hasattr(row, name)):
        check_name(name, getattr(row, name))
    if isinstance(row, DataRow):
        _check_data(row)
    if isinstance(row, RunRow):
        _check_run(row)


def check_name(column: str, name: str) -> None:
    """Refuse a name that is none of a file or folder.

    Raises:
        ValueError: if it is not.
    """
    if not is_text(name):
        raise ValueError(f"{column} is no UTF-8")
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise ValueError(f"{column} is {name[:40]!r}, which can name no file")


def is_text(text: str) -> bool:
    """Say whether a text can be written as UTF-8: one with a lone surrogate (a byte of another encoding) cannot."""
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False


@cache
def required(row: type) -> tuple[str, ...]:
    """Name the columns that are never null."""
    return tuple(name for name, (_, _, optional) in _declared(row).items() if not optional)


def _check_data(row: DataRow) -> None:
    kernel = true_kernel_path(row.set, row.kind, row.scale, row.image)
    _check_one_of("hr_path", row.hr_path, (None, hr_path(row.set, row.image)))
    _check_one_of("lr_path", row.lr_path, (lr_path(row.set, row.kind, row.scale, row.image),))
    _check_one_of("kernel_path", row.kernel_path, (None, kernel))
    _check_settings("parameters", row.parameters)
    if min(row.height, row.width, row.scale) < 1:
        raise ValueError("height, width or scale is less than 1")


def _check_run(row: RunRow) -> None:
    sr = sr_path(row)
    _check_one_of("status", row.status, ("ok", "failed"))
    _check_one_of("sr_path", row.sr_path, (sr,) if row.status == "ok" else (None, sr))
    _check_one_of("kernel_path", row.kernel_path, (None, estimated_kernel_path(sr, row.scale)))
    _check_settings("settings", row.settings)
    if row.seconds is not None and not (isfinite(row.seconds) and row.seconds >= 0):
        raise ValueError(f"seconds is {row.seconds}")
    if row.seed < 0:
        raise ValueError(f"seed is {row.seed}")


def _check_one_of(column: str, value: str | None, possible: tuple[str | None, ...]) -> None:
    if value not in possible:
        raise ValueError(f"{column} cannot be {str(value)[:80]!r}")


def _check_settings(column: str, text: str | None) -> None:
    try:
        if text is None or isinstance(json.loads(text), dict):
            return
    except (ValueError, RecursionError):
        pass
    raise ValueError(f"{column} is no JSON object")


@cache
def _declared(row: type) -> dict[str, tuple[type, tuple[int, int], bool]]:
    """Give Python type, limits and whether it may be null of every column but the measures."""
    columns = {}
    for name, hint in get_type_hints(row, include_extras=True).items():
        parts = [part for part in get_args(hint) if part is not NoneType] if NoneType in get_args(hint) else [hint]
        annotated = hasattr(parts[0], "__metadata__")
        python_type = get_args(parts[0])[0] if annotated else parts[0]
        limits = LIMITS.get(parts[0].__metadata__[0], LARGEST) if annotated else LARGEST
        if python_type in (str, int, float, bool):
            columns[name] = (python_type, limits, NoneType in get_args(hint))
    return columns
