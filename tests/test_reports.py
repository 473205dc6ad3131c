"""Tables and reports from synthetic scores: marks, notes and the shape of every format."""

import math
import re

import pandas as pd
import pytest
from score_frames import below, failed, frame, full_scores, measured, run, table, texts

import reports
from reports import latex, markdown
from reports.summary import summarise
from reports.tables import build_tables

# ---- tables


def test_rows_come_in_the_papers_order_with_its_names():
    scores = frame(*[run(method, kind="track2") for method in ("zzz", "ike-relu", "ike", "bicubic")])
    names = [row.name for row in table(scores, "table2").blocks[0].rows if not row.published]
    assert names == [
        *("Bicubic", "IKE"),
        *("ike-relu", "zzz"),
    ]


def test_table2_cells():
    content = table(frame(run(psnr=25.1, kind="track2", ssim=0.7)), "table2")
    assert texts(measured(content, "IKE")) == ["25.100", "0.7000"]
    assert below(content, "IKE") == ["25.478", "0.7298"]
    both = table(frame(run("esrgan", kind="track2"), run(kind="track2", scale=4)), "table2")
    assert texts(measured(both, "ESRGAN")) == ["25.000", "0.5000", "–", "–"]
    assert below(both, "ESRGAN") == ["–", "–", "21.569", "0.5469"]


def test_table3_is_two_blocks_of_two_kinds():
    rows = [run("ike", kind=kind, scale=scale) for kind in NONLINEAR for scale in (2, 4)]
    content = table(frame(*rows, run("kernelgan-zssr", kind="random", scale=4)))
    assert [block.kinds for block in content.blocks] == [("Bilateral", "Median"), ("Anisotropic Diffusion", "Random")]
    assert below(content, "IKE") == "28.311 0.7906 24.888 0.6806 28.581 0.8132 25.343 0.7096".split()
    assert below(content, "KernelGAN+ZSSR", 1) == "21.120 0.6912 17.212 0.4981 25.210 0.7236 24.326 0.6718".split()
    assert texts(measured(content, "KernelGAN+ZSSR", 1)) == ["–"] * 6 + ["25.000", "0.5000"]
    assert "KernelGAN+ZSSR" not in [row.name for row in content.blocks[0].rows]


NONLINEAR = ("bilateral", "median", "anisotropic", "random")


def test_only_cells_that_ran_are_columns_and_only_published_cells_have_the_papers_row():
    content = table(frame(run(kind="median"), run(kind="random"), run("bicubic", kind="random")))
    [block] = content.blocks
    assert (block.kinds, block.scales) == (("Median", "Random"), (2,))
    assert [row.name for row in block.rows] == ["Bicubic", "IKE", "published"]
    assert texts(measured(content, "Bicubic")) == ["–", "–", "25.000", "0.5000"]
    assert [(b.kinds, b.scales) for b in table(frame(run(), run(kind="random", scale=4))).blocks] == [
        (("Median",), (2,)),
        (("Random",), (4,)),
    ]


def test_kinds_and_scales_outside_the_paper_go_to_the_other_table():
    scores = frame(run(kind="gaussian"), run(scale=3), run(kind="bicubic", scale=4))
    (content,) = build_tables(scores)
    assert content.key == "other"
    assert [(block.kinds, block.scales) for block in content.blocks] == [
        (("Median",), (3,)),
        (("Bicubic",), (4,)),
        (("Gaussian",), (2,)),
    ]
    assert texts(measured(content, "IKE")) == ["25.000", "0.5000"]
    assert not any(row.published for block in content.blocks for row in block.rows)


def test_each_set_has_its_own_tables():
    scores = frame(run(set="b", psnr=20), run(set="a", psnr=30), run(set="a", kind="track2"))
    tables = build_tables(scores)
    assert [(t.set_name, t.key) for t in tables] == [("a", "table2"), ("a", "table3"), ("b", "table3")]
    assert texts(measured(tables[1], "IKE"))[0] == "30.000"
    assert texts(measured(tables[2], "IKE"))[0] == "20.000"


