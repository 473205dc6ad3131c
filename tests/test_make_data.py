"""make-data through the command line: files, table, seeds, refusals."""

import json

import numpy as np
import pytest
import skimage.data
from PIL import Image
from tables import read_table

from degradations.median import Median
from ikebench.files import sha256_file
from ikebench.images import read_image
from ikebench.seeds import derive_seed


def table(path="bench/data.parquet"):
    from pathlib import Path

    return read_table(Path(path))


def test_files_and_table(ikebench, photos):
    outcome = ikebench("make-data", "--hr", photos, "--kind", "all,gaussian", "--scale", "2,4")
    assert outcome.code == 0, outcome.err
    assert "photos: 2 images, 20 LR images made" in outcome.err
    data = table()
    assert len(data) == 2 * 5 * 2
    assert set(data["kind"]) == {"bilateral", "median", "anisotropic", "random", "gaussian"}
    for row in data.to_dict("records"):
        assert sha256_file("bench/" + row["hr_path"]) == row["hr_sha256"]
        assert sha256_file("bench/" + row["lr_path"]) == row["lr_sha256"]
        assert row["lr_path"] == f"data/photos/LR_{row['kind']}/X{row['scale']}/{row['image']}x{row['scale']}.png"
        lr = read_image("bench/" + row["lr_path"])
        assert lr.shape[:2] == (row["height"], row["width"])
        assert row["seed"] == derive_seed(0, row["image"], row["kind"], row["scale"])
        linear = row["kind"] in ("random", "gaussian")
        assert (row["kernel_path"] is not None and row["kernel_path"] == row["kernel_path"]) == linear
        if linear:
            kernel = np.load("bench/" + row["kernel_path"])
            assert kernel.dtype == np.float64 and kernel.sum() == pytest.approx(1)
    hr = read_image(photos / "cat.png")
    assert np.array_equal(read_image("bench/data/photos/HR/cat.png"), hr)
    expected = Median()(hr, 2, np.random.default_rng()).lr
    assert np.array_equal(read_image("bench/data/photos/LR_median/X2/catx2.png"), expected)


def test_parameters_are_settable_and_recorded(ikebench, photos):
    options = ("--hr", photos, "--kind", "median,random", "--set", "median.size=3", "--set", "random.phase=centre")
    assert ikebench("make-data", *options).code == 0
    data = table().set_index(["kind", "image"])
    assert json.loads(data.loc[("median", "cat"), "parameters"])["size"] == 3
    assert json.loads(data.loc[("random", "cat"), "parameters"])["phase"] == "centre"
    assert data.loc[("median", "cat"), "preset"] == "nl-v1, changed"
    expected = Median(size=3)(read_image(photos / "cat.png"), 2, np.random.default_rng()).lr
    assert np.array_equal(read_image("bench/data/photos/LR_median/X2/catx2.png"), expected)


def test_idempotent_and_repairing(ikebench, photos):
    options = ("make-data", "--hr", photos, "--kind", "random")
    ikebench(*options)
    before = table()
    assert "0 LR images made, 2 already there" in ikebench(*options).err
    damaged = before["lr_path"][0]
    with open("bench/" + damaged, "ab") as file:
        file.write(b"x")
    assert "1 LR image made, 1 already there" in ikebench(*options).err
    assert table().equals(before)


def test_workers_and_order_do_not_change_a_byte(ikebench, photos):
    ikebench("make-data", "--hr", photos, "--kind", "all", "--workspace", "one", "--workers", 1)
    ikebench("make-data", "--hr", photos, "--kind", "random", "--workspace", "two", "--workers", 2)
    ikebench("make-data", "--hr", photos, "--kind", "all", "--workspace", "two", "--workers", 2)
    assert table("one/data.parquet").equals(table("two/data.parquet"))


