"""How long work is shown to take."""

import pytest

from ikebench import progress
from ikebench.progress import Progress, counted, spoken


@pytest.fixture
def clock(monkeypatch):
    """Stand at a time that a test sets; every report is a line."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(progress, "LINES_EVERY", 0.0)
    return now


def test_the_time_left_goes_by_the_speed_since_work_began(clock, capsys):
    with Progress(2, 100.0, "jobs") as shown:
        for clock[0], spent in ((60.0, 1.0), (70.0, 2.0), (160.0, 11.0)):  # a minute to start, then 10 s a piece
            shown.show(spent, "at it")
    assert [line.split("; ")[1] for line in capsys.readouterr().err.splitlines()] == [
        "1:39:00 left",  # nothing else is known yet
        "16:20 left",
        "14:50 left",
    ]


def test_nothing_is_said_of_the_time_before_anything_is_done(clock, capsys):
    with Progress(1, 2.0, "jobs") as shown:
        clock[0] = 5.0
        shown.show(0.0, "at it")
    assert capsys.readouterr().err == "[0/1 jobs] at it; ? left\n"


def test_counts_and_durations_in_words():
    assert [counted(n, "job") for n in (0, 1, 2)] == ["0 jobs", "1 job", "2 jobs"]
    assert [spoken(s) for s in (0.2, 40, 720, 12600, 432000)] == ["a second", "40 s", "12 min", "3.5 h", "5 days"]
