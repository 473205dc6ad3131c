"""How long jobs take and how much disk, from what earlier jobs of the same methods took here."""

from collections.abc import Sequence
from statistics import median

from ikebench.run.jobs import Job, cost
from ikebench.store.rows import DataRow, RunRow
from ikebench.store.tables import read_rows
from ikebench.store.workspace import Workspace

PNG_BYTES_PER_PIXEL = 2.0  # of a colour photograph, about: DIV2K's are 1.3 to 2.2


def estimate(
    workspace: Workspace, data: Sequence[DataRow], jobs: Sequence[Job], workers: int
) -> tuple[float | None, float]:
    """Estimate hours and GiB of jobs; `data` are all LR images of the workspace.

    Hours are None where a method has not been run here yet.
    """
    gibibytes = sum(job.data.height * job.data.width * job.case.scale**2 for job in jobs) * PNG_BYTES_PER_PIXEL / 2**30
    if not workspace.runs_table.exists():
        return None, gibibytes
    rates = _seconds_per_cost(read_rows(workspace.runs_table, RunRow), data)
    if any(job.choice.label not in rates for job in jobs):
        return None, gibibytes
    seconds = sum(rates[job.choice.label] * _cost(job.case.iterations, job.data) for job in jobs)
    return seconds / workers / 3600, gibibytes


def _seconds_per_cost(runs: Sequence[RunRow], data: Sequence[DataRow]) -> dict[str, float]:
    """Give the median rate of every method that has been run."""
    images = {row.case: row for row in data}
    rates: dict[str, list[float]] = {}
    for run in runs:
        image = images.get(run.case)
        if run.status == "ok" and run.seconds is not None and image is not None:
            rates.setdefault(run.method, []).append(run.seconds / _cost(run.iterations, image))
    return {method: median(values) for method, values in rates.items()}


def _cost(iterations: int | None, image: DataRow) -> float:
    return cost(iterations, image.scale, image.height, image.width)
