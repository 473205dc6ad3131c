"""Where everything lies in a workspace, and the declared schemas of its tables. Paths in tables are relative to it."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ikebench.errors import UserError
from ikebench.files import write_atomic

Row = dict[str, Any]

WEIGHTS_VARIABLE = "IKEBENCH_WEIGHTS"

RETRY = "retry"
"""In a row file: the failure is none of the method's, so the job runs again without being asked to."""

WANTED_KEY = "wanted_key"
"""In a row file: the key of the job as it was asked for; `key` differs where memory wanted smaller tiles."""

CASE = {"set": pa.string(), "image": pa.string(), "kind": pa.string(), "scale": pa.int32()}
RUN_CASE = CASE | {"method": pa.string(), "seed": pa.int64(), "iterations": pa.int64()}
CASE_COLUMNS = list(CASE)

DATA_SCHEMA = pa.schema(
    CASE
    | {
        "preset": pa.string(),
        "version": pa.int32(),  # of the degradation
        "parameters": pa.string(),  # JSON
        "seed": pa.uint64(),
        "hr_path": pa.string(),  # null: LR without HR, never scored
        "hr_sha256": pa.string(),
        "lr_path": pa.string(),
        "lr_sha256": pa.string(),
        "kernel_path": pa.string(),  # null: not linear, or not known
        "kernel_sha256": pa.string(),
        "height": pa.int32(),  # of the LR image
        "width": pa.int32(),
    }
)
RUN_SCHEMA = pa.schema(
    RUN_CASE
    | {
        "key": pa.string(),
        "status": pa.string(),  # ok or failed
        "error": pa.string(),
        "sr_path": pa.string(),
        "sr_sha256": pa.string(),
        "kernel_path": pa.string(),  # null: the method estimates none
        "kernel_sha256": pa.string(),
        "seconds": pa.float64(),  # of the method alone; with several images in flight, each one's share
        "peak_mem_mib": pa.float64(),  # of all images in flight together
        "in_flight": pa.int32(),  # images at work at once
        "device": pa.string(),
        "precision": pa.string(),
        "note": pa.string(),
        "settings": pa.string(),  # JSON: what differs from the method's defaults
        "paper_iterations": pa.int64(),
        "lr_sha256": pa.string(),  # of the LR image that was restored
        "weights_sha256": pa.string(),  # null: the method needs no trained weights
        "upper_bound": pa.bool_(),  # the method knows the truth: shown, never ranked
    }
)
SCORE_SCHEMA = pa.schema(
    RUN_CASE
    | {
        "status": pa.string(),
        "error": pa.string(),
        "psnr_ike": pa.float64(),  # dB
        "ssim_ike": pa.float64(),
        "psnr_dualsr": pa.float64(),
        "ssim_dualsr": pa.float64(),
        "psnr_ntire17": pa.float64(),
        "ssim_ntire17": pa.float64(),
        "shift_y": pa.float64(),  # HR px, SR against HR
        "shift_x": pa.float64(),
        "psnr_registered": pa.float64(),  # dB, with that shift undone
        "seconds": pa.float64(),
        "peak_mem_mib": pa.float64(),
        "device": pa.string(),
        "note": pa.string(),
        "paper_iterations": pa.int64(),
        "degradation": pa.string(),  # parameters that differ from the preset's
        "settings": pa.string(),  # of the method, that differ from its defaults; iterations apart
        "sr_sha256": pa.string(),
        "hr_sha256": pa.string(),
        "lr_sha256": pa.string(),
        "kernel_psnr": pa.float64(),  # dB, of an estimated kernel where the true one is known
        "upper_bound": pa.bool_(),
    }
)


@dataclass(frozen=True)
class Workspace:
    """A folder that holds data sets, SR images, tables and reports."""

    root: Path

    @property
    def data_table(self) -> Path:
        """One row per LR image."""
        return self.root / "data.parquet"

    @property
    def weights_folder(self) -> Path:
        """Trained weights of supervised methods: $IKEBENCH_WEIGHTS, where that is set."""
        named = os.environ.get(WEIGHTS_VARIABLE)
        return Path(named) if named else self.root / "weights"

    @property
    def div2k_folder(self) -> Path:
        """DIV2K as `ikebench fetch div2k` unpacks it."""
        return self.root / "div2k"

    @property
    def runs_table(self) -> Path:
        """One row per SR image."""
        return self.root / "runs.parquet"

    @property
    def scores_table(self) -> Path:
        """One row per scored SR image."""
        return self.root / "scores.parquet"

    @property
    def manifest(self) -> Path:
        """What made the workspace: commands, versions, device."""
        return self.root / "manifest.json"

    @property
    def report_folder(self) -> Path:
        """Tables and figures."""
        return self.root / "report"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other ikebench processes from changing the workspace; ends with this process at the latest.

        Raises:
            UserError: if another one is at work in it, or the folder cannot be written.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            file = (self.root / ".lock").open("w")
        except OSError as error:
            raise UserError(f"cannot write to {self.root}: {error.strerror}") from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise UserError(
                    f"another ikebench is at work in {self.root}: wait, or use another --workspace"
                ) from None
            yield

    def require_data(self) -> pd.DataFrame:
        """Read `data.parquet`.

        Raises:
            UserError: if there is none.
        """
        if not self.data_table.exists():
            raise UserError(f"no data in {self.root}: run `ikebench make-data` first (same --workspace)")
        return read_table(self.data_table, DATA_SCHEMA)


