"""Curves of PSNR: means over the same images, and the words on how a training ends."""

import numpy as np
import pandas as pd
import pytest

from reports.curves import curve_figure, ending_lines, endings, psnr_curves
from reports.drawing import save_figure

COLUMNS = ["set", "kind", "scale", "method", "image", "seed", "stage", "iteration", "name", "value"]


def traces(curve, method="ike", images="ab", seeds=(0,), stage="", kind="median", last=1000):
    """Rows of a trace every 100 iterations; images lie 1 dB apart, seeds 0.2."""
    return pd.DataFrame(
        [
            ("set5", kind, 2, method, image, seed, stage, at, "psnr", curve(at) + index + 0.2 * seed)
            for index, image in enumerate(images)
            for seed in seeds
            for at in range(100, last + 1, 100)
        ],
        columns=COLUMNS,
    )


def test_means_are_over_seeds_then_images_and_over_the_same_images():
    found = pd.concat(
        [traces(lambda at: 20.0, images="ab", seeds=(0, 1)), traces(lambda at: 20.0, images="ab", last=300)]
    )
    curve = psnr_curves(found[~((found["image"] == "b") & (found["iteration"] > 500))])
    assert list(curve["iteration"]) == [100, 200, 300, 400, 500] and set(curve["n_images"]) == {2}
    assert curve["psnr"].iloc[-1] == pytest.approx(20.6) and curve["spread"].max() == pytest.approx(0)
    apart = pd.concat(
        [traces(lambda at: at / 1000, images="a", last=200), traces(lambda at: 30.0, images="b", last=200)]
    )
    apart["image"] = ["a", "a", "b", "b"]
    assert list(psnr_curves(apart)["spread"]) == pytest.approx([0.025, 0.025])
    with_nan = found.assign(value=np.where(found["iteration"] == 100, np.nan, found["value"]))
    assert 100 not in set(psnr_curves(with_nan)["iteration"])


@pytest.mark.parametrize(
    ("curve", "ending", "words"),
    [
        (
            lambda at: 20 + at / 1000,
            "still gains",
            "stops at iteration 1000: Median ×2 21.50 dB, +0.20 dB over",
        ),
        (
            lambda at: 21 - abs(at - 600) / 1000,
            "loses",
            "better before it stops at iteration 1000: Median ×2 21.10 dB, 0.40 dB below",
        ),
        (
            lambda at: min(20 + at / 100, 24),
            "level",
            "levelled out when it stops at iteration 1000: Median ×2 24.50 dB",
        ),
    ],
)
def test_how_a_training_ends(curve, ending, words):
    found = traces(curve)
    assert list(endings(found)["ending"]) == [ending]
    [line] = ending_lines(found)
    assert line.startswith("IKE ") and words in line


def test_cells_of_one_ending_share_a_line():
    parts = [traces(lambda at: 20.0, "ike", kind=kind) for kind in ("median", "random")]
    assert ending_lines(pd.concat(parts)) == [
        "IKE has levelled out when it stops at iteration 1000: Median ×2 20.50 dB; Random ×2 20.50 dB"
    ]


def test_stages_are_named_where_there_are_several():
    parts = [traces(lambda at: 20.0, "dualsr", stage=f"DualSR x{scale}") for scale in (2, 4)]
    assert [line.split(" has")[0] for line in ending_lines(pd.concat(parts))] == [
        "DualSR (DualSR x2)",
        "DualSR (DualSR x4)",
    ]


def test_a_panel_for_each_cell_and_a_line_for_each_method(tmp_path):
    parts = [
        traces(lambda at: 20 + at / 500, method, kind=kind)
        for method in ("ike", "zssr")
        for kind in ("median", "random")
    ]
    parts.append(traces(lambda at: 19.0, "kernelgan-zssr", stage="ZSSR x2", images="a"))
    figure = curve_figure(pd.concat(parts))
    assert [panel.get_title() for panel in figure.axes] == ["set5\nMedian ×2", "set5\nRandom ×2"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["ZSSR", "KernelGAN+ZSSR", "IKE"]
    median = {line.get_label(): line for line in figure.axes[0].lines}
    assert list(median["IKE"].get_xdata()) == list(range(100, 1001, 100))
    assert median["IKE"].get_ydata()[-1] == pytest.approx(22.5)
    png, pdf = save_figure(figure, tmp_path / "curves")
    assert png.stat().st_size > 10_000 and b"/Type3" not in pdf.read_bytes()


def test_losses_alone_make_no_figure():
    assert curve_figure(traces(lambda at: 1.0).assign(name="encoder")) is None


@pytest.mark.html
def test_the_report_draws_what_was_traced(ikebench, medians, tmp_path):
    medians(0)
    assert ikebench("run", "--methods", "zssr", "--iterations", "4", "--trace", "2").code == 0
    text = (tmp_path / "bench/report/report.md").read_text(encoding="utf-8")
    assert (tmp_path / "bench/report/curves.svg").exists()
    assert "- ZSSR " in text and "at iteration 4: Median ×2 " in text and "](curves.svg)" in text
    for trace in (tmp_path / "bench/sr").rglob("*_trace.parquet"):
        trace.unlink()
    assert ikebench("report").code == 0 and not (tmp_path / "bench/report/curves.svg").exists()
