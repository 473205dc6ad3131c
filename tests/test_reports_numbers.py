"""Published numbers, summaries and paired statistics from synthetic scores."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from score_frames import failed, frame, measured, only, run, table, texts

from reports.statistics import bootstrap_interval, bootstrap_intervals, holm, paired_differences, signed_rank_p
from reports.summary import failures, summarise
from reports.tables import published

# ---- the published numbers


PRINTED = {  # the lines of the paper: PSNR SSIM at x2 and x4, kind after kind
    ("track2",): """
        edsr 25.008 0.7107 21.576 0.5474
        rcan 25.007 0.7108 21.571 0.5471
        esrgan - - 21.569 0.5469
        kernelgan-zssr 23.599 0.6400 19.623 0.4511
        dualsr 25.295 0.7265 20.174 0.5101
        ike 25.478 0.7298 21.776 0.5518""",
    ("bilateral", "median"): """
        edsr 26.501 0.7761 23.898 0.6821 26.329 0.7884 24.577 0.6897
        kernelgan-zssr 23.784 0.7651 20.886 0.6655 25.917 0.7741 20.168 0.6251
        dualsr 25.764 0.7744 21.427 0.6557 26.020 0.8023 22.198 0.6843
        ike 28.311 0.7906 24.888 0.6806 28.581 0.8132 25.343 0.7096""",
    ("anisotropic", "random"): """
        edsr 27.227 0.8595 22.848 0.6791 25.003 0.7199 24.352 0.6691
        kernelgan-zssr 21.120 0.6912 17.212 0.4981 25.210 0.7236 24.326 0.6718
        dualsr 26.773 0.8683 20.906 0.6611 23.945 0.7048 22.220 0.6673
        ike 30.055 0.8900 24.323 0.6804 26.253 0.7202 25.597 0.6973""",
}


def test_paper_csv_holds_both_tables():
    paper = published()
    assert list(paper.columns) == ["table", "degradation", "scale", "method", "psnr", "ssim"]
    assert paper["table"].value_counts().to_dict() == {3: 32, 2: 11}
    assert ((paper["table"] == 2) == (paper["degradation"] == "track2")).all()
    expected = {}
    for kinds, lines in PRINTED.items():
        for method, *numbers in map(str.split, lines.strip().splitlines()):
            pairs = zip(numbers[::2], numbers[1::2], strict=True)
            for (kind, scale), (psnr, ssim) in zip(itertools.product(kinds, [2, 4]), pairs, strict=True):
                if psnr != "-":
                    expected[kind, scale, method] = [float(psnr), float(ssim)]
    cells = paper.set_index(["degradation", "scale", "method"])[["psnr", "ssim"]]
    assert {key: cells.loc[key].tolist() for key in cells.index} == expected


# ---- summary


def test_seeds_of_an_image_are_averaged_before_images():
    scores = frame(run(psnr=20, seed=0), run(psnr=22, seed=1), run(psnr=30, image="b"))
    row = only(scores, "ike")
    assert row["psnr"] == pytest.approx((21 + 30) / 2)  # not (20 + 22 + 30) / 3
    assert (row["n_scored"], row["n_failed"], row["n_images"]) == (2, 0, 2)


def test_protocol_chooses_the_columns():
    assert summarise(frame(run(psnr=25)), "ntire17")["psnr"].tolist() == [27.0]


def test_failed_images_are_counted_and_listed():
    scores = frame(run(), failed(image="b"), run("edsr"), run("edsr", image="b", ssim=math.nan))
    row = only(scores, "ike")
    assert (row["n_scored"], row["n_failed"], row["psnr"]) == (1, 1, 25.0)
    assert only(scores, "edsr")["n_failed"] == 1  # `ok` without a number is no score
    assert failures(scores)["error"].tolist() == ["ran, but has no score under protocol ike", "boom"]


def test_failed_seed_counts_though_another_seed_scores():
    row = only(frame(run(), failed(seed=1)), "ike")
    assert (row["n_scored"], row["n_failed"]) == (1, 1)


def test_wholly_failed_method_has_no_mean_and_is_still_a_row():
    scores = frame(failed(), run("edsr"))
    assert math.isnan(only(scores, "ike")["psnr"])
    row = measured(table(scores), "IKE", block=0)
    assert texts(row) == ["–"] * 2
    assert (row.n_scored, row.n_failed) == ("0", "1")


def test_perfect_matches_are_left_out_of_the_mean_and_said():
    scores = frame(run("edsr", math.inf), run("edsr", 30, "b"), run("bicubic", math.inf))
    assert only(scores, "edsr")[["psnr", "n_perfect"]].tolist() == [30.0, 1]
    assert only(scores, "bicubic")["psnr"] == math.inf
    content = table(scores)
    assert texts(measured(content, "Bicubic‡"))[0] == "∞"
    assert any("EDSR Median ×2, 1 of 2 images" in note for note in content.footnotes)


def test_different_images_are_seen_even_when_counts_agree():
    same = frame(run("ike"), run("edsr"))
    different = frame(run("ike", image="a"), run("edsr", image="b"))
    assert summarise(same)["compared"].all()
    assert not summarise(different)["compared"].any()
    assert table(same).footnotes == ()


def test_a_lone_method_has_the_mean_of_its_finite_images():
    row = only(frame(run(psnr=20), run(psnr=math.inf, image="b"), run(psnr=30, image="c"), failed(image="d")), "ike")
    assert (row["psnr"], row["n_mean"], row["n_scored"], row["n_perfect"]) == (25.0, 2, 3, 1)


def test_compared_means_match_the_paired_differences():
    rng = np.random.default_rng(0)
    psnr = iter(rng.normal(25, 2, 18))
    rows = [run(method, next(psnr), image) for image in "abcdefghi" for method in ("ike", "edsr")]
    rows[3]["psnr_ike"], rows[10]["psnr_ike"] = math.inf, math.inf
    scores = frame(*rows)
    assert only(scores, "ike")["psnr"] - only(scores, "edsr")["psnr"] == pytest.approx(
        paired_differences(scores)["mean_difference"][0]
    )


# ---- statistics


def test_holm_worked_example():
    adjusted = holm(np.array([0.04, 0.01, np.nan, 0.03]))
    assert adjusted[[0, 1, 3]] == pytest.approx([0.06, 0.03, 0.06])
    assert math.isnan(adjusted[2])
    assert holm(np.array([0.9, 0.8])).tolist() == [1.0, 1.0]


def test_paired_difference_of_a_constant_gain():
    images = "abcdefgh"
    scores = frame(*[run("ike", 20 + i + 1.5 + i / 100, image) for i, image in enumerate(images)])
    scores = pd.concat([scores, frame(*[run("edsr", 20 + i, image) for i, image in enumerate(images)])])
    row = paired_differences(scores).iloc[0]
    assert (row["method"], row["reference"], row["n"]) == ("ike", "edsr", 8)
    assert row["mean_difference"] == pytest.approx(1.535)
    assert 1.5 < row["low"] < 1.535 < row["high"] < 1.57  # far tighter than the spread of PSNR
    assert row["p"] == pytest.approx(2 / 2**8)  # all signs equal: the exact two-sided minimum


def test_holm_is_over_the_comparisons_of_one_cell():
    rows = [
        run(method, level + i + level * i / 100, image, kind=kind)
        for kind in ("median", "random")
        for method, level in {"edsr": 20, "dualsr": 21, "ike": 22}.items()
        for i, image in enumerate("abcdefgh")
    ]
    compared = paired_differences(frame(*rows))
    assert len(compared) == 6
    assert compared["p_holm"].tolist() == pytest.approx([3 * 2 / 2**8] * 6)


def test_no_interval_below_five_images_and_no_p_below_six():
    assert all(map(math.isnan, bootstrap_interval(np.arange(4.0))))
    assert not any(map(math.isnan, bootstrap_interval(np.arange(5.0))))
    assert math.isnan(signed_rank_p(np.arange(1.0, 6.0)))
    assert math.isnan(signed_rank_p(np.zeros(9)))
    assert signed_rank_p(np.arange(1.0, 7.0)) == pytest.approx(2 / 2**6)


def test_bootstrap_draws_the_same_every_time():
    differences = np.random.default_rng(3).normal(size=20)
    assert bootstrap_interval(differences) == bootstrap_interval(differences)


@pytest.mark.parametrize("length", [5, 8, 25, 301])
def test_intervals_are_those_of_scipy(length):
    rng = np.random.default_rng(length)
    samples = [np.round(rng.normal(0.3, 1, length), 9) for _ in range(3)]
    intervals = bootstrap_intervals([samples[0], samples[1][:4], samples[1], np.full(7, 0.1235), samples[2]])
    assert np.isnan(intervals[1]).all()
    for sample, interval in zip(samples, intervals[[0, 2, 4]], strict=True):
        beyond = stats.norm.cdf(-math.sqrt(length / (length - 1)) * stats.t.ppf(0.975, length - 1))
        options = {"n_resamples": 9999, "batch": 1000, "method": "percentile", "confidence_level": 1 - 2 * beyond}
        drawn = stats.bootstrap((sample,), np.mean, random_state=np.random.default_rng(0), **options)
        expected = drawn.confidence_interval
        assert interval == pytest.approx([expected.low, expected.high], abs=1e-9)
    assert intervals[3].tolist() == [0.1235, 0.1235]


@pytest.mark.parametrize("length", [5, 10])
def test_nineteen_of_twenty_intervals_hold_the_mean(length):
    intervals = bootstrap_intervals(list(np.random.default_rng(1).normal(size=(1000, length))))
    assert 0.91 < ((intervals[:, 0] <= 0) & (intervals[:, 1] >= 0)).mean() < 0.97


def test_intervals_do_not_depend_on_how_much_is_summed_at_once(monkeypatch):
    samples = list(np.round(np.random.default_rng(0).normal(size=(9, 12)), 9))
    intervals = bootstrap_intervals(samples)
    for name, size in {"SAMPLES_AT_ONCE": 2, "SUMMED_AT_ONCE": 1200, "DRAWN_AT_ONCE": 1}.items():
        monkeypatch.setattr(f"reports.statistics.{name}", size)
    assert (bootstrap_intervals(samples) == intervals).all()


@pytest.mark.parametrize("length", [6, 13, 14, 50, 51, 300])
@pytest.mark.parametrize("decimals", [0, 1, 9])  # many ties and zeros, some, none
def test_p_is_that_of_scipy(length, decimals):
    rng = np.random.default_rng(length)
    for level in (0.0, 0.3, -1.0):
        differences = np.round(rng.normal(level, 1, length), decimals)
        assert signed_rank_p(differences) == pytest.approx(stats.wilcoxon(differences).pvalue, rel=1e-12)


def test_infinite_pairs():
    pairs = {"a": (math.inf, math.inf), "b": (math.inf, 30.0), "c": (31.0, 30.0)}
    rows = [run(m, pair[i], image) for image, pair in pairs.items() for i, m in enumerate(["ike", "edsr"])]
    row = paired_differences(frame(*rows)).iloc[0]
    assert (row["n"], row["n_infinite"], row["mean_difference"]) == (2, 1, 0.5)
    row = paired_differences(frame(*rows[2:])).iloc[0]
    assert (row["n"], row["n_infinite"], row["mean_difference"]) == (1, 1, 1.0)


def test_only_common_images_are_paired():
    row = paired_differences(frame(run("ike", 26, "a"), run("ike", 40, "b"), run("edsr", 25, "a"))).iloc[0]
    assert (row["n"], row["mean_difference"]) == (1, 1.0)
    assert paired_differences(frame(run())).empty
