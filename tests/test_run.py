"""run, score and report through the command line: resume, failures, variants, staleness, crashes."""

import json
import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import scipy.io
import skimage.data
import torch
from tables import read_table

from degradations.resample import imresize, quantise
from ikebench.files import sha256_file
from ikebench.images import read_image, write_png
from ikebench.run.checkpoint import CheckpointFile
from ikebench.scoring.metrics import score_pair
from ikebench.store.row_files import read_row
from ikebench.store.rows import RunRow, ScoreRow, schema_of
from ikebench.store.workspace import Workspace


def runs():
    return read_table(Path("bench/runs.parquet"))


def scores():
    return read_table(Path("bench/scores.parquet"))


@pytest.fixture
def median_data(ikebench, photos):
    assert ikebench("make-data", "--hr", photos, "--kind", "median").code == 0


@pytest.mark.html
def test_two_commands_give_images_scores_and_tables(ikebench, median_data):
    outcome = ikebench("run", "--methods", "bicubic,ike", "--iterations", 2)
    assert outcome.code == 0, outcome.err
    table = runs()
    assert table.columns.tolist() == schema_of(RunRow).names and len(table) == 4
    assert set(table["status"]) == {"ok"} and (table["seconds"] > 0).all() and (table["peak_mem_mib"] > 10).all()
    for row in table.to_dict("records"):
        assert row["sr_path"] == f"sr/{row['method']}/photos/median/X2/{row['image']}.png"
        assert sha256_file("bench/" + row["sr_path"]) == row["sr_sha256"]
    trained = table.set_index("method")["iterations"]
    assert trained["bicubic"].isna().all() and (trained["ike"] == 2).all()
    scored = scores()
    assert scored.columns.tolist() == schema_of(ScoreRow).names and len(scored) == 4
    [row] = scored[(scored["method"] == "bicubic") & (scored["image"] == "cat")].to_dict("records")
    hr = read_image("bench/data/photos/HR/cat.png")
    expected = quantise(imresize(read_image("bench/data/photos/LR_median/X2/catx2.png"), 2))
    assert np.array_equal(read_image("bench/sr/bicubic/photos/median/X2/cat.png"), expected)
    assert {name: row[name] for name in score_pair(expected, hr, 2)} == score_pair(expected, hr, 2)
    report = Path("bench/report/report.md").read_text()
    assert (
        "2 of 3000 iterations" in report and f"{scored['psnr_ike'][scored['method'] == 'bicubic'].mean():.3f}" in report
    )
    assert "<table" in Path("bench/report/report.html").read_text()
    commands = [entry["command"] for entry in json.loads(Path("bench/manifest.json").read_text())["commands"]]
    assert commands == ["make-data", "run"]
    metadata = json.loads(pq.read_schema("bench/runs.parquet").metadata[b"ikebench"])
    assert metadata["command"] == "run" and "ike" in metadata["flags"]["methods"]


def test_resume_runs_nothing_twice(ikebench, median_data):
    ikebench("run", "--methods", "bicubic,ike", "--iterations", 1)
    files = {path: path.stat().st_mtime_ns for path in Path("bench/sr").rglob("*.*")}
    outcome = ikebench("run", "--methods", "bicubic,ike", "--iterations", 1)
    assert "0 jobs run, 4 already done" in outcome.err and outcome.code == 0
    assert files == {path: path.stat().st_mtime_ns for path in Path("bench/sr").rglob("*.*")}
    Path("bench/sr/bicubic/photos/median/X2/cat.png").unlink()
    assert "1 job run, 3 already done" in ikebench("run", "--methods", "bicubic,ike", "--iterations", 1).err