def test_best_and_second_among_measured_only():
    scores = frame(run("bicubic", 20), run("edsr", 21), run("ike", 22))  # the paper's own numbers are far higher
    content = table(scores)
    assert [measured(content, name).cells[0].rank for name in ("Bicubic", "EDSR", "IKE")] == [0, 2, 1]
    assert all(cell.rank == 0 for row in content.blocks[0].rows if row.published for cell in row.cells)


def test_numbers_that_print_alike_share_a_rank():
    psnr = {"bicubic": 19.0, "edsr": 20.0, "rcan": 21.00001, "dualsr": 21.00002, "ike": 20.0}
    content = table(frame(*[run(method, value) for method, value in psnr.items()]))
    ranks = {name: measured(content, name).cells[0].rank for name in ("Bicubic", "EDSR", "RCAN", "DualSR", "IKE")}
    assert ranks == {"Bicubic": 0, "EDSR": 2, "RCAN": 1, "DualSR": 1, "IKE": 2}


def test_a_lone_method_is_not_best():
    assert {cell.rank for cell in measured(table(frame(run())), "IKE").cells} == {0}


def test_partial_training_is_marked_in_every_table():
    scores = frame(run(iterations=50), run("dualsr"), run("edsr"), run(kind="track2", iterations=50))
    for content in build_tables(scores):
        assert content.footnotes[0] == "† trained for 50 of 3000 iterations: IKE"
        assert measured(content, "IKE†")
    assert table(frame(run(iterations=50), run(scale=4, iterations=90))).footnotes == (
        "† trained for 50 to 90 of 3000 iterations: IKE",
    )


def test_a_fact_is_one_footnote():
    scores = frame(run(iterations=50), run("dualsr", iterations=50), run("edsr"), run("rcan"), run("ike-relu"))
    scores["settings"] = ["", "", "x=1", "x=1", ""]
    content = table(scores)
    assert content.footnotes == (
        "† trained for 50 of 3000 iterations: DualSR, IKE",
        "EDSR, RCAN: run with x=1",
    )
    assert "Iterations: 3000 (ike-relu)." in content.caption


def test_the_paper_is_not_spoken_of_where_it_has_no_number():
    assert "Published" in table(frame(run())).caption and "Published" not in table(frame(run("bicubic"))).caption


def test_a_mean_that_mixes_settings_says_so_and_no_other_does():
    scores = frame(run(), run(image="b"), run(image="c"), failed(image="d"), run(scale=4), run("zssr"))
    scores["settings"] = ["precision=bf16", "", "precision=bf16", "x=2", "x=1", "x=1"]
    assert [line for line in table(scores).footnotes if "run with" in line] == [
        "ZSSR, IKE Median ×4: run with x=1",
        "IKE Median ×2: run with precision=bf16 (2 runs); the defaults (1 run); the mean mixes settings",
    ]
    scores["settings"] = ["x=1", "x=1", "x=1", "x=1", "", "x=1"]
    assert "ZSSR, IKE Median ×2: run with x=1" in table(scores).footnotes


def test_a_mean_over_two_trained_networks_says_so():
    scores = frame(run("edsr"), run("edsr", image="b"), run("edsr", kind="random"), run("edsr", scale=4), run())
    scores["weights_sha256"] = ["1" * 64, "2" * 64, "2" * 64, "4" * 64, None]
    assert [line for line in table(scores).footnotes if "weights" in line] == [
        "EDSR Median ×2: run with weights 11111111 (1 run); weights 22222222 (1 run); the mean mixes trained networks",
        "EDSR Random ×2: run with weights 22222222",
    ]
    scores["weights_sha256"] = ["1" * 64, "1" * 64, "1" * 64, "4" * 64, None]
    assert "weights" not in " ".join(table(scores).footnotes)


def test_counts_have_columns_only_where_they_differ():
    content = table(frame(run(), run("bicubic")))
    assert not content.counts and "Every mean is over 1 image; no run failed." in content.caption
    assert "failed |" not in markdown.table(content) and "failed &" not in latex.table(content)
    content = table(frame(run(), failed(image="b"), run("bicubic")))
    assert content.counts and "failed |" in markdown.table(content)


