"""Traces: one Parquet file beside an SR image, with what was recorded of its training every N iterations."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from ikebench.files import write_atomic
from ikebench.store.rows import RunRow, schema_of
from ikebench.store.workspace import Workspace, trace_path

if TYPE_CHECKING:
    import pandas as pd

PSNR = "psnr"
"""Name of the PSNR in dB (protocol ike, the whole SR) among the losses of a trace."""

SCHEMA = pa.schema(
    {
        "stage": pa.string(),  # of several trainings in a row; empty where there is one
        "iteration": pa.int64(),  # of the stage
        "name": pa.string(),  # of a loss, or `PSNR`
        "value": pa.float64(),
    }
)

RESULT = ("set", "kind", "scale", "method", "image", "seed", "key")
"""Columns that tell whose number it is, where many traces are in one table."""

COLLECTED = pa.schema([*(schema_of(RunRow).field(name) for name in RESULT), *SCHEMA])


@dataclass(frozen=True)
class TracePoint:
    """One number of a trace."""

    stage: str
    iteration: int
    name: str
    value: float


def write_trace(path: Path, key: str, points: Sequence[TracePoint]) -> None:
    """Write the trace of the job with this key, whole or not at all."""
    columns = {name: [getattr(point, name) for point in points] for name in SCHEMA.names}
    table = pa.Table.from_pydict(columns, SCHEMA).replace_schema_metadata({"ikebench": json.dumps({"key": key})})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    write_atomic(path, sink.getvalue().to_pybytes())


def read_trace(path: Path, key: str) -> list[TracePoint]:
    """Read the trace of the job with this key; empty where there is none, it is damaged or of another job."""
    try:
        table = pq.read_table(path, schema=SCHEMA)
        if json.loads((pq.read_schema(path).metadata or {}).get(b"ikebench", b"{}")).get("key") != key:
            return []
        return [TracePoint(**values) for values in table.to_pylist()]
    except (OSError, ValueError, AttributeError, RecursionError, pa.ArrowException):
        return []


def read_traces(workspace: Workspace, runs: Iterable[RunRow]) -> "pd.DataFrame":
    """Read the traces of results that ended well, those beside their SR images and those of a bundle's one table.

    Returns:
        set, kind, scale, method, image, seed, key, stage, iteration, name, value: a row for each number.
    """
    import pandas as pd

    columns, collected = COLLECTED.names, _read_collected(workspace.traces_table)
    rows = [
        [*(getattr(run, name) for name in RESULT), point.stage, point.iteration, point.name, point.value]
        for run in runs
        if run.status == "ok" and run.sr_path is not None
        for point in read_trace(workspace.root / trace_path(run.sr_path), run.key) or collected.get(run.key, [])
    ]
    return pd.DataFrame(rows, columns=columns)


def traces_bytes(traces: "pd.DataFrame") -> bytes:
    """Write traces as `read_traces` gives them as one Parquet file."""
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pandas(traces, COLLECTED, preserve_index=False).replace_schema_metadata(), sink)
    return sink.getvalue().to_pybytes()


def _read_collected(path: Path) -> dict[str, list[TracePoint]]:
    """Read a table of traces by the keys of their jobs; nothing where there is none or it is damaged."""
    try:
        rows = pq.read_table(path, schema=COLLECTED).to_pylist()
    except (OSError, ValueError, pa.ArrowException):
        return {}
    found: dict[str, list[TracePoint]] = {}
    for row in rows:
        found.setdefault(row["key"], []).append(TracePoint(**{name: row[name] for name in SCHEMA.names}))
    return found
