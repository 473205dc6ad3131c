"""`data.parquet`: reading it, and putting rows in place of others."""

from collections.abc import Sequence
from typing import Any

from ikebench.errors import UserError
from ikebench.images import natural_order
from ikebench.store.rows import DataRow
from ikebench.store.tables import read_rows, write_rows
from ikebench.store.workspace import Workspace


def require_data(workspace: Workspace) -> list[DataRow]:
    """Read `data.parquet`.

    Raises:
        UserError: if there is none.
    """
    if not workspace.data_table.exists():
        raise UserError(f"no data in {workspace.root}: run `ikebench make-data` first (same --workspace)")
    return read_rows(workspace.data_table, DataRow)


def existing_rows(workspace: Workspace) -> list[DataRow]:
    """Read the rows of `data.parquet`, if there is one, of whatever version."""
    return read_rows(workspace.data_table, DataRow, old=True) if workspace.data_table.exists() else []


def merge(workspace: Workspace, rows: Sequence[DataRow], provenance: dict[str, Any]) -> int:
    """Put rows in place of those of the same case, and keep the table in order.

    Rows of the same image that were made from another HR image go: their HR is no longer there. Gives their number.
    """
    current_hr = {(row.set, row.image): row.hr_sha256 for row in rows}

    def is_outdated(row: DataRow) -> bool:
        current = current_hr.get((row.set, row.image))
        return current is not None and row.hr_sha256 not in (None, current)

    merged = {row.case: row for row in [*existing_rows(workspace), *rows]}
    kept = [row for row in merged.values() if not is_outdated(row)]
    kept.sort(key=lambda row: (row.set, natural_order(row.image), row.image, row.kind, row.scale))
    write_rows(workspace.data_table, kept, DataRow, provenance)
    return len(merged) - len(kept)
