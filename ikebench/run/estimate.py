"""How long jobs take, before they start: from this workspace's own rows, else from shipped figures and a short test."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import median

from ikebench.run.jobs import Job, cost
from ikebench.run.placement import Placement
from ikebench.store.rows import DataRow, RunRow
from ikebench.store.tables import read_sound_rows
from ikebench.store.workspace import Workspace

PNG_BYTES_PER_PIXEL = 2.0  # of a colour photograph, about: DIV2K's are 1.3 to 2.2

IKE_GFLOP_PER_COST = 50 / cost(1, 2, 128, 128)  # benchmarks/bench.py: a step of IKE at x2, on crops of 128 px
SHARE_OF_PRODUCTS = 0.36  # of a matrix product's rate, which a step of IKE reaches: benchmarks/estimate.py
BF16_GAIN = 1.7  # benchmarks/speed.md, speed-epyc.md: 1.5 to 1.9 for IKE where the CPU has instructions for it

PRODUCTS = """
import time
import numpy as np
matrix, best, ends = np.ones((768, 768), np.float32), 9.0, time.perf_counter() + 0.5
while time.perf_counter() < ends:
    started = time.perf_counter()
    matrix @ matrix
    best = min(best, time.perf_counter() - started)
print(2 * len(matrix) ** 3 / best / 1e9)
"""


@dataclass(frozen=True)
class Expected:
    """What some jobs of one method at one scale are expected to take.

    Attributes:
        label: the method's name in tables.
        scale: s.
        jobs: how many.
        seconds: of all of them together, one after the other; None where nobody knows.
        measured: from jobs that have been run in this workspace, not from shipped figures.
    """

    label: str
    scale: int
    jobs: int
    seconds: float | None
    measured: bool


def expect(workspace: Workspace, data: Sequence[DataRow], jobs: Sequence[Job], placement: Placement) -> list[Expected]:
    """Expect how long jobs take, by method and scale.

    Args:
        workspace: whose own rows are the best to go by.
        data: every LR image of the workspace.
        jobs: to be run.
        placement: where; nobody knows how fast a GPU is on which nothing has been run.
    """
    rates = _own_rates(workspace, data)
    groups: dict[tuple[str, int], list[Job]] = {}
    for job in jobs:
        groups.setdefault((job.choice.label, job.case.scale), []).append(job)
    expected = []
    for (label, scale), group in groups.items():
        rate = rates.get(label) or _shipped_rate(group[0], placement)
        work = sum(_cost(job.case.iterations, job.data) for job in group)
        expected.append(Expected(label, scale, len(group), rate and rate * work, label in rates))
    return expected


def disk_gib(jobs: Sequence[Job]) -> float:
    """Give the GiB that the SR images of jobs take, about."""
    pixels = sum(job.data.height * job.data.width * job.case.scale**2 for job in jobs)
    return pixels * PNG_BYTES_PER_PIXEL / 2**30


def wall_hours(expected: Sequence[Expected], workers: int) -> float | None:
    """Give the hours that so many workers take; None where a part is not known."""
    known = [one.seconds for one in expected if one.seconds is not None]
    return sum(known) / workers / 3600 if len(known) == len(expected) else None


def _own_rates(workspace: Workspace, data: Sequence[DataRow]) -> Mapping[str, float]:
    """Give the median seconds per cost of every method that has been run here."""
    images = {row.case: row for row in data}
    rates: dict[str, list[float]] = {}
    for run in read_sound_rows(workspace.runs_table, RunRow):
        image = images.get(run.case)
        if run.status == "ok" and run.seconds is not None and image is not None:
            rates.setdefault(run.method, []).append(run.seconds / _cost(run.iterations, image))
    return {method: median(values) for method, values in rates.items()}


def _shipped_rate(job: Job, placement: Placement) -> float | None:
    """Give the seconds per cost of a method on this machine's CPU; None for one whose `effort` nobody has measured."""
    effort = getattr(job.choice.method, "effort", None)
    if effort is None or placement.devices != ("cpu",):
        return None
    seconds = effort * IKE_GFLOP_PER_COST / (SHARE_OF_PRODUCTS * product_rate())
    return seconds / BF16_GAIN if job.precision == "bf16" else seconds


@cache
def product_rate() -> float:
    """Measure for half a second how many GFLOP/s one core gets through in float32 matrix products."""
    one_thread = dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    command = [sys.executable, "-c", PRODUCTS]
    done = subprocess.run(command, env=os.environ | one_thread, capture_output=True, text=True, check=True)
    return float(done.stdout)


def _cost(iterations: int | None, image: DataRow) -> float:
    return cost(iterations, image.scale, image.height, image.width)
