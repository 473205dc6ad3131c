"""The HTML page: whole, self-contained, small, and with the pictures that belong on it."""

import base64
import itertools
import re

import cv2
import numpy as np
import pandas as pd
import pytest
from pages import METHODS, Parsed, data_of, load, page, photo, scores_of_three
from score_frames import failed, frame, run

import reports
from ikebench.images import png_bytes
from reports.page import gallery, pictures
from reports.page.runs import page_data
from reports.page.strips import choose
from reports.windows import most_different


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    return page(tmp_path_factory.mktemp("page")).read_text(encoding="utf-8")


def decoded(uri):
    kind, _, data = uri.partition(",")
    assert kind == "data:image/webp;base64"
    image = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def test_nothing_is_loaded_from_outside(text):
    parsed = Parsed(text)
    for _, attributes in parsed.tags:
        for name in ("src", "href"):
            assert re.match(r"data:image/(webp|svg\+xml|png);base64,|#", attributes.get(name, "#")), attributes
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest", text)
    assert not re.search(r"https?://", text)


def test_links_lead_to_sections(text):
    parsed = Parsed(text)
    ids = {attributes["id"] for _, attributes in parsed.tags if "id" in attributes}
    targets = {link["href"][1:] for link in parsed.all("a")}
    assert {"tables", "pictures", "paired-differences-and-cost", "runs"} <= targets <= ids


def test_pictures_have_words_and_headers_a_scope(text):
    parsed = Parsed(text)
    for image in parsed.all("img"):
        assert "alt" in image and (image["alt"] or "src" not in image)
    assert parsed.all("th") and all(head["scope"] in ("col", "row", "colgroup") for head in parsed.all("th"))
    strips = [image["alt"] for image in parsed.all("img", class_="crop")]
    assert any(re.fullmatch(r"IKE, crop of set5, b: Random ×2: 29.00 dB, 0.500", alt) for alt in strips)


def test_every_strip_has_hr_lr_and_all_methods_with_error_maps(text):
    parsed = Parsed(text)
    assert len(parsed.all("details")) == 6
    names = [name for name in parsed.inside("b") if name in ("HR", "LR", "Bicubic", "IKE", "my_own")]
    assert names == ["HR", "LR", "Bicubic", "IKE", "my_own"] * 6
    maps = [image for image in parsed.all("img") if image.get("alt", "").startswith("Error map of")]
    assert len(maps) == 6 * len(METHODS)


def test_worst_and_best_of_every_cell_come_first():
    chosen = [
        (choice.runs[0]["kind"], choice.runs[0]["image"], choice.place) for choice in choose(scores_of_three(), "ike")
    ]
    assert chosen == [
        (kind, image, place)
        for image, place in (("a", "worst of 3"), ("b", "best of 3"), ("c", "2 of 3, from the worst"))
        for kind in ("median", "random")
    ]


def test_of_several_seeds_the_lowest_is_shown_and_what_failed_is_not():
    scores = frame(run(seed=3), run(seed=1, psnr=20.0), run("bicubic", 22.0), failed("zssr"))
    [choice] = choose(scores, "ike")
    assert [(one["method"], one["seed"], one["psnr"]) for one in choice.runs] == [
        ("bicubic", 0, 22.0),
        ("ike", 1, 20.0),
    ]


def test_the_crop_is_where_methods_differ():
    images = [load({"image": "a", "method": method, "scale": 2}, "sr") for method in METHODS]
    window = most_different(images, 64, 2)
    assert window.y >= 90 and window.x >= 154 and (window.height, window.width) == (64, 64)
    assert window.y % 2 == window.x % 2 == 0
    whole = most_different(images, 512, 3)
    assert (whole.y, whole.x, whole.height, whole.width) == (0, 0, 192, 318)


