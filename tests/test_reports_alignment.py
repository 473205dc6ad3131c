"""The report's words on alignment, quality against cost, LR consistency, and kernel pictures."""

import numpy as np
import pytest
from score_frames import failed, frame, run

from reports.alignment import describe, map_listing
from reports.cost import cost_listing, costs, draw_costs
from reports.kernel_pictures import KernelRow, consistency_listing, draw_kernels


@pytest.mark.parametrize(
    ("scale", "shift", "stretch", "words"),
    [
        (2, (0.0, 0.1), (0.0, 0.1), "aligned"),
        (2, (0.0, 0.0), (0.95, 1.03), "aligned corners: stretched by 1 px over the image"),
        (4, (0.1, 0.0), (2.8, 3.1), "aligned corners: stretched by 3 px over the image"),
        (2, (0.5, 0.0), (0.9, 0.9), "aligned corners: stretched by 1 px over the image, and 0.5 px down"),
        (2, (0.5, -0.5), (0.0, 0.0), "the same everywhere: 0.5 px down and 0.5 px left"),
        (2, (0.0, 0.0), (1.0, 0.0), "unclear: the shift changes over the image"),
        (2, (0.0, 0.0), (float("nan"), 0.0), "not measured"),
    ],
)  # fmt: skip
def test_words(scale, shift, stretch, words):
    assert describe(scale, shift, stretch) == words


def measured(image, stretch, **changes):
    return run(image=image, shift_y=0.0, shift_x=0.0, stretch_y=stretch, stretch_x=stretch, **changes)


def test_map_is_the_shift_at_both_ends():
    row = map_listing(frame(*(measured(image, 1.0) for image in "abc"))).rows[0]
    assert row[3:] == (
        "3", "-0.50, -0.50", "+0.00, +0.00", "+0.50, +0.50", "0.00",
        "aligned corners: stretched by 1 px over the image",
    )  # fmt: skip


def test_what_differs_from_image_to_image_is_given_no_name():
    row = map_listing(
        frame(*(measured(image, value) for image, value in zip("abc", (-1.0, 1.0, 3.0), strict=True)))
    ).rows[0]
    assert row[-1] == "unclear: differs from image to image"


def test_scores_without_stretches():
    assert map_listing(frame(run())).rows == ()
    assert consistency_listing(frame(run())).rows == ()


def test_gain_is_over_bicubic_on_the_same_images():
    scores = frame(
        run("bicubic", 20.0, "a", seconds=0.1), run("bicubic", 30.0, "b", seconds=0.1), failed(image="b"),
        run("ike", 23.0, "a", seconds=8.0), run("ike", 99.0, "c", seconds=4.0),
    )  # fmt: skip
    megapixels = scores["seconds"] * 0 + 0.5
    ike = costs(scores, "ike", megapixels).set_index("method").loc["ike"]
    assert (ike["gain"], ike["seconds"], ike["seconds_per_mp"]) == (3.0, 6.0, 12.0)
    assert cost_listing(scores, "ike").rows[1][-3:] == ("+3.000", "6", "–")


def test_cost_figure(tmp_path):
    pytest.importorskip("matplotlib")
    assert not draw_costs(frame(run("bicubic")), "ike", tmp_path / "none.png")
    assert draw_costs(frame(run("bicubic", 20.0), run("ike", 23.0)), "ike", tmp_path / "costs.png")
    assert (tmp_path / "costs.png").read_bytes().startswith(b"\x89PNG")


def test_kernel_pictures(tmp_path):
    pytest.importorskip("matplotlib")
    rows = [
        KernelRow("a", np.eye(5), {"dualsr": np.eye(7), "ike": np.eye(4)}, {"ike": 40.0}),
        KernelRow("b", None, {}, {}),
    ]
    assert draw_kernels(rows, tmp_path / "kernels.pdf") and (tmp_path / "kernels.pdf").stat().st_size > 1000
    assert not draw_kernels([], tmp_path / "none.png")


def test_consistency_leaves_out_what_is_not_known():
    listing = consistency_listing(
        frame(run(psnr_lr=40.0), run(image="b", psnr_lr=np.nan), run(image="c", psnr_lr=42.0))
    )
    assert listing.rows[0][-2:] == ("2", "41.00")
