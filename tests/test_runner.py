"""How jobs are counted while they run."""

import pytest

from ikebench.engines.contract import Finished, Lost, Progressed
from ikebench.run.runner import Spent, execute, failure_lines
from ikebench.store.rows import RunCase, RunRow
from ikebench.store.workspace import Workspace


class CountedJob:
    """A job that counts how often its cost is asked for."""

    asked = 0

    def __init__(self, number):
        self.case = RunCase(set="s", image=str(number), kind="median", scale=2, method="m", seed=0)
        self.sr_path = f"sr/m/s/median/X2/{number}.png"

    @property
    def cost(self):
        CountedJob.asked += 1
        return 1.0

    def row(self):
        return RunRow(**vars(self.case), key="k")

    def is_of(self, row):
        return True


def ended(job, status="ok", error=None):
    return RunRow(**vars(job.case), key="k", status=status, error=error, seconds=1.0)


def test_the_costs_of_many_jobs_are_added_up_a_few_times_each(tmp_path, capsys):
    groups = [[CountedJob(number)] for number in range(2000)]

    def engine(groups, work):
        for index, group in enumerate(groups):
            yield Progressed(index, 1, 2)
            yield Finished(index, [ended(group[0])])

    assert execute(Workspace(tmp_path), groups, None, engine) == []
    assert CountedJob.asked <= 5 * len(groups)
    assert "[2000/2000 jobs]" in capsys.readouterr().err


def test_what_failed_says_nothing_about_the_time_left(tmp_path, capsys):
    first, second, third = groups = [[CountedJob(0)], [CountedJob(1), CountedJob(2)], [CountedJob(3)]]

    def engine(groups, work):
        yield Progressed(0, 3, 4)
        yield Finished(0, [ended(first[0])])
        yield Progressed(1, 1, 4)
        yield Finished(1, [ended(second[0]), ended(second[1], "failed", "no luck")])
        yield Lost(2, "it died")

    failed = execute(Workspace(tmp_path), groups, None, engine)
    assert [row.error for row in failed] == ["no luck", "it died"]
    assert failure_lines(failed) == ["failed: m 2 median x2: no luck", "failed: m 3 median x2: it died"]
    lines = capsys.readouterr().err.splitlines()
    assert "FAILED: no luck" in lines[2] and lines[-1].endswith("; 00:00 left")


@pytest.mark.parametrize("share", [0.25, 1.0])
def test_cost_under_way_is_counted_once(share):
    spent = Spent([[CountedJob(0), CountedJob(1)]])
    spent.go_on(0, share / 2)
    spent.go_on(0, share)
    assert spent.total == pytest.approx(2 * share)
    spent.go_on(0, 0)
    assert spent.total == 0
