"""What stands in a report: the facts at its top, the verdict, the paper's numbers, differences and failures."""

import json
import math
import re
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from score_frames import failed, frame, measured, run, table

import reports
from ikebench.commands.about import about
from ikebench.plans import read_plan
from ikebench.store.workspace import Workspace
from reports import against_paper, contents, forest, latex, verdict
from reports.about import About
from reports.differences import paired_listings
from reports.evidence import Evidence
from reports.naming import without_folders
from reports.pairs import Difference, against_reference, choose_reference
from reports.results import Results
from reports.statistics import paired_differences
from reports.summary import summarise

IMAGES = "abcdefgh"
WIDE = {"bicubic": 0.0, "edsr": 1.0, "ike": 2.0}


def steady(levels, images=IMAGES, **changes):
    """Methods at fixed distances (dB), give or take a hundredth."""
    return [
        run(method, 20 + 3 * i + level + 0.01 * (i % 3) * (level + 1), image, **changes)
        for method, level in levels.items()
        for i, image in enumerate(images)
    ]


def points(*rows, **options):
    return verdict.section(Results(frame(*rows), **options)).points


# ---- the facts at the top


def test_five_facts():
    made_by = About("0.1.0", "0123456789abcdef", True, "2026-11-26", "ikebench run --methods ike", "fp32", "AMD EPYC")
    rows = [run("ike", iterations=20, seed=seed, device="cpu") for seed in (0, 3)] + [run("bicubic", kind="random")]
    (facts, *_) = contents.sections(Results(frame(*rows), evidence=Evidence(about=made_by)))
    assert dict(facts.facts) == {
        "Images": "set5, 1 image (Median ×2, Random ×2)",
        "Runs": "seeds 0, 3; iterations 20 of 3000 (IKE); precision fp32",
        "Device": "cpu (AMD EPYC)",
        "Made by": "ikebench 0.1.0, commit 0123456789 with changes, 2026-11-26",
        "Command": "ikebench run --methods ike",
    }


def test_what_is_not_known_is_not_said():
    facts = dict(contents.sections(Results(frame(run())))[0].facts)
    assert set(facts) == {"Images", "Runs", "Device"} and "precision" not in facts["Runs"]


def manifest(tmp_path, *flags):
    entries = [
        {"command": "run", "flags": one, "time": "2026-11-26T10:00:00+00:00", "ikebench": "0.1.0"} for one in flags
    ]
    (tmp_path / "manifest.json").write_text(json.dumps({"commands": entries}))
    return about(Workspace(tmp_path), ["fp32", "bf16", "fp32"])


def test_the_command_is_as_typed_without_defaults_and_folders(tmp_path):
    flags = {
        "methods": "['ike', 'edsr']",
        "scales": "[2, 4]",
        "settings": "{'ike': {'blocks': '4'}}",
        "weights": "{'edsr': [PosixPath('/home/me/x2.pt')]}",
        "iterations": "20",
        "seeds": "[0]",
        "device": "auto",
        "precision": "fp32",
        "capture": "False",
        "retry_failed": "True",
        "devices": "('cpu',)",
    }
    found = manifest(tmp_path, flags)
    for part in ("--methods ike,edsr", "--scale 2,4", "--set ike.blocks=4", "--weights edsr=x2.pt", "--iterations 20"):
        assert part in found.command
    for part in ("--seed", "--device", "--precision", "/home", "last of"):
        assert part not in found.command
    assert "--no-capture" in found.command and "--retry-failed" in found.command
    assert (found.version, found.date) == ("0.1.0", "2026-11-26")


