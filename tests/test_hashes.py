"""Hashes of files: each read once, and never believed of a file that has changed."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import pytest

from ikebench.store import hashes as module
from ikebench.store.hashes import Hashes, hashes_of

OLD = time.time_ns() - 10**10  # long enough ago to be settled


@pytest.fixture
def reads(monkeypatch):
    """Every path whose bytes are read."""
    paths = []
    read = module.sha256_file

    def counted(path):
        paths.append(path.name)
        return read(path)

    monkeypatch.setattr(module, "sha256_file", counted)
    return paths


@pytest.fixture(autouse=True)
def settled(monkeypatch):
    """The ctime of a test's files is of this moment."""
    monkeypatch.setattr(module, "SETTLED", 0)


def write(path, data, at=OLD):
    path.write_bytes(data)
    os.utime(path, ns=(at, at))


def test_a_file_is_read_once_in_a_process_and_not_again_in_the_next(tmp_path, reads):
    write(tmp_path / "a.png", b"a")
    with hashes_of(tmp_path) as hashes:
        assert hashes.of("a.png") == hashes.of("a.png") == sha256(b"a").hexdigest()
    assert Hashes(tmp_path).of("a.png") == sha256(b"a").hexdigest()
    assert reads == ["a.png"]


@pytest.mark.parametrize("change", ["content", "content, mtime set back", "time", "size", "inode"])
def test_whatever_changes_of_a_file_it_is_read_again(tmp_path, reads, change):
    path = tmp_path / "a.png"
    write(path, b"a")
    with hashes_of(tmp_path) as hashes:
        hashes.of("a.png")
    if change == "content":
        path.write_bytes(b"b")
    elif change == "content, mtime set back":
        write(path, b"b")
    elif change == "time":
        os.utime(path, ns=(OLD + 1, OLD + 1))
    elif change == "size":
        write(path, b"ab")
    else:
        write(tmp_path / "b.png", b"b")
        os.replace(tmp_path / "b.png", path)
    assert Hashes(tmp_path).of("a.png") == sha256(path.read_bytes()).hexdigest()
    assert reads == ["a.png"] * 2


def test_a_file_of_this_moment_is_not_remembered(tmp_path, reads, monkeypatch):
    """On a file system that counts seconds, it could change again without showing it."""
    monkeypatch.setattr(module, "SETTLED", 2 * 10**9)
    write(tmp_path / "a.png", b"a", time.time_ns())
    with hashes_of(tmp_path) as hashes:
        hashes.of("a.png")
        hashes.of("a.png")
    assert reads == ["a.png"]
    Hashes(tmp_path).of("a.png")
    assert reads == ["a.png"] * 2


def test_threads_that_want_the_same_file_read_it_once(tmp_path, reads, monkeypatch):
    write(tmp_path / "a.png", b"a")
    read = module.sha256_file
    monkeypatch.setattr(module, "sha256_file", lambda path: (time.sleep(0.05), read(path))[1])
    hashes = Hashes(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(hashes.of, ["a.png"] * 8)) == {sha256(b"a").hexdigest()}
    assert reads == ["a.png"]


def test_a_damaged_memory_is_none(tmp_path):
    write(tmp_path / "a.png", b"a")
    for damage in (b"", b"PAR1 no table PAR1"):
        (tmp_path / ".hashes.parquet").write_bytes(damage)
        assert Hashes(tmp_path).of("a.png") == sha256(b"a").hexdigest()


def test_intact_or_not(tmp_path):
    write(tmp_path / "a.png", b"a")
    hashes = Hashes(tmp_path)
    assert hashes.is_intact("a.png", sha256(b"a").hexdigest())
    assert not hashes.is_intact("a.png", sha256(b"b").hexdigest())
    assert not hashes.is_intact("b.png", sha256(b"a").hexdigest()) and not hashes.is_intact("a.png", None)


def test_an_idle_run_reads_no_image(ikebench, photos, monkeypatch):
    ikebench("make-data", "--hr", photos, "--kind", "median,gaussian")
    ikebench("run", "--methods", "bicubic")
    for path in photos.parent.rglob("*.*"):
        os.utime(path, ns=(OLD, OLD))
    for _ in range(2):  # make-data's worker read the sources, this process reads what the worker wrote
        assert ikebench("make-data", "--hr", photos, "--kind", "median,gaussian").code == 0
        assert ikebench("run", "--methods", "bicubic").code == 0

    def refuse(path):
        raise AssertionError(f"{path} is read")

    monkeypatch.setattr(module, "sha256_file", refuse)
    monkeypatch.setattr("ikebench.scoring.scorer.read_image", refuse)
    monkeypatch.setattr("ikebench.data.make.run_local", lambda work, *_: iter(()) if not work else refuse(work))
    made = ikebench("make-data", "--hr", photos, "--kind", "median,gaussian")
    assert made.code == 0 and "0 LR images made, 4 already there" in made.err
    assert "0 jobs run, 4 already done" in ikebench("run", "--methods", "bicubic").err
    assert ikebench("score").code == 0


def test_a_changed_source_is_seen(ikebench, photos):
    ikebench("make-data", "--hr", photos, "--kind", "median")
    before = (photos.parent / "bench/data/photos/HR/cat.png").read_bytes()
    (photos / "cat.png").write_bytes((photos / "cup.png").read_bytes())
    outcome = ikebench("make-data", "--hr", photos, "--kind", "median")
    assert "1 LR image made, 1 already there" in outcome.err
    assert (photos.parent / "bench/data/photos/HR/cat.png").read_bytes() != before
