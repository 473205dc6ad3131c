"""What of a plan is still to do: a key that has ended well is never run again."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from ikebench.run.jobs import Job
from ikebench.store.hashes import Hashes
from ikebench.store.row_files import RowFiles
from ikebench.store.rows import RunRow


@dataclass
class Pending:
    """What of a plan is still to do.

    Attributes:
        todo: jobs to run.
        done: number of jobs that ended well before.
        failed: jobs that failed before, with their errors.
        replaced: methods whose results under other settings or of other versions, or on other LR images, `todo` will
            replace, with counts.
        given_up: methods whose results of a longer training `todo` will replace, with counts.
        kept: methods whose results of a longer training are not replaced, with counts; their jobs are not to be run.
    """

    todo: list[Job] = field(default_factory=list)
    done: int = 0
    failed: list[RunRow] = field(default_factory=list)
    replaced: Counter[str] = field(default_factory=Counter)
    given_up: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)


def pending(
    jobs: Sequence[Job], rows: RowFiles, hashes: Hashes, *, retry_failed: bool = False, replace_longer: bool = False
) -> Pending:
    """Sort out what has been done already; failed jobs are run again, longer trainings replaced, on demand alone."""
    result = Pending()
    for job in jobs:
        row = rows.of(job.case)
        if row is not None and job.is_of(row):
            if row.status == "failed" and not (retry_failed or row.retry):
                result.failed.append(row)
                continue
            if is_done(job, row, hashes.is_intact):
                result.done += 1
                continue
        elif row is not None and is_longer(row, job):
            (result.given_up if replace_longer else result.kept)[job.choice.label] += 1
            if not replace_longer:
                continue
        elif row is not None:
            result.replaced[job.choice.label] += 1
        result.todo.append(job)
    return result


def is_longer(row: RunRow, job: Job) -> bool:
    """Say whether a result of a job's case is that of a longer training, on the same LR image.

    That of an older version of the method is not what the training gives now, however long: beside results of the
    job's version no table shows it.
    """
    if row.status != "ok" or row.lr_sha256 != job.data.lr_sha256 or (row.version or 0) < job.choice.method.version:
        return False
    return (row.iterations or 0) > (job.case.iterations or 0)


def note_versions(jobs: Sequence[Job], rows: RowFiles) -> None:
    """Write the method's version into the rows of before there was that column; the key tells that it is the job's."""
    for job in jobs:
        row = rows.of(job.case)
        if row is not None and row.version is None and job.is_of(row):
            rows.put(replace(row, version=job.choice.method.version))


def is_done(job: Job, row: RunRow | None, intact: Callable[[str, str | None], bool]) -> bool:
    """Say whether a job has ended well, and what it wrote is there as it was written."""
    if row is None or row.status != "ok" or row.sr_path is None or not job.is_of(row):
        return False
    if row.kernel_path and not intact(row.kernel_path, row.kernel_sha256):
        return False
    return intact(row.sr_path, row.sr_sha256)
