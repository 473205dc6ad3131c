"""Which means of a table are held against each other: those over the same images, upper bounds apart."""

import math

from score_frames import failed, frame, measured, run, table, texts

import reports
from reports import latex


def ranks(content, *names):
    return [measured(content, name).cells[0].rank for name in names]


def test_the_better_mean_of_easier_images_is_not_in_bold():
    """With a perfect image of its own, bicubic's mean was over the hard images alone, and IKE's in bold."""
    scores = frame(
        run("bicubic", math.inf, "a"), run("bicubic", 16.4, "b"), run("ike", 52.0, "a"), run("ike", 15.8, "b")
    )
    content = table(scores)
    assert texts(measured(content, "IKE"))[0] == "15.800" and measured(content, "IKE").n_scored == "1 of 2"
    assert ranks(content, "Bicubic‡", "IKE") == [1, 2]
    [line] = [line for line in content.footnotes if "ranked methods" in line]
    assert line == (
        "Median ×2: means over the 1 image that all ranked methods restored with a finite PSNR "
        "(left out, infinite: Bicubic 1)"
    )


def test_what_failed_for_one_is_left_out_for_all():
    scores = frame(
        run("bicubic", 20.0, "a"), run("bicubic", 30.0, "b"), failed("ike", image="a"), run("ike", 29.0, "b")
    )
    content = table(scores)
    assert texts(measured(content, "Bicubic"))[0:2] == ["30.000", "0.5000"]
    assert ranks(content, "Bicubic", "IKE") == [1, 2]
    assert "(left out, failed: IKE 1)" in " ".join(content.footnotes)


def test_a_method_run_on_fewer_images_is_compared_there():
    scores = frame(
        run("bicubic", 20.0, "a"), run("bicubic", 30.0, "b"), run("ike", 29.0, "b"), run("dualsr", 28.0, "b")
    )
    content = table(scores)
    assert texts(measured(content, "Bicubic"))[0] == "30.000" and measured(content, "Bicubic").n_scored == "1 of 2"
    assert ranks(content, "Bicubic", "IKE", "DualSR") == [1, 2, 0]
    assert "(left out, not run by all: Bicubic 1)" in " ".join(content.footnotes)


def test_a_variant_tried_on_one_image_does_not_shrink_the_others_means():
    levels = {"bicubic": 20.0, "edsr": 21.0, "ike": 22.0}
    rows = [run(method, level + index, image) for method, level in levels.items() for index, image in enumerate("abcd")]
    content = table(frame(*rows, run("ike-relu", 99.0, "a")))
    assert texts(measured(content, "IKE"))[0] == "23.500" and texts(measured(content, "ike-relu"))[0] == "99.000"
    assert ranks(content, "Bicubic", "EDSR", "IKE", "ike-relu") == [0, 2, 1, 0]
    assert "not ranked, because their means are infinite or over other images than the rest (ike-relu 1)" in " ".join(
        content.footnotes
    )


def test_as_many_results_as_possible_are_compared():
    """Two images of four methods, not three of two."""
    images = {"bicubic": "abc", "edsr": "abc", "dualsr": "ab", "ike": "ab"}
    content = table(frame(*[run(method, 20.0 + ord(image), image) for method in images for image in images[method]]))
    assert [measured(content, name).n_scored for name in ("Bicubic", "EDSR", "DualSR", "IKE")] == ["2 of 3"] * 2 + [
        "2"
    ] * 2
    assert ranks(content, "Bicubic", "EDSR", "DualSR", "IKE") == [1] * 4


def test_methods_without_an_image_in_common_are_not_ranked():
    content = table(frame(run("bicubic", 20.0, "a"), run("ike", 29.0, "b")))
    assert ranks(content, "Bicubic", "IKE") == [0, 0]
    assert "infinite or over other images (Bicubic 1, IKE 1)" in content.footnotes[0]
    perfect = table(frame(run("bicubic", math.inf), run("ike", 29.0)))
    assert texts(measured(perfect, "Bicubic‡"))[0:2] == ["∞", "0.5000"] and ranks(perfect, "Bicubic‡", "IKE") == [0, 0]


def test_a_wholly_failed_method_leaves_the_others_ranked():
    assert ranks(table(frame(run("bicubic", 20), run("edsr", 21), failed("ike"))), "Bicubic", "EDSR", "IKE") == [
        2,
        1,
        0,
    ]