def test_other_settings_replace_and_as_keeps_both(ikebench, median_data, rivals):
    assert ikebench("run", "--methods", "rival").code == 0
    kept = ikebench("run", "--methods", "rival", "--as", "rival-dark", "--set", "rival.strength=0.5")
    assert "replaced" not in kept.err and len(runs()) == 4
    settings = scores().groupby("method")["settings"].first()
    assert settings["rival"] == "" and settings["rival-dark"] == "strength=0.5"
    assert "rival-dark: run with strength=0.5" in Path("bench/report/report.md").read_text()
    notes = runs().groupby("method")["note"].first()
    assert notes["rival-dark"] == "variant of rival; as told" and notes["rival"] == "as told"
    replaced = ikebench("run", "--methods", "rival", "--set", "rival.strength=0.9")
    [line] = [line for line in replaced.err.splitlines() if "replaced" in line]
    assert line.startswith("rival: 2 results")
    assert len(runs()) == 4


def test_changed_degradation_is_told_in_the_tables(ikebench, photos):
    ikebench("make-data", "--hr", photos, "--kind", "median", "--set", "median.size=3")
    ikebench("run", "--methods", "bicubic")
    assert set(scores()["degradation"]) == {"size=3"}
    assert "Median ×2: LR made with size=3 (2 images)" in Path("bench/report/report.md").read_text()


def test_seeds_are_kept_apart(ikebench, median_data):
    ikebench("run", "--methods", "ike", "--iterations", 1, "--limit", 1)
    ikebench("run", "--methods", "ike", "--iterations", 1, "--limit", 1, "--seed", 3)
    table = runs().set_index("seed")
    assert table.loc[3, "sr_path"] == "sr/ike@seed3/photos/median/X2/cat.png"
    assert table.loc[0, "sr_sha256"] != table.loc[3, "sr_sha256"]
    assert len(scores()) == 2


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ("type", "list with one"),
        ("raise", "RuntimeError: no luck with this one"),
        ("die", "SIGKILL"),
        ("nan", "not finite"),
        ("size", "shape"),
    ],
)
def test_trouble_in_one_job_is_a_row_and_the_rest_goes_on(ikebench, median_data, rivals, trouble, words):
    command = ("run", "--methods", "bicubic,rival", "--set", f"rival.trouble={trouble}", "--workers", 2)
    outcome = ikebench(*command)
    assert outcome.code == 1
    table = runs()
    assert table["status"].tolist().count("ok") == 3
    [failed] = table[table["status"] == "failed"].to_dict("records")
    assert (failed["method"], failed["image"]) == ("rival", "cat") and words in failed["error"]
    if trouble == "raise":
        row = read_row(Path("bench/sr/rival/photos/median/X2/cat.json"))
        assert 'RuntimeError("no luck' in row.traceback
    ikebench("score")
    assert words.split(":")[0] in Path("bench/report/report.md").read_text()
    again = ikebench(*command)
    # Whether a worker that another process has ended would have come to its end, nobody knows.
    assert f"{int(trouble == 'die')} job" in again.err and again.code == 1
    for told in (outcome, again):
        [line] = [line for line in told.err.splitlines() if line.startswith("failed: rival cat median x2")]
        assert words in line
    assert ("--retry-failed" in again.err) == (trouble != "die")
    assert "1 job run" in ikebench(*command, "--retry-failed").err


def test_a_run_with_failures_scores_and_reports_the_others(ikebench, median_data, rivals):
    assert ikebench("run", "--methods", "rival", "--set", "rival.trouble=raise").code == 1
    table = scores().set_index("image")
    assert table.loc["cup", "psnr_ike"] > 20 and table.loc["cat", "status"] == "failed"
    assert "no luck" in Path("bench/report/report.md").read_text()


def test_new_lr_makes_old_results_stale(ikebench, median_data, photos):
    ikebench("run", "--methods", "bicubic")
    before = scores().set_index("image")["psnr_ike"]
    ikebench("make-data", "--hr", photos, "--kind", "median", "--set", "median.size=9")
    left_out = ikebench("report")
    assert left_out.code == 2 and "2 scores are on images" in left_out.err
    stale = ikebench("score")
    assert "2 results are on LR images that have been made anew" in stale.err and scores().empty
    assert "report" in stale.err  # which stays as it was, and that is said
    ikebench("run", "--methods", "bicubic")
    assert (scores().set_index("image")["psnr_ike"] < before).all()


