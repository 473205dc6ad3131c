"""LR/HR pairs made elsewhere: matched by name, checked by content, with their true kernels."""

from pathlib import Path

import numpy as np
import pytest
import skimage.data
from scipy.io import savemat
from tables import read_table

import ikebench as library
from degradations.content import is_bicubic, likeness, thumbnail
from degradations.resample import correlate, imresize, quantise
from degradations.track2 import Track2
from ikebench.data import given_kernels
from ikebench.errors import UserError
from ikebench.images import read_image, write_png
from ikebench.pairing import pair, role, without_role

PHOTOS = {
    1: skimage.data.astronaut()[60:140, 180:276],
    2: skimage.data.coffee()[150:230, 200:296],
    3: skimage.data.chelsea()[60:140, 90:186],
}
KERNEL = np.outer([0.1, 0.2, 0.4, 0.2, 0.1], [0, 0, 0.5, 0.3, 0.2])


def downscaled(hr, kernel=KERNEL, scale=2):
    return quantise(correlate(hr, kernel, step=scale))


@pytest.fixture
def div2krk(tmp_path):
    """Three pairs, named as DIV2KRK names them."""
    for number, hr in PHOTOS.items():
        write_png(tmp_path / f"KRK/gt/img_{number}_gt.png", np.ascontiguousarray(hr))
        write_png(tmp_path / f"KRK/lr_x2/im_{number}.png", downscaled(hr))
        (tmp_path / "KRK/gt_k_x2").mkdir(exist_ok=True)
        savemat(tmp_path / f"KRK/gt_k_x2/kernel_{number}.mat", {"Kernel": KERNEL})
    return tmp_path / "KRK"


def make(ikebench, folder, *more):
    return ikebench("make-data", "--kind", "paired", "--hr", folder / "gt", "--lr", folder, "--name", "KRK", *more)


def test_div2krk_with_its_kernels(ikebench, div2krk):
    outcome = make(ikebench, div2krk, "--kernels", div2krk)
    assert outcome.code == 0, outcome.err
    assert "LR x2 matched by equal numbers: 3 pairs, img_1 with im_1.png" in outcome.err
    rows = read_table(Path("bench/data.parquet"))
    assert set(rows["set"]) == {"KRK"} and set(rows["kind"]) == {"paired"} and set(rows["preset"]) == {"paired"}
    assert rows["image"].tolist() == ["img_1", "img_2", "img_3"]
    assert np.array_equal(read_image("bench/" + rows["lr_path"][1]), downscaled(PHOTOS[2]))
    assert np.allclose(np.load("bench/" + rows["kernel_path"][0]), KERNEL)
    assert "3 jobs to run" in ikebench("run", "--methods", "zssr-gt", "--dry-run").out
    assert ikebench("run", "--methods", "bicubic").code == 0
    assert "Pairs as given" in Path("bench/report/report.md").read_text()


def test_what_is_wrong_is_named_and_the_rest_goes_on(ikebench, div2krk):
    first, second = (div2krk / f"lr_x2/im_{number}.png" for number in (1, 2))
    first.rename(div2krk / "x.png")
    second.rename(first)
    (div2krk / "x.png").rename(second)
    write_png(div2krk / "lr_x2/im_7.png", downscaled(PHOTOS[1]))
    savemat(div2krk / "gt_k_x2/kernel_3.mat", {"Kernel": np.eye(21)})
    outcome = make(ikebench, div2krk, "--kernels", div2krk)
    assert outcome.code == 1
    for words in (
        "refused img_1 paired x2: im_1.png shows another photo than the HR image; im_2.png shows it: swapped?",
        "im_7.png: no HR image is named for it",
        "kernel_3.mat: it does not make this LR image",
    ):
        assert words in outcome.err
    rows = read_table(Path("bench/data.parquet"))
    assert rows["image"].tolist() == ["img_3"] and rows["kernel_path"].isna().all()


@pytest.mark.parametrize(
    ("lr", "words"),
    [
        (lambda hr: hr, "equal sizes"),
        (lambda hr: hr.repeat(2, axis=0).repeat(2, axis=1), "are --lr and --hr swapped?"),
        (lambda hr: hr[::4, ::4], "it is for --scale 4"),
        (lambda hr: hr[:40, :50], "at x2 it should be 48x40"),
        (lambda hr: downscaled(PHOTOS[3]), "another split or set?"),
    ],
)
def test_an_lr_image_that_cannot_be(ikebench, tmp_path, lr, words):
    write_png(tmp_path / "P/gt/a.png", np.ascontiguousarray(PHOTOS[1]))
    write_png(tmp_path / "P/X2/a.png", np.ascontiguousarray(lr(PHOTOS[1])))
    outcome = make(ikebench, tmp_path / "P")
    assert outcome.code == 2 and words in outcome.err