def test_an_upper_bound_is_shown_in_gray_and_never_ranked(tmp_path):
    rows = [run(method, level, upper_bound=method == "zssr-gt") for method, level in RANKED.items()]
    content = table(frame(*rows, run("zssr-gt", 50.0, "b", upper_bound=True)))
    names = ("Bicubic", "IKE", "ZSSR (true kernel)")
    assert ranks(content, *names) == [2, 1, 0] and texts(measured(content, names[2]))[0] == "40.000"
    assert "ZSSR (true kernel): an upper bound, which knows the truth; shown and not ranked" in content.footnotes
    assert r"\textcolor{gray}{ZSSR (true kernel)}" in latex.table(content)
    assert r"\textcolor{gray}{40.000}" in latex.table(content)
    alone = table(frame(run("ike", 22.0), run("zssr-gt", 40.0, upper_bound=True)))
    assert len(alone.footnotes) == 1 and ranks(alone, "IKE", "ZSSR (true kernel)") == [0, 0]
    path, *_ = reports.write_report(frame(*rows), tmp_path, formats=["html"])
    assert '<tr class="bound"><th scope="row" class="l">ZSSR (true kernel)</th>' in path.read_text()


RANKED = {"bicubic": 20.0, "ike": 22.0, "zssr-gt": 40.0}


def test_overlapping_images_are_compared_where_they_overlap():
    rows = [run("bicubic", 20.0, image) for image in "abc"] + [run("ike", 21.0, image) for image in "bcd"]
    content = table(frame(*rows))
    assert ranks(content, "Bicubic", "IKE") == [2, 1]
    assert [measured(content, name).n_scored for name in ("Bicubic", "IKE")] == ["2 of 3"] * 2
    assert "(left out, not run by all: Bicubic 1, IKE 1)" in " ".join(content.footnotes)


def test_a_mean_over_the_very_same_images_is_ranked():
    rows = [run("bicubic", 20.0, "a"), run("bicubic", 30.0, "b"), failed("ike", image="a"), run("ike", 31.0, "b")]
    content = table(frame(*rows, run("ike-relu", 32.0, "b")))
    assert ranks(content, "Bicubic", "IKE", "ike-relu") == [0, 2, 1]
    assert not any("not ranked" in line for line in content.footnotes)


def test_every_image_left_out_has_one_reason():
    rows = [run("bicubic", 20.0, image) for image in "ab"] + [
        run("bicubic", math.inf, "c"),
        failed("bicubic", image="d"),
    ]
    rows += [run("ike", 21.0, "a"), run("ike", 22.0, "b", seed=0), failed("ike", image="b", seed=1)]
    content = table(frame(*rows))
    [line] = [line for line in content.footnotes if "ranked methods" in line]
    assert "means over the 2 images" in line and "(left out, not run by all: Bicubic 2)" in line


def test_a_method_perfect_throughout_leaves_the_others_ranked():
    content = table(frame(run("ike", math.inf), run("bicubic", 20.0), run("dualsr", 21.0)))
    assert ranks(content, "Bicubic", "DualSR", "IKE‡") == [2, 1, 0]


def test_an_upper_bound_over_other_images_is_said():
    rows = [run(method, 20.0, image) for method in ("bicubic", "ike") for image in "ab"]
    bound = [run("zssr-gt", 50.0, image, upper_bound=True) for image in "bc"]
    assert "not ranked; its means of Median ×2 are over other images" in " ".join(table(frame(*rows, *bound)).footnotes)
    assert "other images" not in " ".join(
        table(frame(*rows, *[row | {"image": i} for row, i in zip(bound, "ab", strict=True)])).footnotes
    )


def test_the_caption_counts_the_images_in_the_means():
    images = [f"{number:04d}" for number in range(801, 901)]
    rows = [run("bicubic", image=image) for image in images] + [failed("ike", image=image) for image in images[3:]]
    caption = table(frame(*rows, *[run("ike", image=image) for image in images[:3]])).caption
    assert "cannot be compared" in caption


def test_markdown_sets_upper_bounds_apart():
    text = reports.markdown_tables(
        frame(run("bicubic", 20.0), run("ike", 21.0), run("zssr-gt", 50.0, upper_bound=True))
    )
    assert "(50.000)" in text and "**21.000**" in text and "(in brackets): an upper bound" in text
