"""verify: whatever is changed, missing or added is named, and nothing else."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from ikebench.store.rows import DataRow, RunRow, ScoreRow
from ikebench.store.tables import provenance_of, read_rows, write_rows

SR = "sr/bicubic/photos/median/X2/cat.png"
KERNEL = "sr/kernelgan-zssr/photos/gaussian/X2/cat_kernel_x2.npy"
SCORE = f"scores.parquet, {SR}"


@pytest.fixture
def bench(finished_bench, ikebench):
    """The finished workspace, ./bench, and its photographs beside it."""
    return Path(shutil.copytree(finished_bench, "bench"))


def flip(path):
    """Change a byte of a file, and neither its size nor its times."""
    data, times = bytearray(path.read_bytes()), path.stat()
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def change_rows(path, row, change, of=SR):
    """Change the row of a result in a table."""
    rows = read_rows(path, row)
    chosen = [i for i, one in enumerate(rows) if (one.image, one.kind, getattr(one, "method", "")) == of]
    assert chosen
    for index in chosen:
        rows[index] = change(rows[index])
    write_rows(path, [one for one in rows if one is not None], row, provenance_of(path))


CAT = ("cat", "median", "bicubic")


def scores(bench, change):
    change_rows(bench / "scores.parquet", ScoreRow, change, CAT)


def runs(bench, change):
    change_rows(bench / "runs.parquet", RunRow, change, CAT)


def measured(name, value):
    return lambda row: replace(row, measures=row.measures | {name: value})


def edit_row_file(bench):
    path = (bench / SR).with_suffix(".json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"note": "better", "seconds": 0.1}))


TAMPERED = {
    "an SR image": (lambda bench: flip(bench / SR), [f"changed  {SR}", f"changed  {SCORE}: ok in the table, failed"]),
    "an SR image gone": (lambda bench: (bench / SR).unlink(), [f"missing  {SR}"]),
    "a folder in its place": (
        lambda bench: ((bench / SR).unlink(), (bench / SR).mkdir()),
        [f"changed  {SR}: Is a directory"],
    ),
    "an LR image": (
        lambda bench: flip(bench / "data/photos/LR_median/X2/cupx2.png"),
        ["changed  data/photos/LR_median/X2/cupx2.png"],
    ),
    "a true kernel gone": (
        lambda bench: (bench / "data/photos/kernels/gaussian/X2/cat.npy").unlink(),
        ["missing  data/photos/kernels/gaussian/X2/cat.npy"],
    ),
    "an estimated kernel": (lambda bench: flip(bench / KERNEL), [f"changed  {KERNEL}"]),
    "an image more": (
        lambda bench: shutil.copy(bench / SR, bench / "sr/bicubic/photos/median/X2/dog.png"),
        ["added    sr/bicubic/photos/median/X2/dog.png"],
    ),
    "a method more": (
        lambda bench: shutil.copytree(bench / "sr/bicubic", bench / "sr/mine"),
        ["added    sr/mine/photos/median/X2/cat.png"],
    ),
    "a row file": (edit_row_file, ["cat.json: seconds, note other than in runs.parquet"]),
    "a row file gone": (lambda bench: (bench / SR).with_suffix(".json").unlink(), ["cat.json: or damaged"]),
    "all scores gone": (
        lambda bench: (bench / "scores.parquet").unlink(),
        ["missing  scores.parquet: `ikebench score` makes it"],
    ),
    "a table": (lambda bench: (bench / "runs.parquet").write_bytes(b"PAR1"), ["changed  runs.parquet: "]),
    "a score": (
        lambda bench: scores(bench, measured("psnr_ike", 40.0)),
        [f"changed  {SCORE}: psnr_ike is 40 in the table, "],
    ),
    "a score, a little": (
        lambda bench: scores(bench, lambda row: measured("ssim_ike", row.measures["ssim_ike"] + 2e-4)(row)),
        [f"changed  {SCORE}: ssim_ike is "],
    ),
    "a score's facts": (
        lambda bench: scores(bench, lambda row: replace(row, seconds=0.5, settings="none")),
        [f"changed  {SCORE}: seconds, settings other than in runs and data"],
    ),
    "a score gone": (lambda bench: scores(bench, lambda row: None), [f"missing  {SCORE}"]),
    "a score of nothing": (
        lambda bench: runs(bench, lambda row: None),
        [f"added    {SCORE}", "cat.json: `ikebench score`"],
    ),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_what_is_tampered_with_is_named(bench, ikebench, what):
    tamper, lines = TAMPERED[what]
    tamper(bench)
    outcome = ikebench("verify", "--workers", 1)
    assert outcome.code == 1 and "Traceback" not in outcome.err
    for line in lines:
        assert line in outcome.out
    if what not in ("a table", "a method more"):
        assert len(outcome.out.splitlines()) <= 3, outcome.out


def test_nothing_is_found_where_nothing_is_and_nothing_is_written(bench, ikebench):
    before = {path: path.stat().st_mtime_ns for path in bench.rglob("*")}
    outcome = ikebench("verify")
    assert outcome.code == 0 and outcome.out == "" and "8 of 8 scores measured again" in outcome.err
    assert {path: path.stat().st_mtime_ns for path in bench.rglob("*")} == before
    assert ikebench("score").code == 0 and ikebench("report").code == 0
    assert ikebench("verify", "bench").code == 0


def test_as_many_scores_as_wanted(bench, ikebench, monkeypatch):
    assert "3 of 8 scores measured again" in ikebench("verify", "--sample", 3).err
    assert "8 of 8" in ikebench("verify", "--sample", 100).err
    scores(bench, measured("psnr_ike", 40.0))
    monkeypatch.setattr("ikebench.scoring.scorer.score_run", None)
    assert ikebench("verify", "--no-score").code == 0
    scores(bench, lambda row: replace(row, sr_sha256="0" * 64))
    assert "sr_sha256 other than in runs" in ikebench("verify", "--no-score").out


def test_scores_of_other_metrics_are_not_compared(bench, ikebench):
    path = bench / "scores.parquet"
    write_rows(path, read_rows(path, ScoreRow), ScoreRow, {"metrics_version": 0})
    outcome = ikebench("verify")
    assert outcome.code == 1 and "`ikebench score` measures anew" in outcome.out


def test_scores_of_images_that_are_no_more(bench, ikebench):
    """As after make-data with other parameters: the results are as written, and nothing speaks for their scores."""
    rows = read_rows(bench / "data.parquet", DataRow)
    changed = [replace(row, lr_sha256="1" * 64) if row.kind == "median" else row for row in rows]
    write_rows(bench / "data.parquet", changed, DataRow, {})
    outcome = ikebench("verify")
    assert outcome.code == 1 and outcome.out.count("there is no such result on the LR images of now") == 4


def test_wrong_places(ikebench, tmp_path):
    assert "nothing to verify in nowhere" in ikebench("verify", "nowhere").err
    (tmp_path / "a.zip").write_bytes(b"PK")
    outcome = ikebench("verify", "a.zip")
    assert outcome.code == 2 and "is damaged" in outcome.err and "Traceback" not in outcome.err
    (tmp_path / "data.parquet").touch()
    for source in ("/dev/null", "data.parquet"):
        outcome = ikebench("verify", source)
        assert outcome.code == 2 and f"{source}: verify takes a workspace, or a bundle" in outcome.err


def test_what_ikebench_has_set_aside_is_nobodys_fault(bench, ikebench):
    row = (bench / SR).with_suffix(".json")
    for name in (".json.damaged", ".json.damaged1"):
        shutil.copy(row, row.with_suffix(name))
    assert ikebench("verify", "--no-score").code == 0


def test_not_while_another_is_at_work(bench, ikebench):
    from ikebench.store.workspace import Workspace

    with Workspace(bench).locked():
        outcome = ikebench("verify")
    assert outcome.code == 2 and "another ikebench is at work" in outcome.err


@pytest.mark.parametrize("path", [SR, SR.replace(".png", ".json"), ".lock"])
def test_what_would_never_end_is_not_read(bench, ikebench, path):
    (bench / path).unlink()
    os.mkfifo(bench / path)
    outcome = ikebench("verify", "--no-score")
    if path == ".lock":
        assert outcome.code == 2 and "bench/.lock: not a plain file: remove it" in outcome.err
        assert "cannot write to bench: not a plain file (.lock)" in ikebench("score").err
        return
    assert outcome.code == 1 and SR.removesuffix(".png") in outcome.out
    assert f"changed  {SR}: not a plain file" in outcome.out or path != SR