def test_the_plan_of_reproduce_is_said(tmp_path):
    plan, flags = asdict(read_plan("table3")), {"images": "2", "seeds": "[0, 1]", "hours": "None", "dry_run": "False"}
    entry = {"command": "reproduce", "flags": flags | {"plan": str(plan)}}
    (tmp_path / "manifest.json").write_text(json.dumps({"commands": [entry]}))
    assert about(Workspace(tmp_path), []).command == "ikebench reproduce table3 --images 2 --seeds 0,1"
    entry["flags"]["plan"] = str(plan | {"name": "variants"})
    (tmp_path / "manifest.json").write_text(json.dumps({"commands": [entry]}))
    assert about(Workspace(tmp_path), []).command.startswith("ikebench reproduce variants.toml ")


def test_of_several_runs_the_last_is_shown(tmp_path):
    found = manifest(
        tmp_path, {"methods": "['ike']", "precision": "bf16"}, {"methods": "['zssr']", "precision": "fp32"}
    )
    assert found.command == "ikebench run --methods zssr (the last of 2 runs)" and found.precision == "bf16, fp32"


def test_a_workspace_without_manifest_is_no_error(tmp_path):
    assert about(Workspace(tmp_path), []) == About()
    (tmp_path / "manifest.json").write_text("[1]")
    assert about(Workspace(tmp_path), []) == About()


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("cannot read /home/me/a b.png: bad", "cannot read a b.png: bad"),
        ("'/tmp/x/y.pt' is no checkpoint", "'y.pt' is no checkpoint"),
        (r"C:\users\me\y.pt missing", "y.pt missing"),
        ("sizes 3/4 and and/or ±1/2", "sizes 3/4 and and/or ±1/2"),
        ("--lr=/data/lr --hr photos/x", "--lr=lr --hr photos/x"),
    ],
)
def test_texts_lose_folders_of_a_machine(text, left):
    assert without_folders(text) == left


# ---- the verdict


def test_the_best_is_named_with_lead_interval_and_n():
    (point,) = points(*steady(WIDE))
    assert re.fullmatch(
        r"Median ×2: IKE is best, \d+\.\d\d dB: \+1\.01 dB \(95 % interval \+1\.00 to \+1\.01, n = 8\) over EDSR\.",
        point,
    )


def test_an_interval_over_zero_says_nothing():
    noise = np.random.default_rng(0).normal(0, 1, 8)
    rows = [run("edsr", 25 + value, image) for value, image in zip(noise, IMAGES, strict=True)]
    rows += [run("ike", 25.01, image) for image in IMAGES] + [run("bicubic", 15, image) for image in IMAGES]
    (point,) = points(*rows)
    assert "has the highest mean" in point and "not told apart from" in point and "is best" not in point
    assert "Bicubic" not in point


def test_too_few_images_are_said():
    (point,) = points(*steady(WIDE, "abc"))
    assert "IKE has the highest mean" in point and "n = 3" in point and "interval" not in point
    assert "too few images to say more" in point


def test_another_method_may_be_best_by_ssim():
    rows = [row | {"ssim_ike": 0.9 if row["method"] == "edsr" else 0.5} for row in steady(WIDE)]
    assert "SSIM is highest for EDSR (0.9000; 0.5000)." in points(*rows)[0]


def test_where_nothing_can_be_compared():
    assert "only IKE has scores" in points(run())[0]
    assert "no method has a score" in points(failed())[0]
    assert "no two methods" in points(run("ike", image="a"), run("edsr", image="b"))[0]
    assert "DualSR: without a score." in points(*steady(WIDE), failed("dualsr"))[0]


def test_an_upper_bound_is_never_best():
    rows = steady(WIDE) + [run("zssr-gt", 60, image, upper_bound=True) for image in IMAGES]
    section = verdict.section(Results(frame(*rows)))
    assert "IKE is best" in section.points[0] and "true kernel" not in " ".join(section.text)


def test_the_verdict_sums_up_and_warns_of_short_trainings():
    rows = steady(WIDE) + steady({"bicubic": 1.0, "edsr": 0.0, "ike": 0.5}, kind="random")
    text = " ".join(verdict.section(Results(frame(*[row | {"iterations": 20} for row in rows]))).text)
    assert "Bicubic in 1 of 2 (told apart from all others in 1)" in text and "IKE in 1 of 2" in text
    assert "above: EDSR 1 of 2, IKE 1 of 2; below: EDSR 1 of 2, IKE 1 of 2" in text
    assert "IKE was trained for fewer iterations than published" in text


