"""bundle: one file that verify and report accept anywhere, equal bytes for equal results."""

import json
import os
import shutil
from pathlib import Path
from zipfile import ZipFile

import pytest
from tables import read_table

from ikebench.store.row_files import RowFiles
from ikebench.store.traces import read_traces
from ikebench.store.workspace import Workspace

TABLES = {"bundle.json", "data.parquet", "manifest.json", "runs.parquet", "scores.parquet", "traces.parquet"}


@pytest.fixture
def bench(finished_bench, ikebench):
    return Path(shutil.copytree(finished_bench, "bench"))


def names(path):
    with ZipFile(path) as bundle:
        return set(bundle.namelist())


def test_tables_traces_and_report_and_nothing_else(bench, ikebench):
    assert ikebench("report", "--format", "csv").code == 0
    outcome = ikebench("bundle", "-o", "out/a.zip")
    assert outcome.code == 0 and outcome.out == "out/a.zip\n" and "8 scores, 0 images" in outcome.err
    assert names("out/a.zip") == TABLES | {"report/report.md", "report/summary.csv", "report/paired.csv"}
    assert os.listdir("out") == ["a.zip"]


def test_equal_results_give_equal_bytes(bench, ikebench):
    ikebench("bundle", "-o", "a.zip", "--images")
    shutil.copytree(bench, "other")
    for path in Path("other").rglob("*"):
        os.utime(path, (1e9, 1e9))
    ikebench("bundle", "-o", "b.zip", "--images", "--workspace", "other")
    assert Path("a.zip").read_bytes() == Path("b.zip").read_bytes()


@pytest.mark.parametrize("images", [(), ("--images",)], ids=["tables", "images"])
def test_a_bundle_verifies_and_reports_elsewhere(bench, ikebench, images):
    ikebench("bundle", "-o", "a.zip", *images)
    shutil.move("bench", "gone")
    assert ikebench("verify", "a.zip").code == 0
    assert ikebench("report", "a.zip", "-o", "again", "--format", "md,csv").code == 0
    assert ikebench("report", "gone", "-o", "original", "--format", "md,csv").code == 0
    for name in ("report.md", "summary.csv", "paired.csv"):
        assert Path("again", name).read_bytes() == Path("original", name).read_bytes()
    assert ikebench("compare", "a.zip", "gone").code == 0
    with ZipFile("a.zip") as bundle:
        bundle.extractall("unpacked")
    assert ikebench("verify", "unpacked").code == 0


def test_images_are_those_of_the_results(bench, ikebench):
    ikebench("bundle", "-o", "a.zip", "--images", "--methods", "kernelgan-zssr", "--kind", "gaussian", "--no-report")
    at = "sr/kernelgan-zssr/photos/gaussian/X2/"
    results = {at + name for name in ("cat.png", "cup.png", "cat_kernel_x2.npy", "cup_kernel_x2.npy")}
    true = {f"data/photos/kernels/gaussian/X2/{name}.npy" for name in ("cat", "cup")}
    assert names("a.zip") == TABLES | results | true
    assert ikebench("verify", "a.zip").code == 0
    (bench / at / "cat.png").write_bytes(b"another")
    outcome = ikebench("bundle", "-o", "b.zip", "--images")
    assert outcome.code == 2 and f"{at}cat.png is not as it was written" in outcome.err and not Path("b.zip").exists()
    assert ikebench("bundle", "-o", "b.zip").code == 0


def test_a_folder_keeps_the_curves(bench, ikebench, monkeypatch):
    """As docs/results has them: tables alone, and the report draws what was traced."""
    assert ikebench("bundle", "--folder", "results/run", "--no-report", "--methods", "kernelgan-zssr").code == 0
    assert set(os.listdir("results/run")) == TABLES and os.listdir("results") == ["run"]
    there, here = Workspace(Path("results/run")), Workspace(bench)
    expected = read_traces(here, RowFiles(here).all())
    runs = [run for run in RowFiles(here).all() if run.method == "kernelgan-zssr"]
    assert len(expected) and read_traces(there, runs).equals(expected)
    assert set(read_table(there.scores_table)["method"]) == {"kernelgan-zssr"}
    assert ikebench("report", "results/run", "-o", "report", "--format", "md,html").code == 0
    assert "say with -o" in ikebench("report", "results/run").err
    assert Path("report/curves.svg").exists() and not Path("report/kernels.png").exists()
    assert ikebench("verify", "results/run").code == 0
    Path("results/run/notes.txt").write_text("mine")
    Path("results/run/manifest.json").write_text("{}")
    Path("results/run/data.parquet").unlink()
    outcome = ikebench("verify", "results/run", "--no-score")
    assert outcome.code == 1
    for line in ("added    notes.txt", "changed  manifest.json", "missing  data.parquet"):
        assert line in outcome.out
    assert "is there already" in ikebench("bundle", "--folder", "results/run").err


