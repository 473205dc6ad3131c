"""`ikebench figure`: which pixels are shown and measured, and what is left out."""

import json
import shutil

import numpy as np
import pytest
import skimage.data
from PIL import Image

from ikebench.images import read_image, write_png
from ikebench.scoring.crops import measure_crop
from ikebench.scoring.metrics import psnr, ssim
from reports.crops import CropRow, Shown, crop_figure
from reports.drawing import WIDTHS, save_figure
from reports.windows import Window, most_different

HR = np.ascontiguousarray(skimage.data.chelsea()[20:120, 60:200])  # 100x140


WINDOW = Window(10, 30, 32, 32)


def row(window=WINDOW, names=("Bicubic", "IKE"), **changes):
    shown = [Shown(name, np.roll(HR, index, axis=1), 20.0 + index, 0.5) for index, name in enumerate(names)]
    return CropRow("cat, Median ×2", HR[::2, ::2], HR, window, changes.get("results", shown))


def pixels(figure, tmp_path):
    [png, _] = save_figure(figure, tmp_path / "out")
    return np.asarray(Image.open(png).convert("RGB"))


def holds(drawing, crop):
    """Whether a crop stands in a drawing, each pixel a square of equally many."""
    corners = np.argwhere((drawing == crop[0, 0]).all(axis=2))
    for times in range(1, 30):
        enlarged = crop.repeat(times, axis=0).repeat(times, axis=1)
        for y, x in corners:
            part = drawing[y : y + len(enlarged), x : x + len(enlarged)]
            if part.shape == enlarged.shape and (part == enlarged).all():
                return times
    return 0


@pytest.mark.parametrize("width", WIDTHS.values())
def test_crops_are_enlarged_by_whole_pixels(tmp_path, width):
    shown = row()
    drawing = pixels(crop_figure([shown], width), tmp_path)
    for image in [HR, *(result.sr for result in shown.results)]:
        assert holds(drawing, image[10:42, 30:62]) > 1
    assert not holds(drawing, HR[11:43, 30:62])


def test_the_figure_has_the_width_and_fonts_of_a_paper(tmp_path):
    figure = crop_figure([row(), row(Window(0, 0, 24, 24))], WIDTHS["text"])
    assert figure.get_figwidth() == pytest.approx(WIDTHS["text"], abs=0.01) and figure.get_figheight() < 5
    [_, pdf] = save_figure(figure, tmp_path / "out")
    assert b"/FontFile2" in pdf.read_bytes() and b"/Type3" not in pdf.read_bytes()
    first = pdf.read_bytes()
    save_figure(crop_figure([row(), row(Window(0, 0, 24, 24))], WIDTHS["text"]), tmp_path / "out")
    assert pdf.read_bytes() == first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.pdf", "out.png"]


def test_the_best_is_in_bold_but_no_upper_bound_and_what_lacks_is_said():
    results = [
        Shown("A", HR, 21.0, 0.5),
        Shown("B", HR, 22.0, 0.6),
        Shown("C", HR, 30.0, 0.9, ranked=False),
        Shown("D"),
    ]
    figure = crop_figure([row(results=results)])
    weights = {text.get_text(): text.get_fontweight() for text in figure.texts}
    assert [weights[name] for name in "ABCD"] == ["normal", "bold", "normal", "normal"]
    assert weights["22.00 / 0.6000"] == "bold" and weights["30.00 / 0.9000"] == "normal"
    assert "no result" in [text.get_text() for axes in figure.axes for text in axes.texts]


def test_nothing_is_wider_than_its_crop_and_nothing_outside():
    names = ["Bicubic", "ZSSR (true kernel)", "KernelGAN+ZSSR", "IKE (released code)", *"abcdef"]
    figure = crop_figure([row(names=names)])
    renderer = figure.canvas.get_renderer()
    for text in figure.texts:
        box = text.get_window_extent(renderer)
        assert box.x0 >= -1 and box.x1 <= figure.bbox.x1 + 1 and box.y0 >= -1, text.get_text()
    assert figure.get_figheight() < 4


def test_too_many_rows_for_a_page_are_refused():
    with pytest.raises(ValueError, match=r"show \d+ or fewer"):
        crop_figure([row()] * 30)