# ---- seeds


def test_spread_over_seeds_is_of_means_over_the_same_images():
    psnr = {0: (20.0, 30.0), 1: (22.0, 32.0), 2: (24.0, 34.0)}
    rows = [run("ike", psnr[seed][i], "ab"[i], seed=seed) for seed in psnr for i in (0, 1)]
    summary = summarise(frame(*rows, run("bicubic", image="a"), run("bicubic", image="b"))).set_index("method")
    assert summary.loc["ike", ["n_seeds", "psnr_spread"]].tolist() == [3, 2.0]
    assert math.isnan(summary.loc["bicubic", "psnr_spread"])
    rows += [run("ike", 90.0, "c", seed=0), failed("ike", image="c", seed=1), failed("ike", image="c", seed=2)]
    assert summarise(frame(*rows))["psnr_spread"].tolist() == [2.0]  # c is in one seed's mean alone: in none


def test_the_spread_is_printed_beside_the_mean_and_never_ranked():
    content = table(frame(run(psnr=20), run(psnr=22, seed=1), run("bicubic", 19)))
    assert [cell.full for cell in measured(content, "IKE").cells] == ["21.000 ± 1.41", "0.5000"]
    assert measured(content, "Bicubic").cells[0].full == "19.000" and measured(content, "IKE").cells[0].rank == 1
    assert "±: standard deviation over 2 seeds" in content.caption
    assert r"$\pm$ 1.41" in latex.table(content)


# ---- paper against measured


def test_the_papers_numbers_beside_ours():
    section = against_paper.section(Results(frame(*steady({"edsr": 6.0, "ike": 9.0, "zssr": 1.0}))))
    differences, order = section.listings
    assert [row[:2] for row in differences.rows] == [("EDSR", "PSNR"), ("", "SSIM"), ("IKE", "PSNR"), ("", "SSIM")]
    published, ours, difference = map(float, re.split(r" → | \(", differences.rows[0][2].rstrip(")")))
    assert published == 26.329 and difference == pytest.approx(ours - published, abs=2e-3)
    assert "other images" in differences.about
    assert order.rows[0][:2] == ("Median ×2", "IKE > EDSR") and order.rows[0][2].startswith(
        "1 of 1, closest IKE − EDSR"
    )
    assert order.rows[0][3:] == ("–", "–")


def test_what_was_made_otherwise_is_said_beside_the_paper():
    scores = frame(*steady({"edsr": 6.0, "ike": 9.0}))
    scores["settings"] = scores["method"].map({"ike": "lambda_backward=0"})
    scores["degradation"] = "phase=centre"
    about = against_paper.section(Results(scores)).listings[0].about
    assert "LR made with phase=centre" in about and "IKE: run with lambda_backward=0" in about
    assert "prints no parameters of its degradations" in about


def test_the_papers_order_may_be_reversed_or_open():
    (_, order) = against_paper.section(Results(frame(*steady({"edsr": 9.0, "ike": 6.0})))).listings
    assert order.rows[0][2] == "0 of 1" and order.rows[0][3].startswith("IKE − EDSR -3.0")
    (_, order) = against_paper.section(Results(frame(*steady({"edsr": 9.0, "ike": 6.0}, "abc")))).listings
    assert order.rows[0][2:4] == ("0 of 1", "–") and "IKE − EDSR" in order.rows[0][4]


def test_there_is_no_paper_under_other_protocols_or_for_other_kinds():
    assert against_paper.section(Results(frame(run()), protocol="dualsr")) is None
    assert against_paper.section(Results(frame(run(kind="gaussian")))) is None
    assert against_paper.section(Results(frame(failed(), run("bicubic")))) is None


