"""Parquet tables: typed rows in and out, column by column; a data frame where a report wants one."""

import json
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from ikebench.errors import UserError, one_line
from ikebench.files import write_atomic
from ikebench.store.checks import NAMES, check_case, check_name, required
from ikebench.store.rows import LATER, MEASURES, Case, schema_of

if TYPE_CHECKING:
    import pandas as pd

R = TypeVar("R", bound=Case)


def read_rows(path: Path, row: type[R], *, old: bool = False) -> list[R]:
    """Read a table as rows of a type; of an `old` table, columns that are not there are null.

    Raises:
        UserError: if it is damaged, or lacks columns because another version of ikebench wrote it.
    """
    table = _read(path, row, old=old)
    schema = schema_of(row)  # type: ignore[arg-type]  # a class is hashable, whatever it is of
    columns = {name: table[name].to_pylist() for name in table.column_names}
    columns = {name: values for name, values in columns.items() if name in schema.names}
    measures = [name for name in MEASURES if name in columns]
    if any(field.name == "measures" for field in fields(row)):
        taken = [columns.pop(name) for name in measures]
        columns["measures"] = [_without_none(measures, values) for values in zip(*taken, strict=True)]
    names = list(columns)
    rows = [row(**dict(zip(names, values, strict=True))) for values in zip(*columns.values(), strict=True)]
    try:
        for one in rows:
            check_case(one)
    except ValueError as error:
        raise _unreadable(path, error) from error
    return rows


def read_sound_rows(path: Path, row: type[R]) -> list[R]:
    """Read a table that is made anew anyway: none of its rows where it is not there, or damaged."""
    try:
        return read_rows(path, row, old=True) if path.exists() else []
    except UserError:
        return []


def read_frame(path: Path, row: type) -> "pd.DataFrame":
    """Read a table of such rows as a data frame with nullable columns.

    Raises:
        UserError: if it is damaged, or lacks columns because another version of ikebench wrote it.
    """
    import pandas as pd

    def nullable(arrow_type: pa.DataType) -> Any:  # noqa: ANN401 (pandas extension types)
        if pa.types.is_integer(arrow_type):
            return pd.UInt64Dtype() if arrow_type == pa.uint64() else pd.Int64Dtype()
        return pd.StringDtype() if pa.types.is_string(arrow_type) else None

    return _read(path, row, old=False).to_pandas(types_mapper=nullable)


def write_rows(path: Path, rows: Sequence[Any], row: type, provenance: dict[str, Any]) -> None:
    """Write rows of a type, with what made them in the table's metadata."""
    schema = schema_of(row)
    columns = {}
    for name in schema.names:
        values = [one.measures.get(name) for one in rows] if name in MEASURES else [getattr(one, name) for one in rows]
        columns[name] = values
    table = pa.Table.from_pydict(columns, schema).replace_schema_metadata({"ikebench": json.dumps(provenance)})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    write_atomic(path, sink.getvalue().to_pybytes())


def provenance_of(path: Path) -> dict[str, Any]:
    """Give what made a table, as `write_rows` was told; nothing of a table that nobody described."""
    try:
        metadata = pq.read_schema(path).metadata or {}
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from error
    try:
        described = json.loads(metadata.get(b"ikebench", b"{}"))
    except (ValueError, RecursionError):
        return {}
    return described if isinstance(described, dict) else {}


def _read(path: Path, row: type, *, old: bool) -> pa.Table:
    schema = schema_of(row)
    try:
        table = pq.read_table(path)
        lacking = [name for name in schema.names if name not in table.column_names]
        if set(lacking) - set(LATER) and not old or set(lacking) & set(required(row)):
            raise UserError(f"{path} is of another version of ikebench: run the step that makes it again")
        for name in set(lacking) & set(LATER):
            table = table.append_column(name, pa.nulls(len(table), schema.field(name).type))
        return _checked(table, schema, required(row))
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise _unreadable(path, error) from error


def _checked(table: pa.Table, schema: pa.Schema, never_null: Sequence[str]) -> pa.Table:
    """Give the columns of a schema, of its types.

    Raises:
        ValueError, pa.ArrowException, KeyError: if one cannot be, or has nulls or names that it must not have.
    """
    known = pa.schema([field for field in schema if field.name in table.column_names])
    table = table.select(known.names).cast(known)
    table.validate(full=True)
    for name in never_null:
        if name in known.names and table[name].null_count:
            raise ValueError(f"{name} is missing")
    for column in NAMES:
        for name in table[column].unique().to_pylist() if column in known.names else ():
            check_name(column, name)
    return table


def _unreadable(path: Path, error: Exception) -> UserError:
    return UserError(f"{path} cannot be read ({one_line(error)}): delete it and run the step that makes it")


def _without_none(names: Sequence[str], values: Sequence[float | None]) -> dict[str, float]:
    return {name: value for name, value in zip(names, values, strict=True) if value is not None}
