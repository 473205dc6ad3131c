"""Step 2, run: the jobs that are still to do, their execution, and `runs.parquet`."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import TypeGuard

import pandas as pd

from ikebench.engines.local import Event, Finished, Lost, Progressed, Work
from ikebench.kernel_files import is_intact
from ikebench.progress import Progress
from ikebench.run.jobs import Job, cost
from ikebench.run.worker import Restorer
from ikebench.store import CASE_COLUMNS, RETRY, Row, Workspace, read_row, read_table, row_path, to_rows, write_row

PNG_BYTES_PER_PIXEL = 2.0  # of a colour photograph, about: DIV2K's are 1.3 to 2.2

Engine = Callable[[Sequence[list[Job]], Work], Iterator[Event]]
"""Runs every group of jobs through the work, somewhere, and gives events as they happen."""


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
        if row is not None and job.is_of(row):
            if row["status"] == "failed" and not (retry_failed or row.get(RETRY)):
                result.failed.append(row)
                continue
            if _is_done(row, workspace, job):
                result.done += 1
                continue
        elif row is not None:
            result.replaced[job.choice.label] += 1
        result.todo.append(job)
    return result


def execute(workspace: Workspace, jobs: Sequence[Job], restorer: Restorer, engine: Engine, workers: int) -> list[Row]:
    """Run jobs on an engine of so many workers, with progress on stderr, and give the rows of those that failed."""
    failed: list[Row] = []
    groups = grouped(jobs, min(restorer.most_in_flight, -(-len(jobs) // workers)))
    ended, started = 0.0, [0.0] * len(groups)  # cost of the jobs that have ended well, of groups under way
    with Progress(len(jobs), sum(job.cost for job in jobs), "jobs") as progress:
        for event in engine(groups, restorer):
            group = groups[event.item]
            if isinstance(event, Progressed):
                started[event.item] = sum(job.cost for job in group) * event.done / max(event.total, 1)
                progress.show(ended + sum(started), f"{_name(group)}, iteration {event.done}/{event.total}")
                continue
            if isinstance(event, Finished):
                rows = event.result
            else:
                rows = _rows_of_the_lost(workspace, group, event)
            started[event.item] = 0.0
            for job, row in zip(group, rows, strict=True):
                if row["status"] == "failed":
                    progress.drop(job.cost)
                    failed.append(row)
                else:
                    ended += job.cost
                progress.finish(ended + sum(started), f"{describe(job.case)}: {_outcome(row)}")
    return failed


def grouped(jobs: Sequence[Job], most: int) -> list[list[Job]]:
    """Put up to `most` jobs together that can be at work at once: trainings of one method at one scale."""
    groups: list[list[Job]] = []
    unfilled: dict[tuple[str, int], list[Job]] = {}
    for job in jobs:
        alike = (job.choice.label, job.case["scale"])
        group = unfilled.get(alike)
        if group is None or len(group) >= most or job.choice.method.supervision != "zero-shot":
            group = unfilled[alike] = []
            groups.append(group)
        group.append(job)
    return groups


def _name(group: Sequence[Job]) -> str:
    more = f" and {len(group) - 1} more" if len(group) > 1 else ""
    return describe(group[0].case) + more


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
    seconds = sum(
        rates[job.choice.label] * cost(job.case["iterations"], job.case["scale"], job.data["height"], job.data["width"])
        for job in jobs
    )
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


def _rows_of_the_lost(workspace: Workspace, group: Sequence[Job], event: Lost) -> list[Row]:
    """Write the rows that the dead worker could not; what it had ended well is there."""
    rows: list[Row] = []
    for job in group:
        path = workspace.root / row_path(job.sr_path)
        row = read_row(path)
        if _is_done(row, workspace, job):
            rows.append(row)
        else:
            rows.append(job.row() | {"status": "failed", "error": event.reason})
            if len(group) > 1:  # one of them is at fault, and nobody knows which
                rows[-1] |= {RETRY: True}
            write_row(path, rows[-1])
    return rows


def _is_done(row: Row | None, workspace: Workspace, job: Job) -> TypeGuard[Row]:
    if row is None or not job.is_of(row) or row["status"] != "ok":
        return False
    kernel_path = row.get("kernel_path")
    if kernel_path and not is_intact(workspace.root / kernel_path, row.get("kernel_sha256")):
        return False
    return is_intact(workspace.root / job.sr_path, row["sr_sha256"])


def _outcome(row: Row) -> str:
    return f"{row['seconds']:.1f} s" if row["status"] == "ok" else f"FAILED: {row['error']}"