def test_a_table_of_other_images_is_seen_in_a_bundle(bench, ikebench):
    """Also by one who has made the list of files anew."""
    import hashlib
    from dataclasses import replace

    from ikebench.store.rows import RunRow
    from ikebench.store.tables import provenance_of, read_rows, write_rows

    ikebench("bundle", "--folder", "x", "--images", "--no-report")
    runs = read_rows(Path("x/runs.parquet"), RunRow)
    runs[0] = replace(runs[0], sr_sha256="0" * 64)
    write_rows(Path("x/runs.parquet"), runs, RunRow, provenance_of(Path("x/runs.parquet")))
    listed = json.loads(Path("x/bundle.json").read_text())
    listed["files"]["runs.parquet"] = hashlib.sha256(Path("x/runs.parquet").read_bytes()).hexdigest()
    Path("x/bundle.json").write_text(json.dumps(listed))
    outcome = ikebench("verify", "x")
    assert outcome.code == 1
    assert f"changed  {runs[0].sr_path}: the tables speak of another file" in outcome.out
    assert "sr_sha256 other than in runs and data" in outcome.out


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ((), "say where to"),
        (("-o", "a.zip", "--folder", "b"), "say where to"),
        (("-o", "a.tar"), "name it a.zip"),
        (("-o", ""), "name it results.zip"),
        (("-o", "a.zip", "--methods", "bicubik"), "did you mean 'bicubic'"),
        (("-o", "a.zip", "--workspace", "none"), "no scores in none"),
    ],
)
def test_wrong_words(bench, ikebench, words, error):
    outcome = ikebench("bundle", *words)
    assert outcome.code == 2 and error in outcome.err and not Path("a.zip").exists() and not Path("none").exists()


def test_a_zip_file_that_is_no_bundle(ikebench):
    with ZipFile("a.zip", "w") as other:
        other.writestr("scores.parquet", b"PAR1")
    outcome = ikebench("report", "a.zip", "-o", "report")
    assert outcome.code == 2 and "a.zip is no bundle" in outcome.err


def test_what_was_made_anew_since_is_left_out(finished_bench, bench, ikebench):
    """A line says so; nothing is written into the workspace."""
    make = ("make-data", "--hr", finished_bench.parent / "photos", "--kind", "median")
    assert ikebench(*make, "--set", "median.size=3").code == 0
    (bench / ".lock").unlink()
    outcome = ikebench("bundle", "-o", "a.zip", "--images")
    assert outcome.code == 0 and "4 results or their scores" in outcome.err and "4 scores, 8 images" in outcome.err
    assert not (bench / ".lock").exists()
    verified = ikebench("verify", "a.zip")
    assert verified.code == 0, verified.out


def test_trouble_with_the_disk_names_the_target(bench, ikebench):
    Path("file").write_text("")
    for words in (("-o", "file/a.zip"), ("--folder", "file/a")):
        outcome = ikebench("bundle", *words)
        assert outcome.code == 2 and f"{words[1]}: Not a directory" in outcome.err and ".part" not in outcome.err


@pytest.mark.parametrize("path", ["/etc/passwd", "sr/../../secret", "a\0b", "\udc80"])
def test_a_list_of_files_leads_nowhere_else(ikebench, path):
    Path("x").mkdir()
    Path("x/bundle.json").write_text(json.dumps({"files": {path: "0" * 64}}))
    outcome = ikebench("verify", "x")
    assert outcome.code == 2 and "which is no file of it" in outcome.err and len(outcome.err.splitlines()) == 1