def test_realsr_has_both_in_one_folder_and_bicubic_is_said_to_be_bicubic(ikebench, tmp_path):
    for number, hr in PHOTOS.items():
        write_png(tmp_path / f"R/Canon_{number}_HR.png", np.ascontiguousarray(hr))
        write_png(tmp_path / f"R/Canon_{number}_LR2.png", library.degrade(np.ascontiguousarray(hr), "bicubic"))
    outcome = ikebench("make-data", "--kind", "paired", "--hr", tmp_path / "R", "--lr", tmp_path / "R")
    assert outcome.code == 0, outcome.err
    rows = read_table(Path("bench/data.parquet"))
    assert rows["image"].tolist() == ["Canon_1", "Canon_2", "Canon_3"]
    assert set(rows["preset"]) == {"paired-bicubic"}


def named_pairs(folder, names):
    """Write an HR and an LR folder, with (HR name, LR name) for each photograph."""
    for (hr_name, lr_name), hr in zip(names, PHOTOS.values(), strict=False):
        write_png(folder / f"hr/{hr_name}.png", np.ascontiguousarray(hr))
        write_png(folder / f"lr/{lr_name}.png", downscaled(hr))


def pairs(ikebench, hr="hr", lr="lr"):
    return ikebench("make-data", "--kind", "paired", "--hr", hr, "--lr", lr)


def test_folders_that_are_swapped_by_their_names(ikebench, tmp_path):
    named_pairs(tmp_path, [("a_HR", "a_LR"), ("b_HR", "b_LR")])
    outcome = pairs(ikebench, "lr", "hr")
    assert outcome.code == 2
    assert outcome.err.splitlines()[-1].endswith("all files of --hr say LR: are --lr and --hr swapped?")


def test_a_name_is_cut_only_where_its_pair_has_another(ikebench, tmp_path):
    named_pairs(tmp_path, [("Mustang GT", "Mustang GTx2"), ("b_HR", "b_LR"), ("Golf GT", "Golf GT")])
    write_png(tmp_path / "hr/c_LR.png", np.ascontiguousarray(PHOTOS[1]))
    outcome = pairs(ikebench)
    assert outcome.code == 0 and "--hr: left out, LR by their names: c_LR.png" in outcome.err, outcome.err
    rows = read_table(Path("bench/data.parquet"))
    assert sorted(rows["image"]) == ["Golf GT", "Mustang GT", "b"]


def test_the_same_pairs_again_are_there_already(ikebench, tmp_path):
    named_pairs(tmp_path, [("a", "a"), ("b", "b")])
    assert "2 LR images made, 0 already there" in pairs(ikebench).err
    assert "0 LR images made, 2 already there" in pairs(ikebench).err
    write_png(tmp_path / "lr/a.png", downscaled(PHOTOS[1], KERNEL.T.copy()))
    Path("bench/data/hr/LR_paired/X2/bx2.png").unlink()
    assert "2 LR images made, 0 already there" in pairs(ikebench).err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--kind", "paired", "--hr", "."), "of two folders"),
        (("--kind", "median", "--lr", "."), "--lr and --kernels are of --kind paired"),
        (("--kind", "paired", "--hr", "KRK/gt", "--lr", "KRK/gt/img_1_gt.png"), "a file, not a folder"),
        (("--kind", "paired", "--hr", "KRK/gt", "--lr", "KRK/lr_x2", "--scale", "2,4"), "no X2 in it"),
    ],
)
def test_wrong_folders_are_one_line(ikebench, div2krk, arguments, words):
    outcome = ikebench("make-data", *arguments)
    assert outcome.code == 2 and words in outcome.err and outcome.err.count("\n") == 1


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("phase", [(0, 0), (1, 0), (1, 1)])
@pytest.mark.parametrize("scale", [2, 3])
def test_kernels_are_brought_to_our_convention(turned, phase, scale):
    hr = skimage.data.astronaut()[:120, 120:300]
    lr = quantise(correlate(hr, KERNEL)[phase[0] :: scale, phase[1] :: scale])
    given = KERNEL[::-1, ::-1] if turned else KERNEL
    fitting = given_kernels.kernel_that_fits(np.ascontiguousarray(given), lr, hr, scale)
    assert np.abs(downscaled(hr, fitting, scale).astype(int) - lr)[4:-4, 4:-4].max() <= 1


@pytest.mark.parametrize(
    ("content", "words"),
    [({"K": KERNEL}, "no variable Kernel, but K"), ({"Kernel": KERNEL[:4]}, "4x5"), ({"Kernel": -KERNEL}, "positive")],
)
def test_what_is_no_kernel(tmp_path, content, words):
    savemat(tmp_path / "k.mat", content)
    with pytest.raises(ValueError, match=words):
        given_kernels.read_kernel_file(tmp_path / "k.mat")