def test_counts_follow_the_columns_where_they_differ():
    scores = frame(run(), run(image="b"), run(scale=4), failed(scale=4, image="b"))
    row = measured(table(scores), "IKE")
    assert (row.n_scored, row.n_failed) == ("2, 1", "0, 1")
    assert measured(table(frame(run(), run(scale=4))), "IKE").n_scored == "1"


def test_footnotes_and_captions_are_of_the_tables_own_runs():
    others = [run("dualsr", image="z", kind="gaussian", note="odd"), run("dualsr", image="y", scale=3, note="odd")]
    content = table(frame(run(), *others))
    assert content.footnotes == () and "1 image." in content.caption
    assert "DualSR" not in content.caption


def test_caption_names_set_images_protocol_and_iterations():
    caption = table(frame(run(), run(image="b")), protocol="dualsr").caption
    for part in ("Set set5, 2 images", "luma", "s pixels shaved", "protocol dualsr", "Iterations: 3000 (IKE)"):
        assert part in caption
    assert "No method here is trained" in table(frame(run("edsr"))).caption


def test_caption_says_when_published_means_cannot_be_compared():
    div2k = [run(image=f"{number:04d}", set="div2k") for number in range(801, 901)]
    assert "cannot be compared" not in table(frame(*div2k)).caption
    assert "same 100 DIV2K validation images" in table(frame(*div2k)).caption
    assert "cannot be compared" in table(frame(*div2k[:99])).caption
    assert "cannot be compared" in table(frame(run(set="div2k"))).caption


@pytest.mark.parametrize("protocol", ["dualsr", "ntire17"])
def test_published_numbers_stand_under_their_own_protocol_alone(protocol):
    content = table(frame(run(), run("bicubic")), protocol=protocol)
    assert not any(row.published for block in content.blocks for row in block.rows)
    assert [row.name for row in content.blocks[0].rows] == ["Bicubic", "IKE"]
    assert "The numbers of Table 3 of the IKE paper are left out" in content.caption


def test_changed_parameters_and_settings_are_footnotes():
    scores = frame(run("bicubic", image="a"), run("bicubic", image="b"), run("ike", image="a"))
    scores["degradation"] = ["size=3", "", "size=3"]
    scores["settings"] = ["", "", "activation=relu"]
    footnotes = " ".join(table(scores).footnotes)
    assert "size=3 (1 image)" in footnotes and "the preset (1 image)" in footnotes and "different ways" in footnotes
    assert "IKE: run with activation=relu" in footnotes
    scores["degradation"], scores["settings"] = "", ""
    assert "made with" not in " ".join(table(scores).footnotes) and "run with" not in " ".join(table(scores).footnotes)


def alignment_line(scores, tmp_path):
    reports.write_report(scores, tmp_path)
    text = (tmp_path / "report.md").read_text().split("## Alignment")[1].split("##")[0]
    [line] = [line for line in text.splitlines() if "Bicubic" in line]
    return [cell.strip() for cell in line.strip("| ").split("|")][3:]


def test_alignment_is_listed_y_before_x(tmp_path):
    scores = frame(run("bicubic", image="a"), run("bicubic", image="b"))
    scores["shift_y"], scores["shift_x"], scores["psnr_registered"] = [0.4, 0.6], [-1.0, -1.0], [30.0, 31.0]
    assert alignment_line(scores, tmp_path)[0] == "+0.50, -1.00"
    assert " Shift y, x |" in (tmp_path / "report.md").read_text()


def test_means_of_alignment_survive_a_perfect_image(tmp_path):
    scores = frame(run("bicubic", image="a"), run("bicubic", image="b"))
    scores["shift_y"], scores["shift_x"], scores["psnr_registered"] = 0.0, 0.0, [math.inf, 31.0]
    assert alignment_line(scores, tmp_path)[3] == "31.000 (1 infinite left out)"
    scores["psnr_registered"] = math.inf
    assert alignment_line(scores, tmp_path)[3] == "∞"


# ---- renderers


