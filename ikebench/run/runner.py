"""Step 2, run: jobs on an engine, with progress, and what to say of those that failed."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from ikebench.engines.contract import Event, Finished, Lost, Progressed, Work
from ikebench.files import is_intact
from ikebench.progress import Progress
from ikebench.run.jobs import Job
from ikebench.run.pending import is_done
from ikebench.store.row_files import read_row, write_row
from ikebench.store.rows import RunCase, RunRow
from ikebench.store.workspace import Workspace, row_path

Engine = Callable[[Sequence[list[Job]], Work], Iterator[Event]]
"""Runs every group of jobs through the work, somewhere, and gives events as they happen."""


def execute(workspace: Workspace, groups: Sequence[list[Job]], work: Work, engine: Engine) -> list[RunRow]:
    """Run groups of jobs on an engine, with progress on stderr, and give the rows of those that failed."""
    failed: list[RunRow] = []
    jobs = [job for group in groups for job in group]
    with Progress(len(jobs), sum(job.cost for job in jobs), "jobs") as progress:
        spent = Spent(groups)
        for event in engine(groups, work):
            group = groups[event.item]
            if isinstance(event, Progressed):
                spent.go_on(event.item, event.done / max(event.total, 1))
                progress.show(spent.total, f"{_name(group)}, iteration {event.done}/{event.total}")
                continue
            rows = event.result if isinstance(event, Finished) else _rows_of_the_lost(workspace, group, event)
            spent.go_on(event.item, 0)
            for job, row in zip(group, rows, strict=True):
                if row.status == "failed":
                    progress.drop(job.cost)
                    failed.append(row)
                else:
                    spent.total += job.cost
                progress.finish(spent.total, f"{describe(job.case)}: {_outcome(row)}")
    return failed


class Spent:
    """The cost of what has ended well and of what is under way."""

    def __init__(self, groups: Sequence[list[Job]]) -> None:
        """Nothing yet."""
        self.groups, self.total = groups, 0.0
        self._under_way: dict[int, float] = {}

    def go_on(self, index: int, share: float) -> None:
        """Count so much of a group under way, in place of what was counted of it before."""
        self.total -= self._under_way.pop(index, 0.0)
        if share:
            self._under_way[index] = share * sum(job.cost for job in self.groups[index])
            self.total += self._under_way[index]


def grouped(jobs: Sequence[Job], most: int) -> list[list[Job]]:
    """Put up to `most` jobs together that can be at work at once: trainings of one method at one scale."""
    groups: list[list[Job]] = []
    unfilled: dict[tuple[str, int], list[Job]] = {}
    for job in jobs:
        alike = (job.choice.label, job.case.scale)
        group = unfilled.get(alike)
        if group is None or len(group) >= most or job.choice.method.supervision != "zero-shot":
            group = unfilled[alike] = []
            groups.append(group)
        group.append(job)
    return groups


def _name(group: Sequence[Job]) -> str:
    more = f" and {len(group) - 1} more" if len(group) > 1 else ""
    return describe(group[0].case) + more


def describe(case: RunCase) -> str:
    """Name a case in a line: `ike 0801 median x2`."""
    seed = f", seed {case.seed}" if case.seed else ""
    return f"{case.method} {case.image} {case.kind} x{case.scale}{seed}"


def failure_lines(failed: Sequence[RunRow]) -> list[str]:
    """Say what failed, a line for each kind of error, with the first case it struck."""
    cases: dict[str, list[RunRow]] = {}
    for row in failed:
        cases.setdefault(row.error or "", []).append(row)
    lines = []
    for error, rows in cases.items():
        more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
        lines.append(f"failed: {describe(rows[0])}{more}: {error}")
    return lines


def _rows_of_the_lost(workspace: Workspace, group: Sequence[Job], event: Lost) -> list[RunRow]:
    """Write the rows that the dead worker could not; what it had ended well is there."""
    rows = []
    for job in group:
        path = workspace.root / row_path(job.sr_path)
        row = read_row(path)
        if row is None or not is_done(job, row, lambda path, digest: is_intact(workspace.root / path, digest)):
            row = job.row()
            row.status, row.error = "failed", event.reason
            # No job is at fault, or one of them is, and nobody knows which, or whether.
            row.retry = True if event.spoiled or event.from_outside or len(group) > 1 else None
            with suppress(OSError):  # what was at fault may still be: a full disk, say
                write_row(path, row)
        rows.append(row)
    return rows


def _outcome(row: RunRow) -> str:
    return f"{row.seconds:.1f} s" if row.status == "ok" else f"FAILED: {row.error}"
