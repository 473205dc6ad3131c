"""Crashes and Ctrl-C: what had ended is kept, nothing is run twice, nobody works on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import skimage.data
import torch
from PIL import Image
from processes import start, wait_for
from tables import read_table

from ikebench.store.row_files import read_row

KEPT = "what had ended is kept; the same command goes on"


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
    _, err = process.communicate(timeout=30)
    assert process.returncode == (130 if how == signal.SIGINT else -signal.SIGKILL)
    assert (err.splitlines()[-1] == f"interrupted: {KEPT}") == (how == signal.SIGINT)
    (tmp_path / f"bench/sr/.{'0' * 16}.part").write_bytes(b"half of something")
    time.sleep(0.8)  # an orphan would end its job in this time
    ended_before = {row.image for row in rows(tmp_path)}
    assert 2 <= len(ended_before) < 6
    ends = log.read_text().count("end")

    again = ikebench(*command)
    assert again.code == 0, again.err
    assert f"{len(ended_before)} already done" in again.err
    assert log.read_text().count("end") == ends + 6 - len(ended_before)  # none twice
    table = read_table(tmp_path / "bench/runs.parquet")
    assert len(table) == 6 and set(table["status"]) == {"ok"}
    assert not list(Path("bench").rglob("*.part"))


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


def test_make_data_stopped_or_killed_goes_on_where_it_was(ikebench, tmp_path, photos):
    for index in range(16):  # more than a look that a busy machine delays lets pass
        Image.fromarray(skimage.data.chelsea()[index:300, :400]).save(photos / f"more{index}.png")
    command = ("make-data", "--hr", str(photos), "--kind", "bilateral,median", "--scale", "2,4", "--workers", "1")
    set_folder = tmp_path / "bench/data/photos"

    def made():
        return {path: path.stat().st_mtime_ns for path in set_folder.glob("LR_*/X*/*.png")}

    for how in (signal.SIGTERM, signal.SIGHUP, signal.SIGKILL):
        before, process = len(made()), start(tmp_path, *command)
        wait_for(lambda before=before: len(made()) >= before + 3)
        os.kill(process.pid, how)
        _, err = process.communicate(timeout=30)
        if how != signal.SIGKILL:
            assert process.returncode == 128 + how and err.splitlines()[-1] == f"stopped by {how.name}: {KEPT}"
    kept = made()
    assert 9 <= len(kept) < 72 and list(set_folder.rglob("*.json"))
    done = ikebench(*command)
    again = int(done.err.split(" LR images made")[0].split()[-1])
    assert done.code == 0 and again - (72 - len(kept)) in (0, 1)  # one had its file and not yet its row
    assert made().items() >= kept.items()
    assert len(read_table(Path("bench/data.parquet"))) == 72 and not list(set_folder.rglob("*.json"))
    assert "0 LR images made, 72 already there" in ikebench(*command).err


def test_workers_that_still_import_end_with_their_parent(tmp_path):
    """The process that they are forked from imports first, and would not look up before it has."""
    (tmp_path / "slow_package.py").write_text(
        "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(60)"
    )
    script = "from ikebench.engines.local import prepare; prepare(['slow_package']); input()"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    process = subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path, env=environment, stdin=subprocess.PIPE)
    wait_for((tmp_path / "pid").exists)
    wait_for((tmp_path / "pid").read_text)
    process.kill()
    process.wait()
    importing = Path("/proc", (tmp_path / "pid").read_text())
    wait_for(lambda: not importing.exists() or "Z" in (importing / "stat").read_text().split()[2], seconds=10)


def test_a_state_that_does_not_fit_costs_one_more_run(ikebench, median_data):
    """What was saved of a training may be at fault, not the image: the next run starts anew."""
    whole = ("run", "--methods", "zssr", "--limit", "1", "--iterations", "2", "--checkpoint-every", "1")
    assert ikebench(*whole).code == 0
    path = Path("bench/sr/zssr/photos/median/X2/cat.json")
    state = {"key": read_row(path).key, "state": {"iteration": "one"}, "seconds": 1.0}
    path.unlink()
    torch.save(state, path.with_suffix(".checkpoint"))
    failed = ikebench(*whole)
    assert failed.code == 1 and "KeyError" in failed.err
    assert "1 job run, 0 already done, 0 failed" in ikebench(*whole).err