def test_crops_show_the_same_place_of_hr_lr_and_results():
    scores = scores_of_three()
    shown = gallery.hang(choose(scores, "ike")[:1], load, 300_000)
    [strip] = shown.strips
    hr, lr, bicubic = (decoded(picture.crop) for picture in strip.pictures[:3])
    left, top, width, height = strip.frame
    y, x, (high, wide) = round(top * 1.92), round(left * 3.2), strip.size
    assert (round(width * 3.2), round(height * 1.92)) == (wide, high) and hr.shape == (high, wide, 3)
    assert lr.shape == (high // 2, wide // 2, 3)
    truth = load({"image": "a"}, "hr")[y : y + high, x : x + wide].astype(float)
    assert np.abs(hr - truth).mean() < 5 < np.abs(bicubic - truth).mean()
    assert np.abs(cv2.resize(lr, (wide, high)) - truth).mean() < np.abs(np.roll(truth, 8, 1) - truth).mean()


def test_an_error_map_is_black_where_there_is_no_error_and_bright_where_it_is():
    hr = photo("a")
    sr = hr.copy()
    sr[:, 160:] = np.where(hr[:, 160:] > 127, hr[:, 160:] - 60, hr[:, 160:] + 60)
    shown = pictures.error_map(sr, hr)
    assert shown.shape == hr.shape
    assert shown[:, :150].max() < 5 and shown[:, 170:].mean() > 150


def test_pictures_of_a_strip_share_a_quality_and_keep_to_their_bytes():
    images = [photo(name) for name in "abc"]
    uris, best = pictures.embed(images, 1e9)
    assert best == max(pictures.QUALITIES)
    fewer, quality = pictures.embed(images, sum(map(len, uris)) / 4)
    assert quality < best and sum(map(len, fewer)) < sum(map(len, uris)) / 2
    least, _ = pictures.embed(images, 900)  # no quality is low enough: reduced
    assert sum(len(base64.b64decode(uri.partition(",")[2])) for uri in least) <= 900
    assert decoded(least[0]).shape[0] < 192


def test_what_is_missing_is_left_out(tmp_path):
    def some(score, which):
        gone = {"hr": score["image"] == "a", "lr": False, "sr": score["method"] == "ike" and score["image"] == "b"}
        return None if gone[which] else load(score, which)

    parsed = Parsed(page(tmp_path, load=some).read_text(encoding="utf-8"))
    assert len(parsed.all("details")) == 4
    assert parsed.inside("b").count("IKE") == 2 and parsed.inside("b").count("Bicubic") == 4
    assert any("2 left out: their images are missing" in paragraph for paragraph in parsed.inside("p"))
    none = Parsed(page(tmp_path, load=lambda score, which: None).read_text(encoding="utf-8"))
    assert not none.all("details") and any(words.startswith("No picture:") for words in none.inside("p"))


def test_without_a_loader_or_a_score_there_are_no_pictures(tmp_path):
    assert 'id="pictures"' not in page(tmp_path, load=None).read_text(encoding="utf-8")
    assert 'id="pictures"' not in page(tmp_path, frame(failed())).read_text(encoding="utf-8")


def test_many_images_are_cut_off_and_the_page_says_so():
    scores = frame(*(run(psnr=20.0 + index, image=f"{index:03d}") for index in range(gallery.MOST_STRIPS + 5)))
    shown = gallery.hang(choose(scores, "ike"), lambda score, which: None, 1e6)
    assert shown.strips == ()
    assert f"The {gallery.MOST_STRIPS} first of {gallery.MOST_STRIPS + 5}" in gallery._about(45, 40, 40)


def test_the_bytes_asked_for_are_kept():
    choices = choose(scores_of_three(), "ike")
    for most in (60_000, 300_000):
        strips = gallery.hang(choices, load, most).strips
        used = sum(len(picture.crop) + len(picture.below) for strip in strips for picture in strip.pictures)
        assert used < most * 1.1  # prefixes and padding of the URIs


def test_the_data_are_all_scores_but_hashes(text):
    scores = scores_of_three(sr_sha256="f" * 64)
    data = page_data(scores, "ike")
    assert data["columns"] == [name for name in scores if name != "sr_sha256"]
    again = pd.DataFrame(data["rows"], columns=data["columns"])
    assert again["psnr_ike"].tolist() == scores["psnr_ike"].tolist() and again["iterations"].isna().sum() == 12
    assert data_of(text)["rows"] == data["rows"]
    assert {column[1] for column in data["table"]} >= {"set", "image", "kind", "scale", "method", "psnr_ike", "seconds"}


def test_values_that_json_lacks():
    data = page_data(frame(run(psnr=float("inf")), failed(), run(psnr=1 / 3)), "ike")
    psnr = [row[data["columns"].index("psnr_ike")] for row in data["rows"]]
    assert psnr == ["inf", None, 0.333333]


def test_texts_cannot_leave_the_data(tmp_path):
    nasty = "</script><script>alert(1)</script>"
    text = page(tmp_path, frame(run(note=nasty), run("edsr", image=nasty)), None).read_text(encoding="utf-8")
    assert Parsed(text).tags.count(("script", {})) == 1
    data = data_of(text)
    assert data["rows"][0][data["columns"].index("note")] == nasty


def test_ten_images_of_2k_seven_methods_and_three_kinds_stay_below_ten_megabytes(tmp_path):
    """Noise, which WebP compresses worst, so that all the room is filled; one image, ten times."""
    noise = np.random.default_rng(0).integers(0, 256, (1356, 2040, 3), dtype=np.uint8)
    results = {"bicubic": np.full_like(noise, 128), "ike": noise[::-1].copy()}

    def noisy(score, which):
        return {"hr": noise, "lr": noise[:678, :1020]}.get(which, results.get(score["method"], noise))

    images = [f"{number:04d}" for number in range(801, 811)]
    cells = itertools.product(images, ("bilateral", "median", "random"), ["bicubic", "ike", *"abcde"])
    scores = frame(*(run(method, 20.0, image, kind=kind, set="div2k") for image, kind, method in cells))
    one = scores[(scores["image"] == "0801") & (scores["kind"] == "median")]
    rest = len(page(tmp_path, scores, None).read_bytes())
    room = gallery._room(choose(scores, "ike"), reports.html.MOST / gallery.BASE64)
    assert room.side >= 256
    strip = gallery._strip(choose(one, "ike")[0], noisy, room)
    pictures_of_one = sum(len(picture.crop) + len(picture.below) for picture in strip.pictures)
    assert room.crop < pictures_of_one and 30 * pictures_of_one + rest < 10_000_000


def test_images_of_a_workspace_are_those_that_were_scored(ikebench, photos):
    ikebench("make-data", "--hr", photos, "--kind", "median")
    ikebench("run", "--methods", "bicubic")
    report = ("report", "--format", "html")
    assert ikebench(*report).code == 0
    path = next(photos.parent.rglob("report.html"))
    assert len(Parsed(path.read_text(encoding="utf-8")).all("details")) == 2
    changed, damaged = sorted(photos.parent.rglob("sr/bicubic/*/median/X2/*.png"))
    changed.write_bytes(png_bytes(photo("a")))
    assert ikebench(*report).code == 0
    assert len(Parsed(path.read_text(encoding="utf-8")).all("details")) == 1
    damaged.write_bytes(damaged.read_bytes()[:100])
    assert ikebench(*report).code == 0
    assert not Parsed(path.read_text(encoding="utf-8")).all("details")