# ---- differences from one reference


def test_every_method_is_held_against_one():
    pairs = paired_differences(frame(*steady(WIDE)))
    found = against_reference(pairs, "edsr").set_index("method")
    assert set(found.index) == {"bicubic", "ike"} and set(found["reference"]) == {"edsr"}
    swapped = pairs[(pairs["method"] == "edsr") & (pairs["reference"] == "bicubic")].iloc[0]
    assert found.loc["bicubic", "mean_difference"] == -swapped["mean_difference"]
    assert found.loc["bicubic", ["low", "high"]].tolist() == [-swapped["high"], -swapped["low"]]
    assert found["p_holm"].tolist() == pytest.approx([2 * 2 / 2**8] * 2)  # two comparisons, where all pairs are three


def test_the_reference_is_bicubic_or_the_first_or_asked_for():
    assert choose_reference(frame(run(), run("bicubic")), None) == "bicubic"
    assert choose_reference(frame(run(), run("edsr")), None) == "edsr"
    assert choose_reference(frame(run(), run("edsr")), "ike") == "ike"
    with pytest.raises(ValueError, match="no scores of 'iek' to compare with; there are: edsr, ike"):
        choose_reference(frame(run(), run("edsr")), "iek")


def test_signs():
    assert [Difference(1, low, high, 9).sign for low, high in ((0.1, 2), (-1, 2), (-2, -1), (math.nan, math.nan))] == [
        *(1, 0, -1),
        None,
    ]
    assert -Difference(1, 0, 2, 9) == Difference(-1, -2, 0, 9)


def test_all_pairs_are_in_the_csv_alone(tmp_path):
    reports.write_report(frame(*steady(WIDE)), tmp_path, formats=["md", "csv"])
    assert len(pd.read_csv(tmp_path / "paired.csv")) == 3
    text = (tmp_path / "report.md").read_text().split("## Paired differences")[1]
    assert (
        text.count("\n| EDSR ") == text.count("\n| IKE ") == 1 and "forest" not in text
    )  # no picture without the page that draws it


