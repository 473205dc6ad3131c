"""What the tests of faults share: a small bench of real photographs, and what of a workspace must come out equal."""

import os
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pandas as pd
import skimage.data
from processes import start
from tables import ROWS, read_table

from ikebench.images import write_png

ROUNDS = int(os.environ.get("IKEBENCH_FAULT_ROUNDS", "20"))
"""Of every kind of fault, each at another moment."""

TIMED = ["seconds", "peak_mem_mib"]
"""Columns that no two runs have alike."""

BYTES = (".png", ".npy", ".mat", ".pt", ".zip", ".pdf", ".bin")
"""Files that come out equal to the byte."""

RUN = ("run", "--methods", "bicubic,zssr", "--iterations", "6", "--checkpoint-every", "2", "--workers", "2")


def write_photos(folder, count=6):
    """Write small crops of photographs, 60 to 70 px wide."""
    for index in range(count):
        image = skimage.data.coffee()[150:210, 200 : 260 + 2 * index]
        write_png(folder / f"photo{index}.png", np.ascontiguousarray(image))


def finish(folder, *command, **environment):
    """Run a command to its end; gives its exit code and what it said."""
    process = start(folder, *command, **environment)
    _, said = process.communicate(timeout=600)
    return process.returncode, said


def expect_ok(folder, *command):
    code, said = finish(folder, *command)
    assert code == 0, said


def results(folder):
    """Give what must be equal below a folder: files by their bytes, tables but for what was timed."""
    files, tables = {}, {}
    for path in sorted(Path(folder).rglob("*")):
        name = str(path.relative_to(folder))
        if path.suffix in BYTES and not path.name.startswith("."):
            files[name] = path.read_bytes()
        elif path.suffix == ".parquet" and path.stem in ROWS:
            tables[name] = read_table(path).drop(columns=TIMED, errors="ignore")
    return files, tables


def assert_equal(found, expected):
    """Compare two `results`; says which file differs."""
    assert set(found[0]) == set(expected[0])
    assert [name for name in expected[0] if found[0][name] != expected[0][name]] == []
    assert set(found[1]) == set(expected[1])
    for name, table in expected[1].items():
        pd.testing.assert_frame_equal(found[1][name], table)


def copy_of(folder, target):
    """Give a folder anew, as it was."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(folder, target, symlinks=True)
    return target


def kill_after(folder, seconds, *command):
    """Start a command, and end it by SIGKILL after so long; says whether it was still at work."""
    process = start(folder, *command)
    try:
        process.wait(timeout=seconds)
    except Exception:  # it is still at work
        process.send_signal(signal.SIGKILL)
    process.communicate()
    return process.returncode == -signal.SIGKILL


def seconds_of(folder, *command):
    began = time.monotonic()
    expect_ok(folder, *command)
    return time.monotonic() - began
