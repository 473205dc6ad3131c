"""Row files: one JSON file beside each SR image, there when its job has ended, well or not."""

import json
import os
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path

from ikebench.files import write_atomic
from ikebench.store.rows import RunCase, RunRow
from ikebench.store.workspace import Workspace, row_path, sr_path

COLUMNS = frozenset(field.name for field in fields(RunRow))
LEVELS = 5  # of the path below sr/: method, set, kind, scale, file


def write_row(path: Path, row: RunRow) -> None:
    """Write a row file whole or not at all; what is null is left out."""
    known = {name: value for name, value in vars(row).items() if value is not None}
    write_atomic(path, json.dumps(known, indent=1, sort_keys=True).encode())


def read_row(path: str | os.PathLike[str]) -> RunRow | None:
    """Read a row file; None where there is none or it is damaged (then its job runs again)."""
    try:
        with open(path, "rb") as file:
            values = json.load(file)
        return RunRow(**{name: value for name, value in values.items() if name in COLUMNS})
    except (OSError, ValueError, TypeError, AttributeError):
        return None


class RowFiles:
    """The row files of a workspace, each read once."""

    def __init__(self, workspace: Workspace) -> None:
        """Read nothing yet."""
        self.root = str(workspace.root)
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
            self._rows[path] = read_row(os.path.join(self.root, path))
        return self._rows[path]

    def _paths(self) -> list[str]:
        paths = []
        for folder, _, names in os.walk(os.path.join(self.root, "sr")):
            inner = os.path.relpath(folder, self.root)
            paths += [f"{inner}/{name}" for name in names if name.endswith(".json")]
        parts = (path.split("/") for path in paths)
        return ["/".join(part) for part in sorted(parts) if len(part) == LEVELS + 1 and part[4].startswith("X")]
