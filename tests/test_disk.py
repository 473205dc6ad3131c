"""Trouble with a disk, a folder or a stream: a line, the old files as they were, and the same command goes on."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest
import skimage.data
from PIL import Image
from processes import start
from tables import read_table

from ikebench.files import write_atomic
from ikebench.store.workspace import Workspace
from reports.writing import write_all

RUN = ("run", "--methods", "bicubic")


@pytest.fixture
def median_data(ikebench, photos):
    assert ikebench("make-data", "--hr", photos, "--kind", "median").code == 0


def one_line(err):
    [line] = err.splitlines()
    assert line.startswith("ikebench: "), line
    return line


@pytest.mark.parametrize("limit", [300, 6000], ids=["nothing", "row files"])
def test_the_same_command_finishes_once_there_is_room(ikebench, tmp_path, median_data, limit):
    full = start(tmp_path, *RUN, limit=limit)
    _, err = full.communicate(timeout=60)
    assert full.returncode == 2 and "Traceback" not in err, err
    assert err.splitlines()[-1].startswith("ikebench: ") and "make room" in err.splitlines()[-1], err
    if limit == 6000:
        assert "FAILED" in err and "File too large" in err
    assert not list((tmp_path / "bench").rglob("*.part"))
    done = ikebench(*RUN)
    assert done.code == 0 and "0 failed" in done.err and "0 jobs run" not in done.err


def test_make_data_on_a_full_disk(ikebench, tmp_path, photos):
    full = start(tmp_path, "make-data", "--hr", str(photos), "--kind", "median", limit=5000)
    _, err = full.communicate(timeout=60)
    assert full.returncode == 2 and "Traceback" not in err and "File too large" in err, err
    done = ikebench("make-data", "--hr", photos, "--kind", "median")
    assert done.code == 0 and "2 images, 2 LR images made" in done.err


def test_a_report_on_a_full_disk_leaves_the_old_one(ikebench, tmp_path, median_data):
    assert ikebench(*RUN).code == 0
    report = Path("bench/report/report.md")
    before = report.read_bytes()
    full = start(tmp_path, "report", "--protocol", "dualsr", "--format", "md", limit=500)
    _, err = full.communicate(timeout=60)
    assert full.returncode == 2 and "File too large" in one_line(err)
    assert report.read_bytes() == before and [path.name for path in report.parent.iterdir()] == ["report.md"]


@pytest.mark.parametrize("stream", ["stdout", "stderr", "reader"])
def test_output_that_cannot_be_written(tmp_path, stream):
    command = [sys.executable, "-c", "from ikebench.cli import main; main()"]
    command += ["list", "methods"] if stream != "stderr" else ["report"]
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    with open("/dev/full", "w") as full:
        streams |= {} if stream == "reader" else {stream: full}
        if stream == "reader":
            reading, writing = os.pipe()
            os.close(reading)
            streams["stdout"] = writing
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(command, cwd=tmp_path, env=environment, text=True, **streams)
    assert done.returncode == (1 if stream == "reader" else 2)  # click's own, for `| head`
    if stream == "stdout":
        assert "No space left on device" in one_line(done.stderr)
    if stream == "reader":
        assert not done.stderr


def test_files_where_folders_should_be(ikebench, tmp_path, photos):
    make = ("make-data", "--hr", photos, "--kind", "median")
    Path("bench").mkdir()
    Path("bench/data").write_text("")
    refused = ikebench(*make)
    assert refused.code == 2 and "refused cat: " in refused.err and "Traceback" not in refused.err
    Path("bench/data").unlink()
    assert ikebench(*make).code == 0
    Path("bench/sr").write_text("")
    failed = ikebench(*RUN)
    assert failed.code == 1 and "2 failed" in failed.err and "Not a directory" in failed.err
    assert "the worker process" not in failed.err  # it lives on, and shows no traceback
    Path("bench/sr").unlink()
    assert ikebench(*RUN).code == 0


def test_names_that_are_too_long_or_no_text_and_files_that_cannot_be_read(ikebench, photos):
    image = Image.fromarray(skimage.data.chelsea()[60:124, 90:162])
    image.save(photos / ("l" * 250 + ".png"))
    image.save(photos / ("k" * 244 + ".png"))
    image.save(os.fsencode(photos) + b"/\xff.png")
    (photos / "memory.png").symlink_to("/proc/self/mem")
    make = ("make-data", "--hr", photos, "--kind", "median")
    made = ikebench(*make)
    assert made.code == 1 and "3 images, 3 LR images made" in made.err and "3 refused" in made.err, made.err
    refused = [line for line in made.err.splitlines() if line.startswith("refused")]
    assert (
        sum("File name too long" in line for line in refused) == 1 and "UTF-8" in refused[-1] + refused[0] + refused[1]
    )
    ran = ikebench("run", "--methods", "bicubic,ike", "--iterations", 1)
    assert ran.code == 1 and "File name too long" in ran.err and "5 failed" not in ran.err, ran.err
    table = read_table(Path("bench/runs.parquet"))
    assert table["status"].tolist().count("ok") == 5


def test_a_link_is_not_written_through(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("old")
    (tmp_path / "link").symlink_to(secret)
    write_atomic(tmp_path / "link", b"new")
    (tmp_path / ".lock").symlink_to(secret)
    with Workspace(tmp_path).locked():
        assert (tmp_path / "link").read_bytes() == b"new"
    assert secret.read_text() == "old" and not any(path.is_symlink() for path in tmp_path.iterdir())


def test_half_written_files_go_unless_somebody_still_writes_them(tmp_path):
    left, written = tmp_path / f".{'0' * 16}.part", tmp_path / f".{'1' * 16}.part"
    downloaded = tmp_path / ".weights.pt.part"  # a download goes on from it
    left.touch(), downloaded.touch()
    with written.open("xb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with Workspace(tmp_path).locked():
            assert not left.exists() and written.exists() and downloaded.exists()
    with Workspace(tmp_path).locked():
        assert not written.exists()
    (tmp_path / f".report.md.{2**22 + 1}.tmp").touch()  # no process has so large a number
    (tmp_path / ".report.md.1.tmp").touch()
    write_all({tmp_path / "report.md": "whole"})
    assert sorted(path.name for path in tmp_path.glob("*report*")) == [".report.md.1.tmp", "report.md"]
