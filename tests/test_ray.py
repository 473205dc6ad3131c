"""`run --engine ray`: real Ray processes, lost workers and nodes, the bytes of the local engine."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ikebench.image_files import read_image, write_png
from ikebench.store import read_row, read_table

TIMINGS = ("seconds", "peak_mem_mib")

WATCHED = '''
import os
from dataclasses import dataclass
from baselines.zssr import ZSSR

@dataclass(frozen=True)
class Watched(ZSSR):
    """ZSSR that says in a file which process trains and which has ended."""

    def __call__(self, tasks, scale, precision="fp32"):
        self.log("start")
        results = super().__call__(tasks, scale, precision)
        self.log("end")
        return results

    def log(self, what):
        with open(os.environ["WATCHED_LOG"], "a") as file:
            file.write(f"{what} {os.getpid()} {os.environ.get('RAY_NODE_ID')}\\n")
'''


@pytest.fixture
def watched(tmp_path, monkeypatch):
    """Install the method `watched`; gives its log."""
    folder = tmp_path / "watched-site"
    information = folder / "watched-1.0.dist-info"
    information.mkdir(parents=True)
    (folder / "watched.py").write_text(WATCHED)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: watched\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[ikebench.methods]\nwatched = watched:Watched\n")
    log = tmp_path / "watched.log"
    log.touch()
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv("WATCHED_LOG", str(log))
    monkeypatch.syspath_prepend(folder)
    return log


@pytest.fixture
def four_images(ikebench, photos):
    for index in range(2):
        write_png(photos / f"more{index}.png", read_image(photos / "cup.png")[:, : 40 + 2 * index])
    assert ikebench("make-data", "--hr", photos, "--kind", "median").code == 0


def started(log):
    """The process and the node of every training that has begun, in order."""
    return [line.split()[1:] for line in log.read_text().splitlines() if line.startswith("start")]


def start(folder, *arguments):
    """Start `ikebench run` in a process group of its own, as a terminal does; Ctrl-C reaches it wherever tests run."""
    heed = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    return subprocess.Popen(
        [sys.executable, "-c", f"{heed}; from ikebench.cli import main; main()", "run", *arguments],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def results(workspace):
    """SR files by their bytes, and row files but for what was timed."""
    folder = Path(workspace) / "sr"
    images = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.png")}
    rows = {str(path.relative_to(folder)): read_row(path) for path in folder.rglob("*.json")}
    return images, {name: {k: v for k, v in row.items() if k not in TIMINGS} for name, row in rows.items()}


def test_a_killed_workers_job_runs_again_and_all_is_as_local_to_the_byte(ikebench, tmp_path, four_images, watched):
    pytest.importorskip("ray")
    (tmp_path / "here").symlink_to(tmp_path / "bench/data")
    run = ("--methods", "watched", "--iterations", "60", "--workers", "2")
    process = start(tmp_path, *run, "--engine", "ray")
    wait_for(lambda: started(watched))
    victim = int(started(watched)[0][0])
    os.kill(victim, signal.SIGKILL)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0 and "4 jobs run, 0 already done, 0 failed" in err, err
    assert "[4/4 jobs]" in err and "iteration" in err
    assert len(started(watched)) == 5 and watched.read_text().count("end") == 4
    assert len({pid for pid, _ in started(watched)}) >= 2 and not any(is_alive(pid) for pid, _ in started(watched))
    by_ray = results("bench")
    (tmp_path / "bench/sr").rename(tmp_path / "sr-by-ray")
    assert ikebench("run", *run).code == 0
    images, rows = results("bench")
    assert len(images) == len(rows) == 4
    assert by_ray == (images, rows)