@pytest.mark.parametrize("protocol", ["ike", "dualsr"])
def test_a_crop_is_measured_alone(protocol):
    sr, window = np.roll(HR, 1, axis=0), Window(10, 30, 32, 32)
    found = measure_crop(sr, HR, window, protocol)
    a, b = (image[10:42, 30:62].astype(float) for image in (sr, HR))
    if protocol == "dualsr":
        a, b = (image @ np.array([65.481, 128.553, 24.966]) / 255 + 16 for image in (a, b))
    assert found == pytest.approx((psnr(a, b), ssim(a, b)))


def test_the_crop_in_which_images_differ_most_by_trying_all():
    rng = np.random.default_rng(0)
    images = [np.clip(HR + rng.normal(0, 8, HR.shape) * (1 + image), 0, 255).astype(np.uint8) for image in range(3)]
    images[1][40:60, 80:100] //= 3
    luma = np.stack([image @ np.array([65.481, 128.553, 24.966]) / 255 for image in images])
    places = [(y, x) for y in range(8, 100 - 24 - 7, 2) for x in range(8, 140 - 24 - 7, 2)]
    best = max(places, key=lambda at: luma[:, at[0] : at[0] + 24, at[1] : at[1] + 24].var(axis=0).mean())
    assert most_different(images, 24, border=8, step=2) == Window(*best, 24, 24)
    images[1][40:60, 80:100] = images[0][40:60, 80:100]
    images[1][:6], images[2][:6] = 0, 255  # at the rim, where it may not be chosen
    assert most_different(images, 24, border=8, step=2).y >= 8 > most_different(images, 24, step=2).y


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """The workspace of the first test that has made one; every test has a copy."""
    return tmp_path_factory.mktemp("figure") / "bench"


@pytest.fixture
def results(ikebench, medians, kept):
    if not kept.exists():
        medians(0)
        assert ikebench("run", "--methods", "bicubic,zssr", "--iterations", "0").code == 0
        shutil.copytree("bench", kept)
    shutil.copytree(kept, "bench", dirs_exist_ok=True)


def test_figure(ikebench, results):
    ended = ikebench("figure")
    assert ended.code == 0 and "differ most" in ended.err and "ZSSR 0 of 3000" in ended.err
    ended = ikebench("figure", "--crop", "cat:2,10,20", "-o", "paper/one.pdf", "--width", "text")
    assert ended.code == 0 and "cat, Median ×2: 2,10,20" in ended.err and "differ" not in ended.err
    drawing = np.asarray(Image.open("paper/one.png").convert("RGB"))
    for path in ("data/photos/HR/cat.png", "sr/zssr/photos/median/X2/cat.png"):
        assert holds(drawing, read_image(f"bench/{path}")[2:22, 10:30])


def test_untrained_methods_stand_beside_any_seed(ikebench, results):
    assert ikebench("run", "--methods", "zssr", "--iterations", "0", "--seed", "4").code == 0
    ended = ikebench("figure", "--seed", "4", "--methods", "bicubic,zssr")
    assert ended.code == 0 and "seed 4" in ended.err
    assert "no results of seed" not in ended.err and "unknown" in ikebench("figure", "--methods", "ike").err


def test_stale_and_changed_results_are_never_shown(ikebench, results):
    path = "bench/sr/zssr/photos/median/X2/cat.json"
    record = json.loads(open(path).read())
    open(path, "w").write(json.dumps(record | {"lr_sha256": "of another"}))
    ended = ikebench("figure", "--images", "cat")
    assert ended.code == 0 and "made anew since: left out" in ended.err
    write_png("bench/sr/bicubic/photos/median/X2/cat.png", HR)
    ended = ikebench("figure", "--images", "cat")
    assert ended.code == 2 and "changed since it was written: run again" in ended.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--crop", "cat:60,0,20"], "reaches out of the image: 64 px high, 72 px wide"),
        (["--crop", "cat:1,2"], "say IMAGE:y,x,size"),
        (["--crop", "cat:1,2,4"], "11 or more"),
        (["--crop", "catt:1,2,20"], "did you mean 'cat'?"),
        (["--images", "dog"], "unknown image among the results 'dog'"),
        (["--kind", "random"], "no results of kind random: there is median"),
        (["--seed", "3", "--methods", "zssr"], "unknown method"),
        (["--width", "wide"], "say column, text, or inches"),
    ],
)
def test_wrong_input_is_one_line(ikebench, results, arguments, words):
    ended = ikebench("figure", *arguments)
    assert ended.code == 2 and words in ended.err and len(ended.err.strip().splitlines()) == 1