@pytest.mark.parametrize(("file_format", "start"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_the_forest_plot_is_the_same_every_time(file_format, start):
    found = Results(frame(*steady(WIDE), *steady(WIDE, "ab", kind="random"))).against_reference
    drawn = forest.draw(found, "bicubic", file_format)
    assert drawn.startswith(start) and drawn == forest.draw(found, "bicubic", file_format)


def test_the_forest_is_coloured_by_the_side_of_the_interval():
    found = Results(frame(*steady({"bicubic": 0.0, "ike": 2.0}))).against_reference
    above, below = forest.draw(found, "bicubic"), forest.draw(_negated(found), "bicubic")
    assert forest.ABOVE.encode() in above and forest.BELOW.encode() not in above
    assert forest.BELOW.encode() in below and forest.ABOVE.encode() not in below


def test_an_upper_bound_is_gray_in_the_forest_and_named_in_the_list():
    rows = frame(*steady({"bicubic": 0.0, "zssr-gt": 2.0}))
    results = Results(rows.assign(upper_bound=rows["method"] == "zssr-gt"))
    drawn = forest.draw(results.against_reference, "bicubic")
    assert forest.BOUND.encode() in drawn and forest.ABOVE.encode() not in drawn
    (listing,) = paired_listings(results.against_reference, results.summary, "bicubic", results.scores)
    assert listing.rows[0][0] == "ZSSR (true kernel), upper bound"


def test_differences_have_a_row_for_each_method_and_a_column_for_each_cell():
    rows = [*steady({"bicubic": 0.0, "ike": 2.0}), *steady({"bicubic": 0.0, "zssr": -1.0, "ike": 1.0}, "abc", scale=4)]
    results = Results(frame(*rows))
    (listing,) = paired_listings(results.against_reference, results.summary, "bicubic", results.scores)
    assert listing.header == ("Method", "Median ×2", "Median ×4", "s/image")
    zssr, ike = listing.rows
    assert zssr[:3] == ("ZSSR", "–", "-1.010") and ike[0] == "IKE" and "where they are not 3" in listing.about
    assert ike[1].startswith("+2.0") and "], p 0.0" in ike[1] and ike[1].endswith(", n 8") and ike[2] == "+1.010"


def _negated(found):
    return found.assign(mean_difference=-found["mean_difference"], low=-found["high"], high=-found["low"])


def test_without_matplotlib_the_reports_have_no_picture(tmp_path, monkeypatch):
    monkeypatch.setattr("reports.files.find_spec", lambda name: None)
    paths = reports.write_report(frame(*steady(WIDE)), tmp_path, formats=["md", "html"])
    assert {path.name for path in paths} == {"report.md", "report.html"}
    assert not any("forest.svg" in path.read_text() or "<img" in path.read_text() for path in paths)


# ---- failures


def test_failures_are_grouped_by_reason(tmp_path):
    errors = {image: f"out of memory: {i} MiB for /home/me/{image}.png" for i, image in enumerate(IMAGES)}
    rows = [failed("ike", image=image, error=error) for image, error in errors.items()]
    rows += [failed("edsr", image="a", error=errors["a"]), failed("edsr", image="b", error="too small"), run("bicubic")]
    section = contents.sections(Results(frame(*rows)))[-1]
    (listing,) = section.listings
    assert [row[:2] for row in listing.rows] == [("9", "out of memory: 0 MiB for a.png"), ("1", "too small")]
    assert listing.rows[0][2] == "EDSR, set5 Median ×2: a; IKE, set5 Median ×2: a, b, c and 5 more"
    assert listing.about.startswith("10 of 11 runs failed.")


# ---- the whole


def full(images="abcde"):
    levels = {"bicubic": 0, "edsr": 1, "zssr": 2, "zssr-gt": 9, "kernelgan-zssr": 3, "dualsr": 4, "ike": 5}
    rows = [row for kind in ("bilateral", "median", "random") for row in steady(levels, images, kind=kind)]
    extra = {"shift_y": 0.5, "shift_x": 0.0, "psnr_registered": 30.0, "degradation": "", "settings": ""}
    rows = [row | extra | {"upper_bound": row["method"] == "zssr-gt"} for row in rows]
    for row in rows:
        row["kernel_psnr"] = 40.0 if row["method"] in ("dualsr", "kernelgan-zssr") and row["kind"] == "random" else None
        row["iterations"] = 20 if row["method"] in ("zssr", "kernelgan-zssr", "dualsr", "ike") else None
    rows[3] |= {
        "status": "failed",
        "error": "no such file: /home/me/x.png",
        "psnr_ike": math.nan,
        "note": "in /var/tmp/z",
    }
    return frame(*rows)


def test_seven_methods_five_images_three_kinds_are_a_short_report_without_machine_paths(tmp_path):
    made_by = About(command="ikebench run --methods ike --lr /home/me/lr", date="2026-11-26")
    reports.write_report(full(), tmp_path, formats=["md", "html", "csv"], evidence=Evidence(about=made_by))
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 150
    for name in ("report.md", "report.html"):
        assert not re.search(r"/(home|tmp|var)/", (tmp_path / name).read_text(encoding="utf-8"))


def test_against_is_an_option_of_the_command(ikebench, photos):
    ikebench("make-data", "--hr", photos, "--kind", "median", "--limit", 1)
    ikebench("run", "--methods", "bicubic")
    wrong = ikebench("report", "--against", "bicubik")
    assert wrong.code == 2 and "no scores of 'bicubik' to compare with; there are: bicubic" in wrong.err
    assert ikebench("report", "--against", "bicubic").code == 0
    text = (photos.parent / "bench/report/report.md").read_text()
    assert "**Command:** ikebench run --methods bicubic" in text and "**Made by:** ikebench " in text
