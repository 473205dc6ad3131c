"""Row files: one JSON file beside each LR or SR image, there when its job has ended; of SR, in failure too."""

import json
import os
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from ikebench.files import read_json, set_aside, write_atomic
from ikebench.progress import say
from ikebench.store.checks import check_case, check_types
from ikebench.store.rows import DataRow, RunCase, RunRow
from ikebench.store.workspace import Workspace, row_path, sr_path

R = TypeVar("R", DataRow, RunRow)
LEVELS = 5  # of the path below sr/: method, set, kind, scale, file


def write_row(path: Path, row: DataRow | RunRow) -> None:
    """Write a row file whole or not at all; what is null is left out."""
    known = {name: value for name, value in vars(row).items() if value is not None}
    write_atomic(path, json.dumps(known, indent=1, sort_keys=True).encode())


def read_row(path: str | os.PathLike[str]) -> RunRow | None:
    """Read the row file of an SR image; None where there is none or it is damaged (then its job runs again)."""
    try:
        return load_row(path, RunRow)
    except (OSError, ValueError):
        return None


def load_row(path: str | os.PathLike[str], of: type[R]) -> R:
    """Read a row file.

    Raises:
        OSError: if it cannot be read.
        ValueError: if it is none, or says what cannot be.
    """
    values: Any = read_json(path)
    if not isinstance(values, dict):
        raise ValueError("it is no JSON object")
    try:
        row = of(**{field.name: values[field.name] for field in fields(of) if field.name in values})
    except TypeError as error:  # columns without which there is no row
        raise ValueError(str(error).partition("() ")[2]) from None
    check_types(row)
    check_case(row)
    return row


class RowFiles:
    """The row files of SR images of a workspace, each read once.

    A damaged one is as good as none: its job runs again. Where the workspace is locked, they `mend`: it is set aside.
    """

    def __init__(self, workspace: Workspace, *, mend: bool = False) -> None:
        """Read nothing yet."""
        self.root, self.mend = str(workspace.root), mend
        self._rows: dict[str, RunRow | None] = {}

    def of(self, case: RunCase) -> RunRow | None:
        """Give the row of a result."""
        return self._read(row_path(sr_path(case)))

    def put(self, row: RunRow) -> None:
        """Write a row in place of the one there is."""
        path = row_path(sr_path(row))
        write_row(Path(self.root) / path, row)
        self._rows[path] = row

    def forget(self, cases: Iterable[RunCase]) -> None:
        """Read these anew the next time: their jobs have been run."""
        for case in cases:
            self._rows.pop(row_path(sr_path(case)), None)

    def all(self) -> list[RunRow]:
        """Give every row there is, in the order of the paths."""
        rows = (self._read(path) for path in self._paths())
        return [row for row in rows if row is not None]

    def _read(self, path: str) -> RunRow | None:
        if path not in self._rows:
            self._rows[path] = self._load(path)
        return self._rows[path]

    def _load(self, path: str) -> RunRow | None:
        whole = os.path.join(self.root, path)
        try:
            row = load_row(whole, RunRow)
            if row_path(sr_path(row)) != path:
                raise ValueError(f"it is of {sr_path(row)}")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            if self.mend:
                say(set_aside(whole, error))
            return None
        return row

    def _paths(self) -> list[str]:
        paths = []
        for folder, _, names in os.walk(os.path.join(self.root, "sr")):
            inner = os.path.relpath(folder, self.root)
            paths += [f"{inner}/{name}" for name in names if name.endswith(".json")]
        parts = (path.split("/") for path in paths)
        return ["/".join(part) for part in sorted(parts) if len(part) == LEVELS + 1 and part[4].startswith("X")]
