"""Ray with its driver and its workers killed: the next run finishes, and all is as the local engine makes it."""

import os
import random
import signal
import subprocess
from importlib.util import find_spec

import pytest
from outcomes import ROUNDS, RUN, assert_equal, copy_of, expect_ok, kill_after, results, seconds_of, write_photos
from processes import start

pytestmark = [pytest.mark.slow, pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")]

MAKE = ("make-data", "--hr", "photos", "--kind", "median")
BY_RAY = (*RUN, "--engine", "ray")


@pytest.fixture
def template(tmp_path):
    write_photos(tmp_path / "template/photos")
    expect_ok(tmp_path / "template", *MAKE)
    return tmp_path / "template"


@pytest.fixture
def by_local(tmp_path, template):
    whole = copy_of(template, tmp_path / "work")
    expect_ok(whole, *RUN)
    return results(whole)


def test_its_driver_killed(tmp_path, template, by_local):
    lasts, moments = seconds_of(copy_of(template, tmp_path / "work"), *BY_RAY), random.Random(0)
    for _ in range(max(1, ROUNDS // 4)):
        work = copy_of(template, tmp_path / "work")
        kill_after(work, moments.uniform(0.3, 1) * lasts, *BY_RAY)
        expect_ok(work, *BY_RAY)
        assert_equal(results(work), by_local)


def ray_workers(process):
    """Give the processes of a run's session that Ray has started for its tasks."""
    listed = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True).stdout.splitlines()
    pids = [int(line.split()[0]) for line in listed if "ray::_serve" in line]
    return [pid for pid in pids if belongs_to(pid, process.pid)]


def belongs_to(pid, ancestor):
    while pid > 1:
        if pid == ancestor:
            return True
        try:
            with open(f"/proc/{pid}/stat") as file:
                pid = int(file.read().rpartition(")")[2].split()[1])
        except FileNotFoundError:
            return False
    return False


def test_its_workers_killed(tmp_path, template, by_local):
    for _ in range(max(1, ROUNDS // 4)):
        work = copy_of(template, tmp_path / "work")
        process = start(work, *BY_RAY)
        killed = 0
        while process.poll() is None and killed < 2:
            for pid in ray_workers(process)[:1]:
                os.kill(pid, signal.SIGKILL)
                killed += 1
            try:
                process.wait(timeout=0.5)
            except subprocess.TimeoutExpired:
                pass
        _, said = process.communicate(timeout=600)
        assert process.returncode in (0, 1) and "Traceback" not in said, said
        expect_ok(work, *BY_RAY)
        assert_equal(results(work), by_local)