def hr_path(set_name: str, image: str) -> str:
    """Path of an HR image as used."""
    return f"data/{set_name}/HR/{image}.png"


def lr_path(set_name: str, kind: str, scale: int, image: str) -> str:
    """Path of an LR image, named as DIV2K names them."""
    return f"data/{set_name}/LR_{kind}/X{scale}/{image}x{scale}.png"


def true_kernel_path(set_name: str, kind: str, scale: int, image: str) -> str:
    """Path of the kernel that made an LR image."""
    return f"data/{set_name}/kernels/{kind}/X{scale}/{image}.npy"


def sr_path(case: Mapping[str, Any]) -> str:
    """Path of an SR image; its row file and estimated kernel lie beside it."""
    method = case["method"] if case["seed"] == 0 else f"{case['method']}@seed{case['seed']}"
    return f"sr/{method}/{case['set']}/{case['kind']}/X{case['scale']}/{case['image']}.png"


def row_path(sr: str) -> str:
    """Path of the row file of an SR image: there when its job has ended, well or not."""
    return sr.removesuffix(".png") + ".json"


def checkpoint_path(sr: str) -> str:
    """Path of the state of a training that is under way."""
    return sr.removesuffix(".png") + ".checkpoint"


def estimated_kernel_path(sr: str, scale: int) -> str:
    """Path of the kernel that a method estimated."""
    return sr.removesuffix(".png") + f"_kernel_x{scale}.npy"


def write_row(path: Path, row: Row) -> None:
    """Write a row file whole or not at all."""
    write_atomic(path, json.dumps(row, indent=1, sort_keys=True).encode())


def read_row(path: Path) -> Row | None:
    """Read a row file; None where there is none or it is damaged (then its job runs again)."""
    try:
        row = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return row if isinstance(row, dict) and "key" in row else None


def collect_runs(workspace: Workspace, provenance: Row) -> pd.DataFrame:
    """Gather all row files into `runs.parquet`."""
    paths = sorted((workspace.root / "sr").glob("*/*/*/X*/*.json"))
    rows = [row for path in paths if (row := read_row(path)) is not None]
    write_table(workspace.runs_table, rows, RUN_SCHEMA, provenance)
    return read_table(workspace.runs_table)


def read_table(path: Path, schema: pa.Schema | None = None) -> pd.DataFrame:
    """Read a Parquet table, with nullable columns.

    Raises:
        UserError: if it is damaged, or lacks columns of `schema` because another version of ikebench wrote it.
    """
    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(f"{path} cannot be read ({error}): delete it and run the step that makes it") from error
    missing = set(schema.names if schema else ()) - set(table.column_names)
    if missing:
        raise UserError(f"{path} is of another version of ikebench: run the step that makes it again")
    return table.to_pandas(types_mapper=_nullable)


def frame_of(rows: Sequence[Row], schema: pa.Schema) -> pd.DataFrame:
    """Give rows as `read_table` would after `write_table`."""
    return _table(rows, schema).to_pandas(types_mapper=_nullable)


def write_table(path: Path, rows: Sequence[Row], schema: pa.Schema, provenance: Row) -> None:
    """Write rows under a declared schema; missing columns are null, others are left out."""
    table = _table(rows, schema).replace_schema_metadata({"ikebench": json.dumps(provenance)})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    write_atomic(path, sink.getvalue().to_pybytes())


def _table(rows: Sequence[Row], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_pylist([{name: row.get(name) for name in schema.names} for row in rows], schema)


def to_rows(frame: pd.DataFrame) -> list[Row]:
    """Turn a table into plain rows, null as None."""
    return [
        {str(name): None if pd.isna(value) else value for name, value in row.items()}
        for row in frame.to_dict("records")
    ]


def _nullable(arrow_type: pa.DataType) -> Any:  # noqa: ANN401 (pandas extension types)
    if pa.types.is_integer(arrow_type):
        return pd.UInt64Dtype() if arrow_type == pa.uint64() else pd.Int64Dtype()
    return pd.StringDtype() if pa.types.is_string(arrow_type) else None
