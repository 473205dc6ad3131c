"""Workers that are killed or stopped from outside: the run ends, and the next one makes up for it."""

import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest
from outcomes import ROUNDS, RUN, assert_equal, copy_of, expect_ok, finish, results, write_photos
from processes import start, wait_for

pytestmark = pytest.mark.slow

MAKE = ("make-data", "--hr", "photos", "--kind", "median")


@pytest.fixture
def template(tmp_path):
    write_photos(tmp_path / "template/photos")
    expect_ok(tmp_path / "template", *MAKE)
    return tmp_path / "template"


def descendants(pid):
    """Give the processes below one, youngest last."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *descendants(child)]
    return found


def is_worker(pid):
    """Say whether a process is forked from the one that has imported the methods: its parent is no ikebench command."""
    return b"forkserver" in Path(f"/proc/{pid}/cmdline").read_bytes()


def workers(process):
    try:
        return [pid for pid in descendants(process.pid) if is_worker(pid)][1:]  # the first is what they are forked from
    except (FileNotFoundError, ProcessLookupError):
        return []


def test_killed_workers(tmp_path, template):
    whole = copy_of(template, tmp_path / "work")
    expect_ok(whole, *RUN)
    expected, chance = results(whole), random.Random(0)
    for _ in range(ROUNDS):
        work = copy_of(template, tmp_path / "work")
        process = start(work, *RUN)
        wait_for(lambda process=process: workers(process) or process.poll() is not None)
        time.sleep(chance.uniform(0, 1))
        for pid in workers(process)[:1]:
            os.kill(pid, signal.SIGKILL)
        _, said = process.communicate(timeout=600)
        assert process.returncode in (0, 1) and "Traceback" not in said, said
        code, said = finish(work, *RUN)
        assert code == 0, said
        assert_equal(results(work), expected)


def test_stopped_workers_go_on(tmp_path, template):
    expect_ok(copy_of(template, tmp_path / "whole"), *RUN)
    process = start(template, *RUN)
    wait_for(lambda: len(workers(process)) == 2)
    stopped = workers(process)
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(2)
    assert process.poll() is None
    for pid in stopped:
        os.kill(pid, signal.SIGCONT)
    _, said = process.communicate(timeout=600)
    assert process.returncode == 0, said
    assert_equal(results(template), results(tmp_path / "whole"))


def test_stopped_workers_end_with_their_killed_parent(tmp_path, template):
    process = start(template, *RUN)
    wait_for(lambda: len(workers(process)) == 2)
    left = workers(process)
    for pid in left:
        os.kill(pid, signal.SIGSTOP)
    process.kill()
    process.wait()  # its pipe is still theirs
    for pid in left:
        with suppress(ProcessLookupError):  # the kernel wakes those whose session has lost its leader
            os.kill(pid, signal.SIGCONT)
    wait_for(lambda: not any(Path(f"/proc/{pid}/cmdline").exists() and is_worker(pid) for pid in left))
    expect_ok(template, *RUN)