def test_trouble_with_one_score_leaves_the_others(ikebench, median_data, monkeypatch):
    ikebench("run", "--methods", "bicubic")
    Path("bench/scores.parquet").unlink()

    def measure(workspace, run, data):
        if run.image == "cat":
            raise OSError("the disk has gone")
        return score_pair(read_image("bench/" + run.sr_path), read_image("bench/" + data.hr_path), 2)

    monkeypatch.setattr("ikebench.scoring.scorer._measure", measure)
    outcome = ikebench("score")
    assert outcome.code == 1 and "Traceback" not in outcome.err
    scores = read_table(Path("bench/scores.parquet")).set_index("image")
    assert scores.loc["cat", "error"] == "the disk has gone" and scores.loc["cup", "status"] == "ok"


def test_score_refuses_a_changed_file(ikebench, median_data):
    ikebench("run", "--methods", "bicubic")
    path = "bench/sr/bicubic/photos/median/X2/cat.png"
    write_png(path, 255 - read_image(path))
    outcome = ikebench("score")
    assert outcome.code == 1 and "cat.png has been changed" in outcome.err
    table = scores().set_index("image")
    assert table.loc["cat", "status"] == "failed" and np.isnan(table.loc["cat", "psnr_ike"])
    assert table.loc["cup", "status"] == "ok"
    assert "1 job run, 1 already done" in ikebench("run", "--methods", "bicubic").err  # what the line says to do
    assert set(scores()["status"]) == {"ok"}


def test_changed_lr_is_a_failed_row_until_it_is_made_again(ikebench, median_data, photos):
    path = "bench/data/photos/LR_median/X2/catx2.png"
    write_png(path, 255 - read_image(path))
    outcome = ikebench("run", "--methods", "bicubic")
    assert outcome.code == 1 and "run make-data again" in runs().set_index("image").loc["cat", "error"]
    assert "1 LR image made" in ikebench("make-data", "--hr", photos, "--kind", "median").err
    outcome = ikebench("run", "--methods", "bicubic")
    assert outcome.code == 0 and "1 job run, 1 already done, 0 failed" in outcome.err


def test_dry_run_prints_jobs_hours_and_disk(ikebench, median_data):
    plain = ("run", "--methods", "bicubic,ike", "--iterations", 3000, "--dry-run")
    outcome = ikebench(*plain, "--list-jobs")
    assert outcome.code == 0 and outcome.out.count("median x2") == 4
    outcome = ikebench(*plain)
    assert "median x2" not in outcome.out and "4 jobs to run" in outcome.out and "GiB" in outcome.out
    assert re.search(r"^ike x2: 2 jobs, about [0-9.]+ (s|min) each, by this machine's speed$", outcome.out, re.M)
    assert not Path("bench/runs.parquet").exists()
    assert "bicubic x2: 2 jobs, about a second each" in outcome.out
    told = ikebench("run", "--methods", "ike", "--iterations", 1)
    assert "ike x2: 2 jobs, about" in told.err.splitlines()[0] and "in all with 1 worker\n" in told.err
    outcome = ikebench("run", "--methods", "ike", "--iterations", 3000, "--dry-run", "--workers", 7)
    assert re.search(r"^ike x2: 2 jobs, about [0-9.]+ \w+ each$", outcome.out, re.M)
    assert "in all with 7 workers" in outcome.out


def test_of_somebody_elses_method_nothing_is_expected_before_it_has_run(ikebench, median_data, rivals):
    assert (
        "rival x2: 2 jobs, which take nobody knows how long"
        in ikebench("run", "--methods", "rival,bicubic", "--dry-run").out
    )
    ikebench("run", "--methods", "rival")
    assert "nobody" not in ikebench("run", "--methods", "rival", "--set", "rival.strength=0.5", "--dry-run").out


def test_lr_images_without_hr(ikebench, photos):
    outcome = ikebench("run", "--methods", "bicubic", "--lr", photos, "--scale", 2)
    assert outcome.code == 0 and "no HR" in outcome.err
    sr = read_image("bench/sr/bicubic/photos/given/X2/cat.png")
    assert np.array_equal(sr, quantise(imresize(read_image(photos / "cat.png"), 2)))
    assert scores().empty


