"""`ikebench reproduce`: plans, order, hours, try-outs, and the tables of variants."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from score_frames import frame, run
from tables import read_table

from baselines.bicubic import Bicubic
from baselines.contract import Task
from baselines.resize import Resize
from ikebench.errors import UserError
from ikebench.images import read_image, write_png
from ikebench.plans import PLANS, read_plan
from ikebench.run.jobs import choose_methods
from ikebench.run.rounds import Budget, rounds
from ikebench.settings import parse_names
from reports.variants import published_ablation, variant_listings

BOTH_GRIDS = """
kinds = ["median"]
[variants.bicubic]
[variants.bicubic-top-left]
method = "bicubic"
grid = "top-left"
"""


@pytest.fixture
def plan(tmp_path):
    def write(text):
        path = tmp_path / "grids.toml"
        path.write_text(text)
        return path

    return write


def job(image, cost):
    return SimpleNamespace(case=SimpleNamespace(set="s", image=image), cost=cost)


def test_without_div2k_it_says_where_to_get_it_and_what_stands_in(ikebench):
    outcome = ikebench("reproduce", "table3")
    assert outcome.code == 2
    assert "ikebench fetch div2k" in outcome.err and "--hr sample" in outcome.err


def test_a_plan_runs_resumes_and_prints_its_table(ikebench, photos, plan):
    file = plan(BOTH_GRIDS)
    outcome = ikebench("reproduce", file, "--hr", photos)
    assert outcome.code == 0, outcome.err
    scores = read_table(Path("bench/scores.parquet"))
    assert sorted(scores["method"]) == ["bicubic"] * 2 + ["bicubic-top-left"] * 2
    assert "photos: with the shift undone, against bicubic" in outcome.out
    assert "photos: with the shift undone, against bicubic" in Path("bench/report/report.md").read_text()
    by_grid = scores.groupby("method")["psnr_ike"].mean()
    assert by_grid["bicubic-top-left"] > by_grid["bicubic"] + 0.9, "LR sampled from the top-left lies on that grid"
    again = ikebench("reproduce", file, "--hr", photos)
    assert again.code == 0 and "0 jobs run, 4 already done" in again.err and outcome.out.endswith(again.out)


def test_a_part_of_a_plan(ikebench, photos, plan):
    file = plan(BOTH_GRIDS.replace('"median"', '"median", "random"'))
    outcome = ikebench("reproduce", file, "--hr", photos, "--kind", "random", "--methods", "bicubic-top-left")
    assert outcome.code == 0 and "2 jobs run" in outcome.err, outcome.err
    assert {(row.kind, row.method) for row in read_table(Path("bench/scores.parquet")).itertuples()} == {
        ("random", "bicubic-top-left")
    }
    for wrong, says in (("--kind", "unknown kind of this plan 'gaussian'"), ("--methods", "method of this plan 'gau")):
        outcome = ikebench("reproduce", file, "--hr", photos, wrong, "gaussian")
        assert outcome.code == 2 and says in outcome.err


def test_failed_jobs_run_again_on_demand(ikebench, photos, plan, monkeypatch):
    file = plan(BOTH_GRIDS)
    assert ikebench("reproduce", file, "--hr", photos).code == 0
    row_file = next(Path("bench/sr/bicubic").rglob("*.json"))
    row = json.loads(row_file.read_text()) | {"status": "failed", "error": "no luck"}
    row_file.write_text(
        json.dumps({name: value for name, value in row.items() if name not in ("sr_path", "sr_sha256")})
    )
    again = ikebench("reproduce", file, "--hr", photos)
    assert again.code == 1 and "0 jobs run" in again.err
    retried = ikebench("reproduce", file, "--hr", photos, "--retry-failed")
    assert retried.code == 0 and "1 job run, 3 already done" in retried.err


def test_versions_of_a_method_mix_in_no_printed_table(ikebench, photos, plan):
    file = plan(BOTH_GRIDS)
    assert "over 2 images" in ikebench("reproduce", file, "--hr", photos).out
    row_file = next(Path("bench/sr/bicubic").rglob("cat.json"))
    row_file.write_text(json.dumps(json.loads(row_file.read_text()) | {"version": 0}))
    again = ikebench("reproduce", file, "--hr", photos)
    assert "bicubic: 1 scores are of an older version" in again.err
    for shown in (again.out, Path("bench/report/report.md").read_text()):
        assert "means over the 1 image that all" in shown and "over 2 images" not in shown


def test_a_stop_by_the_hour_leaves_complete_rows_and_the_same_command_goes_on(ikebench, photos, plan, monkeypatch):
    file = plan(BOTH_GRIDS)
    monkeypatch.setattr("ikebench.commands.reproduce.wall_hours", lambda expected, workers: 0.6)
    clock = iter([0.0, 0.0, 1800.0]).__next__  # the second image would begin after half an hour
    monkeypatch.setattr("ikebench.commands.reproduce.Budget", lambda hours: Budget(hours, clock))
    outcome = ikebench("reproduce", file, "--hr", photos, "--hours", 1)
    assert outcome.code == 0 and "2 jobs left" in outcome.err, outcome.err
    assert "2 jobs run" in outcome.err
    assert set(read_table(Path("bench/runs.parquet"))["image"]) == {"cat"}


def test_the_ablation_runs_its_six_rows_beside_the_published_ones(ikebench, photos, tmp_path):
    for hr in photos.glob("*.png"):
        target = tmp_path / "track2" / "X2" / f"{hr.stem}x2.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        write_png(target, read_image(hr)[::2, ::2])
    arguments = ("reproduce", "ablation", "--hr", photos, "--track2-lr", tmp_path / "track2")
    outcome = ikebench(*arguments, "--iterations", 0)
    assert outcome.code == 0, outcome.err
    assert set(read_table(Path("bench/scores.parquet"))["method"]) == {"bicubic", *published_ablation()["method"]}
    assert "A TRY-OUT of 0 iterations" in outcome.out
    assert "25.476" in outcome.out and "0 iterations, fewer than the paper trains" in outcome.out
    refused = ikebench(*arguments, "--iterations", 1)
    assert refused.code == 2 and "--workspace of its own" in refused.err


def test_seeds_do_not_repeat_what_uses_none(ikebench, photos, plan):
    file = plan(BOTH_GRIDS + "[variants.ike]\n[variants.ike-crop]\ncrop = 48\n")
    outcome = ikebench(
        "reproduce", file, "--hr", photos, "--images", 1, "--seeds", "0,1", "--iterations", 0, "--dry-run"
    )
    assert outcome.code == 0, outcome.err
    assert "6 jobs to run" in outcome.out  # two of bicubic, two of each IKE


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("kinds = 3", "kinds must be a list"),
        ("size = 3", "unknown key size"),
        ('kinds = ["medain"]', "did you mean .median"),
        ("[variants.ike]\nblocks = 2", "a method's own name"),
        ("kinds = [", "is not TOML"),
        ('kinds = ["median"]', "names no variants"),
        ("images = 0\n[variants.ike]", "images must be 1 or more"),
        ("[variants]\nike = 3", "must be a table"),
        ("kinds = [1]", "kinds must be names of kinds"),
        ('kinds = [["median"]]', "kinds must be names of kinds"),
        ("kinds = []", "kinds must be names of kinds"),
        ('scales = ["2"]', "scales must be 2, 3 or 4"),
        ("scales = [5]", "scales must be 2, 3 or 4"),
        ("scales = []", "scales must be 2, 3 or 4"),
    ],
)
def test_what_is_no_plan_is_said(plan, text, says):
    with pytest.raises(UserError, match=says):
        read_plan(str(plan(text)))


def test_a_part_brings_the_settings_of_its_own_kinds_alone(plan):
    text = BOTH_GRIDS.replace('"median"', '"median", "random"')
    whole = read_plan(str(plan(text + "[degradations.median]\nkernel = 3\n[degradations.gaussian]\nsigma = 2\n")))
    assert set(whole.part(["random"], None).degradations) == {"gaussian"}  # which no kind wants: make-data says so
    assert set(whole.part(["Median"], ["BICUBIC"]).degradations) == {"median", "gaussian"}
    assert whole.part(["all"], ["All"]) == whole.part(None, None)
    assert list(whole.part(None, None).variants) == list(whole.variants)
    assert whole.part(["MEDIAN"], None).kinds == ["median"]
    with pytest.raises(UserError, match="an empty list of names"):
        parse_names(" , ")


def test_unknown_plans_get_a_near_match():
    with pytest.raises(UserError, match="did you mean .ablation"):
        read_plan("ablatoin")
    with pytest.raises(UserError, match="no such file"):
        read_plan("nowhere.toml")


@pytest.mark.parametrize("name", [*PLANS, *(f"docs/results/{name}.toml" for name in ("aligned", "seeds", "variants"))])
def test_every_plan_names_methods_and_fields_that_exist(name, request):
    plan = read_plan(name if name in PLANS else str(request.config.rootpath / name))
    labels = [variant.label for variant in plan.variants]
    assert len(set(labels)) == len(labels)
    for variant in plan.variants:
        label = None if variant.label == variant.method else variant.label
        [choice] = choose_methods([variant.method], {variant.method: variant.settings}, None, label)
        assert len(choice.settings) == len(variant.settings), f"{variant.label}: a setting changes nothing"


def test_each_row_of_the_ablation_turns_one_part_on_and_ends_at_ike():
    rows = [variant for variant in PLANS["ablation"].variants if variant.method == "ike"]
    assert [row.label for row in rows] == list(published_ablation()["method"])
    for above, row in zip(rows, rows[1:], strict=False):
        assert above.settings.items() > row.settings.items() and len(above.settings) == len(row.settings) + 1
    assert rows[-1].settings == {}


def test_rounds_go_image_by_image_and_give_every_worker_a_job():
    data = [SimpleNamespace(set="s", image=image) for image in "baab"]
    jobs = [job("a", 9), job("b", 8), job("a", 7), job("b", 6)]
    assert [[(one.case.image, one.cost) for one in group] for group in rounds(jobs, data, 2)] == [
        [("b", 8), ("b", 6)],
        [("a", 9), ("a", 7)],
    ]
    assert list(rounds(jobs, data, 3)) == [jobs], "one image is too little for three workers"


def test_hours_go_by_the_estimate_and_by_the_clock():
    clock = SimpleNamespace(now=0.0)
    budget = Budget(2.0, lambda: clock.now)
    assert not budget.begin(2.1) and budget.begin(1.9)
    clock.now = 3600 * 1.2
    assert not budget.begin(0.9) and budget.begin(0.8)
    nobody_knows = Budget(3.0, lambda: clock.now)
    assert nobody_knows.begin(None)
    clock.now += 3600 * 1.6
    assert not nobody_knows.begin(None), "the first took 1.6 of the 3 hours"
    assert Budget(None).begin(1e9)


def test_the_top_left_grid_puts_sr_on_lr():
    lr = torch.rand(1, 3, 12, 14)
    for scale in (2, 4):
        [restored] = Bicubic(grid="top-left")([Task(lr)], scale)
        assert torch.allclose(restored.sr[..., ::scale, ::scale], lr, atol=1e-6)
        ramp = torch.arange(48.0)[:, None] + torch.zeros(48, 48)
        down = Resize.bicubic(ramp, 1 / scale, "top-left")(ramp)
        assert torch.allclose(down[3:-3, 5], ramp[::scale, 5][3:-3], atol=1e-4)
        assert torch.allclose(Resize.bicubic(lr, scale, "top-left")(lr), restored.sr, atol=1e-5)
    with pytest.raises(ValueError, match="grid must be"):
        Bicubic(grid="align-corners")


def ablation_scores(images, steps):
    rows = []
    for index, method in enumerate(published_ablation()["method"]):
        for number in range(images):
            rows.append(run(method, 20.0 + sum(steps[: index + 1]) + number, f"{number}", kind="track2"))
    return frame(*rows)


def test_the_ablation_shows_steps_with_intervals_and_n():
    steps = [0.0, 1.0, 0.5, 0.25, -0.5, 2.0]
    [listing] = variant_listings(ablation_scores(5, steps))
    assert [row[6] for row in listing.rows] == ["–", "+1.000", "+0.500", "+0.250", "-0.500", "+2.000"]
    assert [row[3] for row in listing.rows] == ["–", "+14.958", "+0.256", "+0.414", "+0.119", "+0.354"]
    assert listing.rows[1][7] == "+1.000 to +1.000" and {row[8] for row in listing.rows} == {"5"}
    [few] = variant_listings(ablation_scores(3, steps))
    assert {row[7] for row in few.rows} == {"–"} and few.rows[0][4] == "21.000"


def test_an_image_that_some_row_lacks_is_in_no_mean_of_the_ablation():
    scores = ablation_scores(3, [0.0] * 6)
    scores = scores[~(scores["method"].eq("ike") & scores["image"].eq("2"))]
    [listing] = variant_listings(scores)
    assert {row[4] for row in listing.rows} == {"20.500"} and {row[8] for row in listing.rows} == {"2"}


def test_the_screening_orders_variants_by_their_mean_gain_over_bicubic():
    def gains(method, *values):
        kinds = ("median", "random")
        return [run(method, kind=kind, psnr_registered=20 + value) for kind, value in zip(kinds, values, strict=True)]

    rows = [*gains("bicubic", 0, 1), *gains("ike", -2, -1), *gains("ike-additive", 1, np.inf)]
    [listing] = variant_listings(frame(*rows))
    assert listing.header[1:3] == ("Median ×2", "Random ×2")
    assert listing.rows == (
        ("ike-additive", "+1.000", "–", "+1.000", "–", "1"),
        ("IKE", "-2.000", "-2.000", "-2.000", "–", "2"),
    )
    assert variant_listings(frame(*gains("bicubic", 0, 0), *gains("ike", 1, 1))) == []