def test_an_even_kernel_gets_an_odd_side(tmp_path):
    np.save(tmp_path / "k.npy", np.ones((4, 4)))
    kernel = given_kernels.read_kernel_file(tmp_path / "k.npy")
    assert kernel.shape == (5, 5) and kernel.sum() == pytest.approx(1) and not kernel[4].any()


def test_names():
    assert [role(name) for name in ("img_1_gt", "a_HR", "a_LR4", "a-lr", "cat", "hr")] == [
        "hr",
        "hr",
        "lr",
        "lr",
        "",
        "",
    ]
    assert without_role("img_1_gt") == "img_1" and without_role("gt") == "gt"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["img_1.png", "img_10.png"], {"img_1": "img_1.png", "img_10": "img_10.png"}),
        (["img_1x2_out.png", "img_10x2_out.png"], {"img_1": "img_1x2_out.png", "img_10": "img_10x2_out.png"}),
        (["ZSSR_img_1.png", "img_10-SR.png"], {"img_1": "ZSSR_img_1.png", "img_10": "img_10-SR.png"}),
        (["im_1.png", "kernel_10_x2.png"], {"img_1": "im_1.png", "img_10": "kernel_10_x2.png"}),
        (["dog.png", "img_12.png"], {}),
    ],
)
def test_files_and_images_are_matched_by_name(tmp_path, files, expected):
    found = pair(["img_1", "img_10"], [tmp_path / name for name in files], by_number=True)
    assert {image: path.name for image, path in found.files.items()} == expected
    assert {path.name for path in found.stray} == set(files) - set(expected.values())
    assert pair(["img_1"], [tmp_path / "im_1.png"]).without == ["img_1"]


def test_a_file_named_for_two_images_is_neither_s(tmp_path):
    files = [tmp_path / f"{name}.png" for name in ("2_out", "3_2", "img_2_3_out", "img_2x2")]
    found = pair(["2", "3", "img_2", "2_3"], files)
    assert {image: path.stem for image, path in found.files.items()} == {"2": "2_out", "img_2": "img_2x2"}
    assert found.stray == {files[1]: ["2", "3"], files[2]: ["2", "3", "img_2", "2_3"]}
    assert found.why(files[1], "") == "named for 2 and 3: rename it for one of them"


def test_two_files_for_one_image(tmp_path):
    with pytest.raises(UserError, match="are both for cat"):
        pair(["cat"], [tmp_path / "cat_a.png", tmp_path / "cat_b.png"])


def smooth(height=96, width=96):
    """A sky: a gradient of a few grey levels."""
    y, x = np.mgrid[:height, :width]
    plane = 120 + 8 * np.sin(y / 40) + 5 * np.cos(x / 30)
    return np.repeat(quantise(plane)[..., None], 3, axis=2)


@pytest.mark.parametrize("hr", [smooth(), np.full((96, 96, 3), 77, np.uint8)], ids=["sky", "flat"])
@pytest.mark.parametrize("scale", [2, 4])
def test_a_smooth_track2_file_is_not_called_bicubic(tmp_path, hr, scale):
    shifted = np.zeros((2 * scale + 1,) * 2)
    shifted[-1, -1] = 1  # Track 2's kernels lie a pixel and more off
    lr = downscaled(hr, shifted, scale)
    write_png(tmp_path / f"lr/X{scale}/0814x{scale}.png", lr)
    assert np.abs(quantise(imresize(hr, 1 / scale)).astype(int) - lr).max() <= 2  # as near to bicubic as rounding
    assert Track2(tmp_path / "lr").find("0814", scale, hr).is_file()


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_bicubic_is_known_even_where_rounding_differs(scale):
    hr = np.ascontiguousarray(skimage.data.astronaut()[:96, 120:216])
    matlab = quantise(imresize(hr, 1 / scale) + 1e-3)
    assert is_bicubic(matlab, hr, scale) and not is_bicubic(downscaled(hr, scale=scale), hr, scale)


def test_another_photo_is_no_track2_file(tmp_path):
    write_png(tmp_path / "lr/X2/0801x2.png", downscaled(PHOTOS[3]))
    with pytest.raises(ValueError, match="another photo"):
        Track2(tmp_path / "lr").find("0801", 2, PHOTOS[2])


@pytest.mark.parametrize("kind", ["median", "bilateral", "random", "anisotropic"])
def test_degraded_photos_still_show_what_they_show(kind):
    for hr in PHOTOS.values():
        lr = library.degrade(np.ascontiguousarray(hr), kind, scale=4)
        assert likeness(thumbnail(hr, min(lr.shape[:2])), thumbnail(lr, min(lr.shape[:2]))) > 0.9
