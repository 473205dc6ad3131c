"""`ikebench sr`: photographs without HR."""

import signal
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image
from processes import start, wait_for

from degradations.resample import imresize, quantise
from ikebench.images import read_image, read_photo
from ikebench.store.workspace import Workspace


@pytest.fixture
def camera(tmp_path):
    """A photo as a phone leaves it, upright by its EXIF, and one with transparency; 80x64 px."""
    photo = Image.fromarray(np.ascontiguousarray(skimage.data.chelsea()[60:124, 90:170]))
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Phone"
    (tmp_path / "my photos").mkdir()
    photo.save(tmp_path / "my photos/Kätzchen 1.jpg", exif=exif, quality=95)
    photo.putalpha(Image.linear_gradient("L").resize(photo.size))
    photo.save(tmp_path / "my photos/logo.webp", lossless=True)
    return tmp_path / "my photos"


def test_one_photo(ikebench, camera):
    photo = camera / "Kätzchen 1.jpg"
    outcome = ikebench("sr", photo, "--method", "bicubic", "--compare")
    assert outcome.code == 0, outcome.err
    assert "bicubic x2: 1 job, about" in outcome.err.splitlines()[0]
    assert "LR consistency (made smaller again, against the photo): " in outcome.err and "dB bicubically" in outcome.err
    result = read_photo(camera / "Kätzchen 1_bicubic_x2.png")
    assert np.array_equal(result.pixels, quantise(imresize(read_image(photo), 2))) and b"Phone" in result.exif
    assert read_image(camera / "Kätzchen 1_bicubic_x2_compare.png").shape == (160 + 20, 2 * 128 + 4, 3)
    assert not (camera / ".ikebench-sr").exists()
    again = ikebench("sr", photo, "--method", "bicubic")
    assert again.code == 0 and "is there already: --replace makes it anew" in again.err and "jobs" not in again.err
    assert "1 job" in ikebench("sr", photo, "--method", "bicubic", "--replace").err


def test_folders_and_what_cannot_be_read(ikebench, camera):
    (camera / "broken.png").write_text("no image")
    (camera / "note.txt").write_text("nor this")
    outcome = ikebench("sr", camera, "--method", "bicubic", "--scale", 3)
    assert outcome.code == 1 and "refused" in outcome.err and "note.txt" in outcome.err
    assert outcome.err.count("broken.png") == 1
    folder = camera.with_name("my photos_bicubic_x3")
    assert {path.name for path in folder.iterdir()} == {"Kätzchen 1_bicubic_x3.png", "logo_bicubic_x3.png"}
    assert read_photo(folder / "logo_bicubic_x3.png").alpha.shape == (192, 240)


def test_results_beside_their_photos_are_not_enlarged_again(ikebench, camera):
    command = ("sr", camera, "--method", "bicubic", "--compare", "-o", camera)
    assert ikebench(*command).code == 0
    before = set(camera.iterdir())
    again = ikebench(*command)
    assert again.code == 0 and set(camera.iterdir()) == before
    assert f"{camera / 'logo_bicubic_x2.png'} is made of {camera / 'logo.webp'}: left out" in again.err


def test_two_at_once_in_one_folder(ikebench, camera):
    with Workspace(Path("out/.ikebench-sr")).locked():
        outcome = ikebench("sr", camera / "logo.webp", "--method", "bicubic", "-o", "out")
    assert outcome.code == 2 and "wait, or use another -o folder" in outcome.err


def test_a_failure_leaves_nothing_behind(ikebench, camera, rivals, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(rivals))
    photo = Image.open(camera / "logo.webp").resize((36, 40))
    photo.save(camera / "narrow.png")
    outcome = ikebench("sr", camera / "narrow.png", "--method", "rival", "--set", "rival.trouble=raise", "-o", "out")
    assert outcome.code == 1 and "no luck" in outcome.err and not list(Path("out").iterdir())


def test_ctrl_c_keeps_what_can_go_on(ikebench, camera, monkeypatch):
    def interrupted(run, todo, placement):
        (run.workspace.root / "zssr.checkpoint").write_text("half of it")
        raise KeyboardInterrupt

    command = ("sr", camera / "logo.webp", "--method", "bicubic", "-o", "out.png")
    with monkeypatch.context() as patch:
        patch.setattr("ikebench.commands.sr.execute", interrupted)
        assert ikebench(*command).code == 130
    assert Path(".ikebench-sr/zssr.checkpoint").exists() and not Path("out.png").exists()
    assert ikebench(*command).code == 0 and Path("out.png").exists()


@pytest.mark.slow
def test_ctrl_c_and_again_goes_on(ikebench, camera):
    command = ("sr", str(camera / "logo.webp"), "--method", "zssr", "--iterations", "80", "-o", "out.png")
    command += ("--checkpoint-every", "5", "--set", "zssr.width=4", "--workers", "1")
    process = start(Path.cwd(), *command)
    wait_for(lambda: list(Path(".ikebench-sr").rglob("*.checkpoint")))
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    if process.returncode == 0:
        pytest.skip("it had ended before")
    assert process.returncode == 130 and "the same command goes on" in err
    assert not Path("out.png").exists()
    assert ikebench(*command).code == 0
    assert read_photo("out.png").pixels.shape == (128, 160, 3) and not Path(".ikebench-sr").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing.jpg"], "nothing.jpg: no such file"),
        (["logo.webp", "-o", "logo.webp"], "that is the photo itself"),
        (["logo.webp", "-o", "out.gif"], "cannot write '.gif'"),
        (["logo.webp", "-o", "out.jpg"], "JPEG cannot hold the photo's transparency"),
        (["logo.webp", "Kätzchen 1.jpg", "-o", "out.png"], "give a folder"),
        (["logo.webp", "--scale", "3", "--method", "ike"], "ike does x2, x4, not x3"),
        (["logo.webp", "--method", "zssr-gt"], "needs the true kernel"),
        (["logo.webp", "--method", "edsr"], "it needs trained weights"),
        (["logo.webp", "--method", "ike,zssr"], "give one method"),
        (["logo.webp", "logo.webp"], "would both become"),
    ],
)
def test_wrong_input_is_one_line(ikebench, camera, monkeypatch, arguments, words):
    monkeypatch.chdir(camera)
    outcome = ikebench("sr", "--method", "bicubic", *arguments)
    assert outcome.code == 2 and words in outcome.err and outcome.err.count("\n") == 1
    assert not (camera / ".ikebench-sr").exists()
