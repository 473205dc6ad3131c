"""What verifying finds, and the tables that it goes by."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from ikebench.errors import UserError
from ikebench.store.rows import Case, DataRow, RunRow, ScoreRow
from ikebench.store.tables import read_rows
from ikebench.store.workspace import Workspace

CHANGED, MISSING, ADDED = "changed", "missing", "added"

R = TypeVar("R", bound=Case)


@dataclass(frozen=True, order=True)
class Difference:
    """A file, or a row of a table, that is not as it was written.

    Attributes:
        path: relative to the workspace.
        what: changed, missing or added.
        why: what else there is to say of it, or "".
    """

    path: str
    what: str
    why: str = ""

    def __str__(self) -> str:
        """Write it in a line."""
        return f"{self.what:7}  {self.path}" + (f": {self.why}" if self.why else "")


@dataclass
class Tables:
    """The rows of a workspace's tables; none of a table that is not there."""

    data: list[DataRow] = field(default_factory=list)
    runs: list[RunRow] = field(default_factory=list)
    scores: list[ScoreRow] = field(default_factory=list)


def read_tables(workspace: Workspace) -> tuple[Tables, list[Difference]]:
    """Read the tables that are there; those that cannot be read are differences."""
    found: list[Difference] = []
    return Tables(
        _read(workspace.data_table, DataRow, found),
        _read(workspace.runs_table, RunRow, found),
        _read(workspace.scores_table, ScoreRow, found),
    ), found


def _read(path: Path, row: type[R], found: list[Difference]) -> list[R]:
    try:
        return read_rows(path, row, old=True) if path.exists() else []
    except UserError as error:
        found.append(Difference(path.name, CHANGED, str(error)))
        return []