def test_markdown_marks_and_aligns():
    rows = [run("ike", kind=kind, scale=scale) for kind in ("random", "bilateral", "anisotropic") for scale in (2, 4)]
    scores = frame(*rows, run("bicubic", 20), run("edsr", 21), run("ike", 22, iterations=50))
    text = reports.markdown_tables(scores)
    assert re.search(r"\| IKE† .*\*\*22\.000\*\*", text)
    assert re.search(r"\| EDSR .*<u>21\.000</u>", text)
    assert re.search(r"\| \*published\* .* 28\.581 ", text)
    assert "† trained for 50 of 3000 iterations: IKE" in text
    assert "Median ×2 PSNR" in text
    grids = [part.splitlines() for part in text.split("\n\n") if part.startswith("|")]
    assert len(grids) == 4  # one kind to a block, for narrow terminals
    for lines in grids:
        assert len({len(line) for line in lines}) == 1
        assert len({line.count("|") for line in lines}) == 1
        assert len(lines[0]) <= 120


def test_markdown_escapes():
    assert markdown.escape("a_b|c*<d>\ne") == r"a\_b\|c\*\<d\> e"


def test_latex_escapes():
    assert latex.escape("a_b & 5% #1 {x} ~^\\ $") == (
        r"a\_b \& 5\% \#1 \{x\} \textasciitilde{}\textasciicircum{}\textbackslash{} \$"
    )


def columns_of(line):
    """Columns a LaTeX row fills, a multicolumn counted by its width."""
    cells = re.split(r"(?<!\\)&", line)
    widths = [re.search(r"\\multicolumn\{(\d+)\}", cell) for cell in cells]
    return sum(int(width[1]) if width else 1 for width in widths)