def test_lr_folder_takes_only_its_own_images_and_names_the_refused(ikebench, photos, tmp_path):
    command = ("run", "--methods", "bicubic", "--scale", 2, "--lr")
    other = tmp_path / "other" / "photos"
    other.mkdir(parents=True)
    (photos / "cat.png").rename(other / "catx2.png")
    (other / "broken.png").write_bytes(b"no")
    assert "2 jobs" not in ikebench(*command, photos).err
    outcome = ikebench(*command, other)
    assert "1 job run" in outcome.err and "refused broken" in outcome.err and outcome.code == 1
    assert set(runs()["image"]) == {"cat", "cup"}
    (other / "cat.jpg").write_bytes((photos / "cup.png").read_bytes())
    outcome = ikebench(*command, other)
    assert outcome.code == 2 and "share a name" in outcome.err


@pytest.mark.parametrize("arguments", [[], ["--scale", 2, "--kind", "median"], ["--scale", 2, "--dry-run"]])
def test_lr_folder_writes_nothing_unless_it_runs(ikebench, photos, arguments):
    outcome = ikebench("run", "--methods", "bicubic", "--lr", photos, *arguments)
    assert outcome.code == (0 if "--dry-run" in arguments else 2)
    assert not Path("bench/data.parquet").exists() and not Path("bench/data").exists()


def test_two_runs_in_one_workspace(ikebench, median_data):
    with Workspace(Path("bench")).locked():
        outcome = ikebench("run", "--methods", "bicubic")
    assert outcome.code == 2 and "another ikebench is at work" in outcome.err
    assert ikebench("run", "--methods", "bicubic").code == 0


def test_checkpoint_knows_its_job_and_the_seconds_so_far(tmp_path):
    def checkpoint(key):
        return CheckpointFile(tmp_path / "state", key, 10, torch.device("cpu"))

    first = checkpoint("a")
    first.started -= 5  # seconds ago
    first.save({"weight": torch.ones(2)})
    second = checkpoint("a")
    assert torch.equal(second.load()["weight"], torch.ones(2)) and second.seconds_before == pytest.approx(5, abs=1)
    assert checkpoint("b").load() is None
    (tmp_path / "state").write_bytes(b"half")
    assert checkpoint("a").load() is None