def test_seed_changes_random_kernels_only(ikebench, photos):
    ikebench("make-data", "--hr", photos, "--kind", "median,random")
    before = table().set_index(["kind", "image"])["lr_sha256"]
    ikebench("make-data", "--hr", photos, "--kind", "median,random", "--seed", 1)
    after = table().set_index(["kind", "image"])["lr_sha256"]
    assert (before["median"] == after["median"]).all() and (before["random"] != after["random"]).all()


def test_refused_images_are_named_and_the_rest_goes_on(ikebench, photos):
    (photos / "torn.png").write_bytes((photos / "cat.png").read_bytes()[:900])
    (photos / "note.png").write_text("not an image")
    Image.new("RGB", (40, 33)).save(photos / "small.png")  # 33 -> 32 after cutting: just enough
    Image.new("RGB", (40, 31)).save(photos / "tiny.png")
    outcome = ikebench("make-data", "--hr", photos, "--kind", "median")
    assert outcome.code == 1
    for name, word in {"torn": "truncated", "note": "not an image", "tiny": "32 px"}.items():
        [line] = [line for line in outcome.err.splitlines() if line.startswith(f"refused {name}")]
        assert word in line
    assert set(table()["image"]) == {"cat", "cup", "small"}


def test_nothing_left_is_exit_code_2(ikebench, tmp_path):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.jpg").write_bytes(b"")
    outcome = ikebench("make-data", "--hr", tmp_path / "bad", "--kind", "median")
    assert outcome.code == 2 and "refused a" in outcome.err and not (tmp_path / "bench/data.parquet").exists()


def test_what_photographers_have(ikebench, tmp_path):
    folder = tmp_path / "mixed"
    folder.mkdir()
    rgb = skimage.data.astronaut()[:70, :50]
    photo = Image.fromarray(np.ascontiguousarray(rgb))
    photo.convert("L").save(folder / "gray.png")
    photo.convert("LA").save(folder / "gray_alpha.png")
    photo.convert("RGBA").save(folder / "rgba.png")
    photo.convert("P", palette=Image.Palette.ADAPTIVE).save(folder / "palette.png")
    photo.convert("CMYK").save(folder / "cmyk.jpg")
    Image.fromarray(rgb[..., 1].astype(np.uint16) * 257).save(folder / "sixteen.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90 degrees clockwise
    photo.save(folder / "turned.jpg", exif=exif)
    outcome = ikebench("make-data", "--hr", folder, "--kind", "median")
    assert outcome.code == 0, outcome.err
    shapes = {row["image"]: (row["height"], row["width"]) for row in table().to_dict("records")}
    assert shapes == dict.fromkeys(["gray", "gray_alpha", "rgba", "palette", "cmyk", "sixteen"], (35, 25)) | {
        "turned": (25, 35)
    }
    assert np.array_equal(read_image("bench/data/mixed/HR/sixteen.png")[..., 0], rgb[..., 1])


def test_sample_is_the_default_and_said_in_one_line(ikebench):
    outcome = ikebench("make-data", "--kind", "median", "--limit", 1)
    assert outcome.code == 0
    [line] = [line for line in outcome.err.splitlines() if "DIV2K" in line]
    assert "sample" in line
    assert table()["set"].tolist() == ["sample"] and table()["image"].tolist() == ["astronaut"]


def make_div2k(root):
    """Two 'validation images' in the official layout, with Track 2 LR that no bicubic would give."""
    for index, name in enumerate(["0801", "0802"]):
        hr = skimage.data.astronaut()[100 * index : 100 * index + 96, 100:228]
        (root / "DIV2K_valid_HR").mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.ascontiguousarray(hr)).save(root / f"DIV2K_valid_HR/{name}.png")
        for scale in (2, 4):
            folder = root / f"DIV2K_valid_LR_unknown/X{scale}"
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.ascontiguousarray(hr[::scale, ::scale])).save(folder / f"{name}x{scale}.png")


