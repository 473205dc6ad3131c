"""Names as people give them, from the photographs to the report."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ikebench.images import by_stem, natural_order

NAMES = [
    *("a b", " lead", "trail ", "tab\there", "new\nline"),
    *("été", "e\u0301te\u0301", "Ω", "日本語", "😀", "٣", "3", "12"),  # an accent in one piece and in two
    *("-dash", "--help", "%s", "{lr}", "*?", "a|b", "a\\b", "<i>x&y", "50%_#{x}$^~", "quote\"'s", "a.b.c"),
    *("x2", "photox2", "n" * 230),
]


@pytest.fixture
def folder(tmp_path):
    """Photographs of 36x40 px under all these names."""
    folder = tmp_path / "my photos, été"
    folder.mkdir()
    for number, name in enumerate(NAMES):
        pixels = np.random.default_rng(number).integers(0, 256, (9, 10, 3), dtype=np.uint8)
        Image.fromarray(np.kron(pixels, np.ones((4, 4, 1), np.uint8))).save(folder / f"{name}.png")
    return folder


def test_names_from_photographs_to_the_report(ikebench, folder, tmp_path):
    made = ikebench("make-data", "--hr", folder, "--kind", "median")
    assert made.code == 0 and f"{len(NAMES)} images, {len(NAMES)} LR images made, 0 already there" in made.err
    run = ikebench("run", "--methods", "bicubic")
    assert run.code == 0 and f"{len(NAMES)} jobs run, 0 already done, 0 failed" in run.err
    scores = pd.read_parquet("bench/scores.parquet")
    assert set(scores["image"]) == set(NAMES) and scores["psnr_ike"].notna().all()
    again = ikebench("make-data", "--hr", folder, "--kind", "median")
    assert "0 LR images made" in again.err and "0 jobs run" in ikebench("run", "--methods", "bicubic").err
    assert ikebench("score").code == 0 and ikebench("report", "--format", "md,tex,csv,html").code == 0
    page = (tmp_path / "bench" / "report" / "report.html").read_text()
    assert "日本語" in page and "<i>x&y" not in page
    assert "my photos, été" in (tmp_path / "bench" / "report" / "report.md").read_text()


def test_names_of_lr_images(ikebench, folder, tmp_path):
    (folder / "photox2.png").unlink()
    run = ikebench("run", "--lr", folder, "--scale", "2", "--methods", "bicubic")
    assert run.code == 0 and f"{len(NAMES) - 1} jobs run, 0 already done, 0 failed" in run.err
    made = {path.stem for path in (tmp_path / "bench/sr/bicubic" / folder.name / "given/X2").glob("*.png")}
    assert made == set(NAMES) - {"photox2"}


def test_what_is_only_a_scale_is_a_name(tmp_path):
    for name in ("x2", "1x2", "٣x2"):
        (tmp_path / f"{name}.png").touch()
    assert list(by_stem(tmp_path, "x2")) == ["1", "x2", "٣"]


def test_digits_of_other_scripts_are_in_no_ones_way():
    names = ["img10", "img2", "٣", "3", "x", "²", "Ⅳ", ""]
    assert sorted(names, key=natural_order) == ["", "3", "img2", "img10", "x", "²", "٣", "Ⅳ"]
