"""A disk that fills up at any moment: a line and no traceback, and with room the same command finishes."""

import random
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest
from outcomes import ROUNDS, RUN, assert_equal, copy_of, expect_ok, finish, results, write_photos

pytestmark = pytest.mark.slow

MAKE = ("make-data", "--hr", "photos", "--kind", "median,random", "--workers", "2")
BEFORE = {MAKE: (), RUN: (MAKE,), ("score",): (MAKE, RUN), ("report", "--format", "md,html,tex,csv"): (MAKE, RUN)}
ENOUGH = "64m"


def mount(folder, size, *options):
    command = ["mount", "-t", "tmpfs", "-o", ",".join([f"size={size}", *options]), "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True).returncode == 0


@contextmanager
def small_disk(folder, size):
    """A file system of so many bytes, as long as it is needed."""
    folder.mkdir(parents=True, exist_ok=True)
    if not mount(folder, size):
        pytest.skip("mounting a file system takes permission")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def size_of(folder):
    """Bytes that a file system of pages takes for what is below a folder."""
    return sum(4096 * -(-path.stat().st_size // 4096) for path in Path(folder).rglob("*") if path.is_file())


@pytest.mark.parametrize("words", BEFORE, ids=lambda words: words[0])
def test_a_full_disk_is_a_line_and_the_same_command_finishes(tmp_path, words):
    template = tmp_path / "template"
    write_photos(template / "photos")
    (template / "bench").mkdir()
    for before in BEFORE[words]:
        expect_ok(template, *before)
    if words == ("score",):
        (template / "bench/scores.parquet").unlink()
    if words[0] == "report":
        shutil.rmtree(template / "bench/report")
    work = copy_of(template, tmp_path / "work")
    expect_ok(work, *words)
    expected, least, most = results(work), size_of(template / "bench"), size_of(work / "bench")
    shutil.rmtree(work / "bench")
    chance, filled = random.Random(words[0]), 0
    for _ in range(ROUNDS):
        with small_disk(work / "bench", least + int(chance.uniform(0, 1) * (most - least))):
            shutil.copytree(template / "bench", work / "bench", dirs_exist_ok=True)
            there = {path: path.read_bytes() for path in (work / "bench").rglob("*.png")}
            code, said = finish(work, *words)
            assert code in (0, 1, 2) and "Traceback" not in said, said
            assert all(path.read_bytes() == data for path, data in there.items())
            filled += code != 0
            assert mount(work / "bench", ENOUGH, "remount")
            again = (*words, "--retry-failed") if words == RUN else words
            expect_ok(work, *again)
            assert_equal(results(work), expected)
    print(f"{words[0]}: the disk was full in {filled} of {ROUNDS} rounds")
    assert filled >= ROUNDS // 2
