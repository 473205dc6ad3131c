"""Step 2, run: the jobs that are still to do, their execution, and `runs.parquet`."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import pandas as pd

from ikebench.engines import Event, Finished, Lost, Progressed, Work
from ikebench.image_files import sha256_file
from ikebench.jobs import Job, cost
from ikebench.progress import Progress
from ikebench.restoring import Restorer
from ikebench.store import CASE_COLUMNS, RETRY, Row, Workspace, read_row, read_table, row_path, to_rows, write_row

PNG_BYTES_PER_PIXEL = 2.0  # of a colour photograph, about: DIV2K's are 1.3 to 2.2

Engine = Callable[[Sequence[Job], Work], Iterator[Event]]
"""Runs every job through the work, somewhere, and gives events as they happen."""


@dataclass
class Pending:
    """What of a plan is still to do.

    Attributes:
        todo: jobs to run.
        done: number of jobs that ended well before.
        failed: jobs that failed before, with their errors.
        refused: number of images of `--lr` that cannot be read.
        missing: number of methods and scales that lack their weights.
        replaced: methods whose results under other settings, or on other LR images, `todo` will replace, with counts.
    """

    todo: list[Job] = field(default_factory=list)
    done: int = 0
    failed: list[Row] = field(default_factory=list)
    refused: int = 0
    missing: int = 0
    replaced: Counter[str] = field(default_factory=Counter)


def pending(workspace: Workspace, jobs: Sequence[Job], *, retry_failed: bool = False) -> Pending:
    """Sort out what has been done already: a key that has ended is never run again, except failed ones on demand."""
    result = Pending()
    for job in jobs:
        row = read_row(workspace.root / row_path(job.sr_path))
        if row is not None and row["key"] == job.key:
            if row["status"] == "failed" and not (retry_failed or row.get(RETRY)):
                result.failed.append(row)
                continue
            if row["status"] == "ok" and _is_intact(workspace.root / job.sr_path, row["sr_sha256"]):
                result.done += 1
                continue
        elif row is not None:
            result.replaced[job.choice.label] += 1
        result.todo.append(job)
    return result


def execute(workspace: Workspace, jobs: Sequence[Job], restorer: Restorer, engine: Engine) -> list[Row]:
    """Run jobs on an engine, with progress on stderr, and give the rows of those that failed."""
    failed = []
    fractions = [0.0] * len(jobs)

    def spent() -> float:
        return sum(job.cost * fraction for job, fraction in zip(jobs, fractions, strict=True))

    with Progress(len(jobs), sum(job.cost for job in jobs), "jobs") as progress:
        for event in engine(jobs, restorer):
            job = jobs[event.item]
            if isinstance(event, Progressed):
                fractions[event.item] = event.done / max(event.total, 1)
                progress.show(spent(), f"{describe(job.case)}, iteration {event.done}/{event.total}")
                continue
            row = event.result if isinstance(event, Finished) else _lost_row(workspace, job, event, restorer.precision)
            fractions[event.item] = 1.0 if row["status"] == "ok" else 0.0
            if row["status"] == "failed":
                progress.drop(job.cost)
            progress.finish(spent(), f"{describe(job.case)}: {_outcome(row)}")
            if row["status"] == "failed":
                failed.append(row)
    return failed


def describe(case: Row) -> str:
    """Name a case in a line: `ike 0801 median x2`."""
    seed = f", seed {case['seed']}" if case["seed"] else ""
    return f"{case['method']} {case['image']} {case['kind']} x{case['scale']}{seed}"


def estimate(workspace: Workspace, jobs: Sequence[Job], workers: int) -> tuple[float | None, float]:
    """Estimate hours and GiB of jobs, from what earlier jobs of the same methods took here.

    Hours are None where a method has not been run here yet.
    """
    pixels = [float(job.data["height"] * job.data["width"] * job.case["scale"] ** 2) for job in jobs]
    gigabytes = sum(pixels) * PNG_BYTES_PER_PIXEL / 2**30
    if not workspace.runs_table.exists():
        return None, gigabytes
    rates = _seconds_per_cost(read_table(workspace.runs_table), read_table(workspace.data_table))
    if any(job.choice.label not in rates for job in jobs):
        return None, gigabytes
    seconds = sum(job.cost * rates[job.choice.label] for job in jobs)
    return seconds / workers / 3600, gigabytes


def _seconds_per_cost(runs: pd.DataFrame, data: pd.DataFrame) -> dict[str, float]:
    """Give the median rate of every method that has been run."""
    done = runs[runs["status"] == "ok"].merge(data[[*CASE_COLUMNS, "height", "width"]], on=CASE_COLUMNS)
    rates: dict[str, list[float]] = {}
    for row in to_rows(done):
        work = cost(row["iterations"], row["scale"], row["height"], row["width"])
        rates.setdefault(row["method"], []).append(row["seconds"] / work)
    return {method: median(values) for method, values in rates.items()}


def failure_lines(failed: Sequence[Row]) -> list[str]:
    """Say what failed, a line for each kind of error, with the first case it struck."""
    cases: dict[str, list[Row]] = {}
    for row in failed:
        cases.setdefault(row["error"], []).append(row)
    lines = []
    for error, rows in cases.items():
        more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
        lines.append(f"failed: {describe(rows[0])}{more}: {error}")
    return lines


def _is_intact(path: Path, sha256: str) -> bool:
    return path.exists() and sha256_file(path) == sha256


def _lost_row(workspace: Workspace, job: Job, event: Lost, precision: str) -> Row:
    """Write the row that the dead worker could not."""
    row = job.row(precision) | {"status": "failed", "error": event.reason}
    write_row(workspace.root / row_path(job.sr_path), row)
    return row


def _outcome(row: Row) -> str:
    return f"{row['seconds']:.1f} s" if row["status"] == "ok" else f"FAILED: {row['error']}"