def test_selection(ikebench, photos):
    ikebench("make-data", "--hr", photos, "--kind", "median,random", "--scale", "2,3,4")
    outcome = ikebench("run", "--methods", "bicubic", "--kind", "random", "--scale", "4", "--limit", 1)
    assert "1 job run" in outcome.err
    assert runs()[["image", "kind", "scale"]].values.tolist() == [["cat", "random", 4]]
    outcome = ikebench("run", "--methods", "ike", "--scale", "3,4", "--limit", 1, "--kind", "median", "--dry-run")
    assert "ike does not do x3" in outcome.err and "1 job to run" in outcome.out
    assert ikebench("run", "--methods", "ike", "--scale", "3").code == 2
    assert ikebench("run", "--methods", "bicubic", "--kind", "bilateral").code == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--methods", "bicubik"], "did you mean 'bicubic'"),
        (["--methods", "ike", "--set", "ike.bloks=4"], "did you mean 'blocks'"),
        (["--methods", "ike", "--set", "ike.activation=tanh"], "none, relu, leaky-relu"),
        (["--methods", "ike", "--set", "ike.learning_rate=nan"], "expected a finite number"),
        (["--methods", "ike", "--set", "ike.beta1=1"], "beta1 must be from 0 to below 1, not 1"),
        (["--methods", "kernelgan-zssr", "--set", "kernelgan-zssr.kernel_beta2=-1"], "kernelgan-zssr: kernel_beta2"),
        (["--methods", "dualsr", "--set", "dualsr.rate_up=-1e-3"], "rate_up must be 0 or more"),
        (["--methods", "edsr", "--set", "edsr.tile=0"], "tile must be 1 or more"),
        (["--methods", "rcan", "--set", "rcan.reduction=0"], "reduction must be 1 or more"),
        (["--methods", "bicubic", "--set", "ike.blocks=4"], "not among --methods"),
        (["--methods", "bicubic,ike", "--as", "x"], "one name"),
        (["--methods", "ike", "--iterations", "3", "--set", "ike.iterations=4"], "one of them"),
        (["--methods", "ike", "--as", "bicubic"], "choose another"),
        (["--methods", "ike", "--as", "a/b"], "letters"),
        (["--methods", "bicubic", "--device", "cuda:9"], "there is cpu"),
        (["--methods", "bicubic", "--dataset", "phtos"], "there is photos"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(ikebench, median_data, arguments, words):
    outcome = ikebench("run", *arguments)
    assert outcome.code == 2 and words in outcome.err and "Traceback" not in outcome.err
    assert len(outcome.err.strip().splitlines()) == 1 and not Path("bench/runs.parquet").exists()


def test_steps_in_the_wrong_order(ikebench):
    for command in (["run", "--methods", "bicubic"], ["score"], ["report"]):
        outcome = ikebench(*command)
        assert outcome.code == 2 and "ikebench" in outcome.err and "Traceback" not in outcome.err
        assert not Path("bench").exists()


def test_a_damaged_or_older_table_is_one_line(ikebench, median_data):
    ikebench("run", "--methods", "bicubic")
    table = pq.read_table("bench/scores.parquet")
    pq.write_table(table.drop_columns(["settings"]), "bench/scores.parquet")
    outcome = ikebench("report")
    assert outcome.code == 2 and "another version" in outcome.err
    assert ikebench("score").code == 0 and ikebench("report").code == 0
    Path("bench/scores.parquet").write_bytes(b"PAR1")
    outcome = ikebench("report")
    assert outcome.code == 2 and "cannot be read" in outcome.err and "Traceback" not in outcome.err


def test_report_formats_and_protocols(ikebench, median_data):
    ikebench("run", "--methods", "bicubic")
    assert ikebench("report", "--format", "md,tex,html,csv", "--protocol", "dualsr").code == 0
    folder = Path("bench/report")
    assert {path.suffix for path in folder.iterdir()} == {".md", ".tex", ".html", ".csv"}
    assert f"{scores()['psnr_dualsr'].mean():.3f}" in (folder / "report.html").read_text()
    assert ikebench("report", "--protocol", "ntire17").code == 0  # in all of them
    for path in folder.iterdir():
        assert path.name == "paired.csv" or "ntire17" in path.read_text(), path
    assert ikebench("report", "--protocol", "psnr").code == 2
    assert ikebench("report", "--format", "docx").code == 2


def test_estimated_kernels_are_kept_and_compared_with_the_true_ones(ikebench, tmp_path):
    (tmp_path / "larger").mkdir()
    write_png(tmp_path / "larger/cat.png", skimage.data.chelsea()[60:156, 90:194])
    assert ikebench("make-data", "--hr", tmp_path / "larger", "--kind", "gaussian,median").code == 0
    outcome = ikebench("run", "--methods", "kernelgan-zssr,zssr-gt", "--iterations", 2)
    assert outcome.code == 0
    assert "zssr-gt needs the true kernel, which median does not have: left out" in outcome.err
    row = runs().set_index(["method", "kind"]).loc[("kernelgan-zssr", "gaussian")]
    assert row["kernel_path"].endswith("gaussian/X2/cat_kernel_x2.npy")
    kernel = np.load(Path("bench") / row["kernel_path"])
    matlab = scipy.io.loadmat((Path("bench") / row["kernel_path"]).with_suffix(".mat"))["Kernel"]
    assert np.array_equal(kernel, matlab) and kernel.sum() == pytest.approx(1)
    compared = scores().set_index(["method", "kind"])["kernel_psnr"]
    assert np.isfinite(compared[("kernelgan-zssr", "gaussian")])
    assert compared.drop(("kernelgan-zssr", "gaussian")).isna().all()
    assert "## Kernels" in Path("bench/report/report.md").read_text()