def test_latex_shape():
    for content in build_tables(full_scores()):
        text = latex.table(content)
        bare = re.sub(r"\\[{}]", "", text)
        assert bare.count("{") == bare.count("}")
        assert text.startswith("% Needs") and r"\usepackage{booktabs}" in text and r"\usepackage{xcolor}" in text
        assert r"\caption{" in text and text.isascii()
        for tabular in re.findall(r"\\begin\{tabular\}\{(l?r*)\}\n(.*?)\\end\{tabular\}", text, re.S):
            letters, body = tabular
            assert [body.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [1, 1, 1]
            lines = [line for line in body.splitlines() if line.endswith(r"\\")]
            assert {columns_of(line) for line in lines} == {len(letters)}
        assert text.count(r"\begin{tabular}") == len(content.blocks)


def test_latex_colours():
    text = latex.table(table(frame(run("bicubic", 20), run("edsr", 21), run("ike", 22))))
    assert r"\textcolor{red}{22.000}" in text
    assert r"\textcolor{blue}{21.000}" in text
    assert r"\textcolor{gray}{28.581}" in text
    assert "& 20.000 &" in text


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """Give the folder of a full report in every format, and the paths that were told."""
    folder = tmp_path_factory.mktemp("full") / "report"
    return folder, reports.write_report(full_scores(), folder, formats=("md", "tex", "html", "csv"))


def test_report_files(full):
    scores, (folder, paths) = full_scores(), full
    names = {path.name for path in paths}
    assert names == {path.name for path in folder.iterdir()}  # nothing temporary is left
    keys = ("table2", "table3", "other")
    pictures = {"sample-forest.svg", "my_set-forest.svg", "cost.svg"}
    assert names == {"report.md", "report.html", "summary.csv", "paired.csv"} | pictures | {
        f"{s}-{k}.tex" for s in ("sample", "my_set") for k in keys
    }
    pd.testing.assert_frame_equal(
        pd.read_csv(folder / "summary.csv")[["set", "kind", "method", "psnr", "n_failed"]],
        summarise(scores)[["set", "kind", "method", "psnr", "n_failed"]],
        check_dtype=False,
    )


def test_markdown_report_order_and_failures(full):
    text = (full[0] / "report.md").read_text(encoding="utf-8")
    places = [text.index(part) for part in ("## Verdict", "## Tables", "## Paired differences", "## Failures")]
    assert places == sorted(places)
    assert "1 of 420 runs failed." in text
    assert r"out of \| memory \<2 GiB\>" in text
    assert r"| my\_own\&50% " in text.split("## Paired differences")[1]
    assert "| Bilateral ×2 PSNR |" in text and "Median ×2 PSNR" in text.split("Bilateral ×2 PSNR")[1].splitlines()[0]


def test_html_is_self_contained_and_escaped(full):
    text = (full[0] / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"https?://|<script src|<link|@import|url\(| src=\"(?!data:|{)", text)
    assert "my_own&amp;50%" in text and "&lt;2 GiB&gt;" in text
    assert text.count("<table") == text.count("</table>") == 16
    assert text.count('src="data:image/svg+xml;base64,') == 3
    assert 'class="best">' in text and 'class="second">' in text
    assert "28.581" in text


def test_partial_training_is_marked_in_the_paired_differences(tmp_path):
    (path,) = reports.write_report(frame(run(iterations=50), run("edsr")), tmp_path, formats=["md"])
    section = path.read_text(encoding="utf-8").partition("## Paired differences")[2]
    assert "| IKE† " in section and "| EDSR " not in section.replace("against EDSR", "")


def test_notes_are_footnotes_of_a_method_at_a_scale():
    twice = "x2 run twice"
    scores = frame(
        run("dualsr", scale=2), run("dualsr", scale=4, note=twice), run("dualsr", 9.0, "b", scale=4, note=twice)
    )
    assert "DualSR ×4: x2 run twice (2 runs)" in table(scores).footnotes
    assert not any("DualSR ×2" in footnote for footnote in table(scores).footnotes)
    sizes = [run(image=str(size), note=f"odd; trained on crops of {size} px: small") for size in (64, 48, 56)]
    footnotes = table(frame(*sizes)).footnotes
    assert (
        "IKE ×2: odd (3 runs)" in footnotes and "IKE ×2: trained on crops of 48 to 64 px: small (3 runs)" in footnotes
    )


def test_kernels_are_listed_where_they_can_be_compared(tmp_path):
    scores = frame(run("dualsr", kernel_psnr=40.0), run("dualsr", image="b", kernel_psnr=50.0), run(kernel_psnr=None))
    (path,) = reports.write_report(scores, tmp_path, formats=["md"])
    assert re.search(r"\| set5 \| DualSR \| +45.00 \(n 2\) \|", path.read_text(encoding="utf-8"))
    (path,) = reports.write_report(frame(run()), tmp_path, formats=["md"])
    assert "## Kernels" not in path.read_text(encoding="utf-8")


def test_report_is_the_same_for_any_order_of_rows(tmp_path):
    scores = full_scores().query("kind in ['median', 'gaussian']")
    shuffled = scores.sample(frac=1, random_state=0)
    for folder, rows in (("one", scores), ("two", shuffled)):
        reports.write_report(rows, tmp_path / folder, formats=["md"])
    assert (tmp_path / "one/report.md").read_bytes() == (tmp_path / "two/report.md").read_bytes()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"formats": ("md", "pdf")}, "unknown format 'pdf'"),
        ({"formats": ()}, "unknown format none"),
        ({"protocol": "psnr"}, "unknown protocol 'psnr'"),
    ],
)
def test_unknown_options_are_errors_and_write_nothing(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        reports.write_report(frame(run()), tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_empty_and_incomplete_scores_are_errors(tmp_path):
    with pytest.raises(ValueError, match="scores are empty"):
        reports.write_report(frame(run()).iloc[:0], tmp_path)
    with pytest.raises(ValueError, match="scores are empty"):
        reports.markdown_tables(pd.DataFrame(), "ike")
    with pytest.raises(ValueError, match="lack the columns psnr_ike"):
        reports.markdown_tables(frame(run()).drop(columns="psnr_ike"), "ike")


def test_scores_survive_parquet(tmp_path):
    scores = frame(run(), failed(image="b"), run("bicubic"))
    scores.to_parquet(tmp_path / "scores.parquet")
    assert reports.markdown_tables(pd.read_parquet(tmp_path / "scores.parquet"), "ike") == reports.markdown_tables(
        scores
    )
