"""The report's words on alignment, quality against cost, LR consistency, and kernel pictures."""

import warnings

import numpy as np
import pytest
from score_frames import failed, frame, run

from reports.alignment import alignment_listing, describe
from reports.cost import cost_figure, costs
from reports.drawing import draw_bytes
from reports.evidence import KernelRow
from reports.kernels import kernel_figure


@pytest.mark.parametrize(
    ("scale", "shift", "stretch", "words"),
    [
        (2, (0.0, 0.1), (0.0, 0.1), "aligned"),
        (2, (0.0, 0.0), (0.95, 1.03), "aligned corners: stretched by 1 px over the image"),
        (4, (0.1, 0.0), (2.8, 3.1), "aligned corners: stretched by 3 px over the image"),
        (2, (0.5, 0.0), (0.9, 0.9), "aligned corners: stretched by 1 px over the image, and 0.5 px down"),
        (2, (0.5, -0.5), (0.0, 0.0), "the same everywhere: 0.5 px down and 0.5 px left"),
        (2, (0.0, 0.0), (1.0, 0.0), "unclear: the shift changes over the image"),
        (2, (0.0, 0.0), (-0.3, 0.1), "aligned"),
        (4, (0.0, 0.0), (-0.8, 0.1), "unclear: the shift changes over the image"),
        (2, (0.0, 0.0), (float("nan"), 0.0), "not measured"),
    ],
)  # fmt: skip
def test_words(scale, shift, stretch, words):
    assert describe(scale, shift, stretch) == words


def measured(image, stretch, **changes):
    changes = {"psnr_registered": 30.0} | changes
    return run(image=image, shift_y=0.0, shift_x=0.0, stretch_y=stretch, stretch_x=stretch, **changes)


def test_the_corners_are_shifted_by_half_the_stretch():
    scores = frame(
        *(
            measured(image, 1.0, psnr_registered=30.0, psnr_lr=lr)
            for image, lr in zip("abc", (40, 42, np.nan), strict=True)
        )
    )
    row = alignment_listing(scores).rows[0]
    assert row[3:] == (
        "+0.00, +0.00", "-0.50, -0.50", "+0.50, +0.50", "30.000", "41.00",
        "aligned corners: stretched by 1 px over the image",
    )  # fmt: skip


def test_what_differs_from_image_to_image_is_given_no_name():
    row = alignment_listing(
        frame(*(measured(image, value) for image, value in zip("abc", (-1.0, 1.0, 3.0), strict=True)))
    ).rows[0]
    assert row[-1] == "unclear: differs from image to image"


def test_scores_without_stretches():
    assert alignment_listing(frame(run())).rows == ()


def test_gain_is_over_bicubic_on_the_same_images():
    scores = frame(
        run("bicubic", 20.0, "a", seconds=0.1), run("bicubic", 30.0, "b", seconds=0.1), failed(image="b"),
        run("ike", 23.0, "a", seconds=8.0), run("ike", 99.0, "c", seconds=4.0),
    )  # fmt: skip
    ike = costs(scores, "ike").set_index("method").loc["ike"]
    assert (ike["gain"], ike["seconds"], ike["n"]) == (3.0, 6.0, 2)


def test_a_method_without_a_point_in_a_cell_leaves_the_panel_its_room():
    rows = [
        run("bicubic", 20.0),
        run("ike", 23.0),
        run("bicubic", 20.0, kind="random"),
        run("zssr", 21.0, kind="random"),
    ]
    figure = cost_figure(frame(*rows), "ike")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of a layout that has collapsed
        draw_bytes(figure, "png")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["ZSSR", "IKE"]


def test_registered_means_are_over_the_same_images():
    scores = frame(
        *(measured(image, 0.0, method="bicubic", psnr_registered=psnr) for image, psnr in (("a", 40.0), ("b", 20.0))),
        *(measured("a", 0.0, method="ike", seed=seed, psnr_registered=38.0 + seed) for seed in (0, 2)),
        *(measured("b", 0.0, method="dualsr", psnr_registered=30.0) for _ in "x"),
    )
    of_two = scores[scores["method"] != "dualsr"]
    assert [row[6] for row in alignment_listing(of_two).rows] == ["40.000", "39.000"]
    assert [row[6] for row in alignment_listing(scores).rows] == ["20.000", "30.000", "39.000 (n 1)"]


def test_cost_figure():
    pytest.importorskip("matplotlib")
    assert cost_figure(frame(run("bicubic")), "ike") is None
    figure = cost_figure(frame(run("bicubic", 20.0), run("ike", 23.0)), "ike")
    assert draw_bytes(figure, "svg").count(b"<svg") == 1


def test_kernel_pictures():
    pytest.importorskip("matplotlib")
    rows = [
        KernelRow("a", np.eye(5), {"dualsr": np.eye(7), "ike": np.eye(4)}, {"ike": 40.0}),
        KernelRow("b", None, {}, {}),
    ]
    figure = kernel_figure(rows)
    titles = [axis.get_title() for axis in figure.axes]
    assert titles == ["true", "DualSR", "IKE\n40.00 dB", "true", "DualSR", "IKE"]
    assert [len(axis.images) for axis in figure.axes] == [1, 1, 1, 0, 0, 0]
    assert draw_bytes(figure, "png").startswith(b"\x89PNG")
    unknown = kernel_figure([KernelRow("b", None, {"ike": np.eye(4)}, {})])
    assert [axis.get_title() for axis in unknown.axes] == ["IKE"]
