"""Crashes and Ctrl-C: what had ended is kept, nothing is run twice, nobody works on."""

import os
import signal
import time
from pathlib import Path

import pytest
from processes import start, wait_for
from tables import read_table

from ikebench.store.row_files import read_row


def runs():
    return read_table(Path("bench/runs.parquet"))


@pytest.fixture
def median_data(ikebench, photos):
    assert ikebench("make-data", "--hr", photos, "--kind", "median").code == 0


def rows(folder):
    return [row for path in (folder / "bench/sr").rglob("*.json") if (row := read_row(path))]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_killed_in_the_middle_and_run_again(ikebench, tmp_path, medians, rivals, monkeypatch, how):
    """Kill -9 and Ctrl-C lose the jobs in flight only; nothing that ended is run again, no orphan works on."""
    medians(4)
    log = tmp_path / "log"
    monkeypatch.setenv("RIVAL_LOG", str(log))
    command = ("run", "--methods", "rival", "--set", "rival.seconds=0.5", "--workers", "1")
    process = start(tmp_path, *command, PYTHONPATH=str(rivals))
    wait_for(lambda: len(rows(tmp_path)) >= 2)
    os.kill(process.pid, how)
    process.communicate(timeout=30)
    assert process.returncode == (130 if how == signal.SIGINT else -signal.SIGKILL)
    time.sleep(0.8)  # an orphan would end its job in this time
    ended_before = {row.image for row in rows(tmp_path)}
    assert 2 <= len(ended_before) < 6
    ends = log.read_text().count("end")

    again = ikebench(*command)
    assert again.code == 0, again.err
    assert f"{6 - len(ended_before)} jobs run, {len(ended_before)} already done" in again.err
    assert log.read_text().count("end") == ends + 6 - len(ended_before)  # none twice
    table = read_table(tmp_path / "bench/runs.parquet")
    assert len(table) == 6 and set(table["status"]) == {"ok"}


def test_a_long_job_goes_on_from_its_checkpoint(ikebench, tmp_path, median_data):
    """Killed inside a training, it ends with the image of an uninterrupted one, and leaves no state behind."""
    whole = ("run", "--methods", "ike", "--limit", "1", "--iterations", "20")
    assert ikebench(*whole, "--workspace", "bench").code == 0
    expected = runs()["sr_sha256"][0]
    for path in Path("bench/sr").rglob("*.*"):
        path.unlink()
    process = start(tmp_path, *whole, "--checkpoint-every", "5")
    state = tmp_path / "bench/sr/ike/photos/median/X2/cat.checkpoint"
    wait_for(state.exists)
    process.kill()
    process.communicate()
    assert not rows(tmp_path)
    outcome = ikebench(*whole, "--checkpoint-every", 5)
    assert outcome.code == 0 and runs()["sr_sha256"][0] == expected and not state.exists()


def children(pid):
    """Processes that a process has started, with their command lines."""
    pids = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {int(child): Path(f"/proc/{child}/cmdline").read_bytes() for child in pids}


def test_ctrl_c_while_workers_start_is_one_line(ikebench, tmp_path, median_data):
    """A terminal sends it to the process that workers are forked from, too, which is importing torch."""
    process = start(tmp_path, "run", "--methods", "bicubic")
    wait_for(lambda: any(b"forkserver" in command for command in children(process.pid).values()))
    time.sleep(0.3)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in err, err
    assert err.strip().splitlines()[-1].startswith("interrupted")
