"""Reports as files: written whole or not, made again as they were, of several sources; what changed between two."""

import resource
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from score_frames import failed, frame, run, table

import reports
from degradations.resample import correlate, quantise
from ikebench.commands.evidence import evidence
from ikebench.errors import UserError
from ikebench.images import read_image
from ikebench.scoring.metrics import psnr
from ikebench.store.gathered import Filter, _united, newest_versions
from ikebench.store.rows import DataRow, ScoreRow
from ikebench.store.tables import read_frame, read_rows
from ikebench.store.workspace import Workspace
from reports import latex
from reports.changes import changes, markdown
from reports.writing import write_all


@pytest.fixture
def small_disk():
    """Let no file of this process grow beyond 700 bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (700, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_failing_write_leaves_the_old_files(tmp_path, small_disk):
    (tmp_path / "report.md").write_text("old")
    (tmp_path / "gone-table3.tex").write_text("old")
    with pytest.raises(OSError):
        reports.write_report(frame(run()), tmp_path, formats=("csv", "tex", "md"))
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == dict.fromkeys(
        ("report.md", "gone-table3.tex"), "old"
    )


def test_only_outdated_files_of_the_written_formats_go(tmp_path):
    for name in ("report.html", "gone-table3.tex", "mine.txt"):
        (tmp_path / name).write_text("old")
    reports.write_report(frame(run()), tmp_path, formats=("tex",))
    assert {path.name for path in tmp_path.iterdir()} == {"report.html", "mine.txt", "set5-table3.tex"}


@pytest.mark.html
def test_run_and_report(ikebench, photos, tmp_path):
    assert ikebench("make-data", "--hr", photos, "--kind", "median").code == 0
    first = ikebench("run", "--methods", "bicubic", "--seeds", "0,1,2")
    assert first.out.splitlines()[-1] == "bench/report/report.html"
    assert len(pq.read_table("bench/scores.parquet")) == 2  # a seed changes nothing of bicubic
    Path("bench/report/report.html").unlink()
    assert ikebench("report", "--format", "md", "--protocol", "dualsr").code == 0
    assert ikebench("score").out == "bench/report/report.md\n"
    assert [path.name for path in Path("bench/report").iterdir()] == ["report.md"]
    assert "protocol dualsr" in Path("bench/report/report.md").read_text()
    both = ikebench("report", "bench", "bench/scores.parquet", "-o", "out", "--format", "csv")
    assert both.code == 0 and pd.read_csv("out/summary.csv")["n_images"].tolist() == [2]
    assert ikebench("report", "bench/scores.parquet").code == 2
    wrong = ikebench("report", "--methods", "bicubik")
    assert wrong.code == 2 and "'bicubic'" in wrong.err
    assert "Median ×2" in ikebench("compare", "bench", "bench/scores.parquet").out
    Path("full").write_text("")
    failed = ikebench("report", "bench/scores.parquet", "-o", "full/out")
    assert failed.code == 2 and len(failed.err.splitlines()) == 1 and "cannot write" in failed.err


@pytest.mark.html
def test_a_report_of_the_same_scores_is_not_made_again(ikebench, photos, monkeypatch):
    ikebench("make-data", "--hr", photos, "--kind", "median")
    ikebench("run", "--methods", "bicubic")
    made = []
    monkeypatch.setattr(reports.files, "write_all", lambda contents: made.extend(contents) or write_all(contents))
    for command in (("run", "--methods", "bicubic"), ("score",)):
        again = ikebench(*command)
        assert again.out == "bench/report/report.html\n" and "as it was: " in again.err and not made
    ikebench("run", "--methods", "bicubic", "--as", "other")
    assert made and "other" in Path("bench/report/report.md").read_text()


def test_who_has_no_scores_any_more_is_no_reference(ikebench, photos):
    ikebench("make-data", "--hr", photos, "--kind", "median")
    ikebench("run", "--methods", "bicubic", "--as", "gone")
    ikebench("run", "--methods", "bicubic")
    assert ikebench("report", "--against", "gone", "--format", "md,csv").code == 0
    assert "against gone" in Path("bench/report/report.md").read_text()
    shutil.rmtree("bench/sr/gone")
    outcome = ikebench("score")
    assert outcome.code == 0 and outcome.err.count("no scores of gone to compare with any more") == 1


@pytest.mark.html
def test_a_report_pictures_the_kernels_that_are_as_they_were_written(ikebench, photos):
    ikebench("make-data", "--hr", photos, "--kind", "random", "--limit", 1)
    assert ikebench("run", "--methods", "ike", "--iterations", 1).code == 0
    workspace = Workspace(Path("bench"))
    scores = read_frame(workspace.scores_table, ScoreRow)
    (row,) = evidence(workspace, scores).kernels
    assert row.true.shape == (5, 5) and set(row.estimated) == {"ike"}
    assert row.psnr["ike"] == scores["kernel_psnr"][0] and evidence(workspace, scores).about.precision == "fp32"
    assert Path("bench/report/kernels.png").exists()
    next(Path("bench/sr/ike").rglob("*_kernel_x2.npy")).write_bytes(b"other")
    assert evidence(workspace, scores).kernels[0].estimated == {}


def test_lr_consistency_is_that_of_the_same_degradation(ikebench, photos):
    ikebench("make-data", "--hr", photos, "--kind", "random", "--limit", 1)
    ikebench("run", "--methods", "bicubic")
    (score,) = read_rows(Path("bench/scores.parquet"), ScoreRow)
    (image,) = read_rows(Path("bench/data.parquet"), DataRow)
    kernel = np.load(Path("bench") / image.kernel_path)
    sr, lr = (read_image(Path("bench") / path) for path in ("sr/bicubic/photos/random/X2/cat.png", image.lr_path))
    again = quantise(correlate(sr, kernel, step=2))
    assert score.psnr_lr == pytest.approx(psnr(again, lr), abs=1e-9)


def shard(source, *rows):
    scores = frame(*rows).assign(source=source)
    return scores.assign(version=1, lr_sha256="l", hr_sha256="h", settings="")


def test_shards_become_one_table_and_contradictions_are_named():
    one = shard("A", run(image="a", sr_sha256="1"), run(image="b", sr_sha256="2"))
    two = shard("B", run(image="b", sr_sha256="2", seconds=9.0), run(image="c", sr_sha256="3"))
    assert _united(pd.concat([one, two]))["image"].tolist() == ["a", "b", "c"]
    two["sr_sha256"] = "4"
    with pytest.raises(UserError, match="set5 b median x2 ike 0: another result in B than in A"):
        _united(pd.concat([one, two]))
    with pytest.raises(UserError, match="other LR or HR images in B than in A"):
        _united(pd.concat([one, two.assign(lr_sha256="other", method="zssr")]))


def test_versions_never_mix():
    scores, lines = shard("A", run(image="a"), run(image="b"), run("zssr")), []
    scores["version"] = pd.array([None, 2, 1], "Int64")
    assert newest_versions(scores, lines)[["method", "image"]].to_numpy().tolist() == [["ike", "b"], ["zssr", "a"]]
    assert len(lines) == 1 and lines[0].startswith("ike: 1 scores are of an older version")


def test_a_report_says_what_an_older_version_than_the_installed_one_has_made(monkeypatch):
    monkeypatch.setattr("ikebench.store.gathered.installed_version", {"ike": 3, "zssr": 1}.get)
    notes = {"ike": "said by it", "ike-quick": "variant of ike; and more", "zssr": None, "own": "variant of mine"}
    scores = shard("A", *(run(name, note=note) for name, note in notes.items()))
    scores["version"] = pd.array([2, None, 1, 1], "Int64")
    shown = newest_versions(scores.astype({"note": "string"}), [])
    assert [line for line in table(shown).footnotes if "installed" in line] == [
        "IKE: made by version 2 of the method, where version 3 is installed",
        "ike-quick: made by an unknown version of the method, where version 3 is installed",
    ]


def test_filter_with_nothing_left():
    scores = frame(run(), run("zssr", kind="random"))
    with pytest.raises(UserError, match="no scores are of all these"):
        Filter(methods=["zssr"], kinds=["median"]).of(scores)


def test_changes_are_paired():
    names = "abcdef"
    before = frame(*[run(image=name, psnr=20 + 3 * i) for i, name in enumerate(names)], run("zssr"))
    after = frame(*[run(image=name, psnr=21 + 3 * i) for i, name in enumerate(names)], run("edsr"))
    before["lr_sha256"], after["lr_sha256"] = "l", ["other"] + ["l"] * 6
    found = changes(before, after).set_index("method")
    assert found["status"].to_dict() == {"ike": "both", "zssr": "only before", "edsr": "only after"}
    ike = found.loc["ike"]
    assert (ike["n"], ike["n_other_lr"]) == (6, 1)
    np.testing.assert_allclose([ike["mean_difference"], ike["low"], ike["high"]], 1.0)
    text = markdown(changes(before, after))
    assert "+1.000 to +1.000" in text and "Only before:" in text and "ZSSR" in text.split("Only before:")[1]
    assert "Other runs" not in text


def test_changes_are_of_the_seeds_that_both_sides_have():
    before = frame(run(psnr=20.0, lr_sha256="l"), run(psnr=30.0, lr_sha256="l", seed=1))
    after = frame(run(psnr=20.0, lr_sha256="l"), failed(lr_sha256="l", seed=1))
    (row,) = changes(before, after).to_dict("records")
    assert (row["n"], row["before"], row["after"], row["mean_difference"]) == (1, 20.0, 20.0, 0.0)
    (row,) = changes(before, after.iloc[1:]).to_dict("records")
    assert (row["status"], row["n"]) == ("both", 0)


def test_changes_say_what_was_run_otherwise():
    same = run("zssr", settings="a=1", version=1, lr_sha256="l")
    before = frame(run(iterations=20, settings=None, version=1, lr_sha256="l"), same)
    after = frame(run(settings="x=2", version=1, lr_sha256="l"), same)
    found = changes(before, after).set_index("method")["other_runs"].to_dict()
    assert found == {"ike": "iterations 20 before, 3000 after; settings none before, x=2 after", "zssr": ""}
    assert "- set5, Median ×2, IKE: iterations 20 before, 3000 after" in markdown(changes(before, after))


def test_latex_of_any_set_name():
    names = [table(frame(run(set=name))) for name in ("街景", "夜景", "my_set", "a b")]
    files = [latex.file_name(content) for content in names]
    assert len(set(files)) == 4 and all(name.isascii() and " " not in name for name in files)
    assert "xelatex" in latex.table(names[0]) and "xelatex" not in latex.table(names[2])
    assert "minipage" not in latex.table(table(frame(run(iterations=5))), notes=False)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX here")
@pytest.mark.parametrize(("option", "width"), [("twocolumn", 506), ("onecolumn", 347)])
def test_latex_fits_the_page(tmp_path, option, width):
    methods = ["ike", "dualsr", "zssr", "kernelgan-zssr", "edsr", "rcan", "esrgan", "bicubic", "zssr-gt", "ike-release"]
    kinds = ("median", "bilateral")
    scores = frame(*[run(method, kind=kind, scale=scale, note="x " * 200) for method in methods for kind in kinds
                     for scale in (2, 4)])  # fmt: skip
    text = latex.table(table(scores))
    page = f"\\documentclass[10pt,{option}]{{article}}\\usepackage{{booktabs,graphicx,xcolor}}\\textwidth={width}pt"
    (tmp_path / "page.tex").write_text(f"{page}\\begin{{document}}{text}\\end{{document}}", encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    outcome = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout
    assert "Overfull" not in (tmp_path / "page.log").read_text(errors="replace")