@pytest.mark.parametrize("how", ["option", "variable", "default"])
def test_div2k_in_its_official_layout(ikebench, tmp_path, monkeypatch, how):
    root = tmp_path / ("DIV2K" if how == "default" else "archive")
    make_div2k(root)
    if how == "variable":
        monkeypatch.setenv("IKEBENCH_DIV2K", str(root))
    extra = ("--hr", root) if how == "option" else ()
    outcome = ikebench("make-data", "--kind", "track2,median", "--scale", "2,4", *extra)
    assert outcome.code == 0, outcome.err
    data = table()
    assert set(data["set"]) == {"div2k"} and len(data) == 8
    official = root / "DIV2K_valid_LR_unknown/X4/0802x4.png"
    copied = tmp_path / "bench/data/div2k/LR_track2/X4/0802x4.png"
    assert copied.read_bytes() == official.read_bytes()
    assert set(data[data["kind"] == "track2"]["preset"]) == {"track2-official"}


def test_track2_from_a_named_folder(ikebench, tmp_path, photos):
    make_div2k(tmp_path / "DIV2K")
    (tmp_path / "DIV2K/DIV2K_valid_LR_unknown").rename(tmp_path / "other_lr")
    outcome = ikebench("make-data", "--kind", "track2")
    assert outcome.code == 2 and "--track2-lr" in outcome.err
    outcome = ikebench("make-data", "--kind", "track2", "--track2-lr", tmp_path / "other_lr")
    assert outcome.code == 0, outcome.err
    assert set(table()["preset"]) == {"track2-given"}


def test_missing_track2_file_refuses_that_lr_image_only(ikebench, tmp_path):
    make_div2k(tmp_path / "DIV2K")
    (tmp_path / "DIV2K/DIV2K_valid_LR_unknown/X2/0802x2.png").unlink()
    outcome = ikebench("make-data", "--kind", "median,track2")
    assert outcome.code == 1 and "refused 0802 track2 x2" in outcome.err
    assert table()[["image", "kind"]].values.tolist() == [["0801", "median"], ["0801", "track2"], ["0802", "median"]]


def test_images_are_in_natural_order(ikebench, photos):
    (photos / "cat.png").rename(photos / "img_10.png")
    (photos / "cup.png").rename(photos / "img_2.png")
    ikebench("make-data", "--hr", photos, "--kind", "median")
    assert table()["image"].tolist() == ["img_2", "img_10"]


def test_another_hr_image_of_the_same_name_takes_its_lr_images_along(ikebench, photos):
    ikebench("make-data", "--hr", photos, "--kind", "median,random")
    Image.open(photos / "cup.png").save(photos / "cat.png")
    outcome = ikebench("make-data", "--hr", photos, "--kind", "median")
    assert "dropped 1 LR image" in outcome.err
    assert table()[["image", "kind"]].values.tolist() == [["cat", "median"], ["cup", "median"], ["cup", "random"]]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--kind", "medain"], "did you mean 'median'"),
        (["--kind", "median", "--set", "median.sise=3"], "did you mean 'size'"),
        (["--kind", "median", "--set", "median.size=big"], "expected int"),
        (["--kind", "median", "--set", "median.size=4"], "median"),
        (["--kind", "median", "--set", "median.phase=middle"], "phase"),
        (["--kind", "median", "--set", "random.size=3"], "random"),
        (["--kind", "median", "--set", "size=3"], "name.parameter=value"),
        (["--kind", "median", "--scale", "5"], "2, 3 or 4"),
        (["--hr", "nowhere"], "no such folder"),
        (["--hr", "div2k"], "DIV2K_valid_HR"),
        (["--kind", "median", "--name", "a/b"], "--name"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(ikebench, tmp_path, arguments, words):
    outcome = ikebench("make-data", *arguments)
    assert outcome.code == 2
    [line] = outcome.err.strip().splitlines()[-1:]
    assert words in line and "Traceback" not in outcome.err
    assert not (tmp_path / "bench/data.parquet").exists()


def test_two_files_of_one_name(ikebench, photos):
    Image.open(photos / "cat.png").save(photos / "cat.jpg")
    outcome = ikebench("make-data", "--hr", photos)
    assert outcome.code == 2 and "cat.jpg" in outcome.err and "cat.png" in outcome.err
