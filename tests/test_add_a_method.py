"""docs/add-a-method.md, as written."""

import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

from ikebench.images import read_image, write_png

TEXT = (Path(__file__).parent.parent / "docs/add-a-method.md").read_text()
SECTIONS = {part.partition("\n")[0]: part for part in TEXT.split("\n## ")[1:]}
PROGRAM = """
import argparse
from pathlib import Path
from PIL import Image
parser = argparse.ArgumentParser()
for name in ("-i", "-o", "-s", "--sharpness"):
    parser.add_argument(name, type=float if name == "--sharpness" else str)
given = parser.parse_args()
for path in Path(given.i).iterdir():
    image = Image.open(path).convert("RGBA")
    image.resize([int(given.s) * side for side in image.size]).save(Path(given.o, path.stem + "_out.png"))
print("sharpness", given.sharpness)
"""


def blocks(section, language):
    return re.findall(rf"```{language}\n(.*?)```", SECTIONS[section], re.DOTALL)


@pytest.fixture
def typed(ikebench):
    """Run the commands of a section."""

    def run(section):
        [commands] = blocks(section, "sh")
        outcomes = [ikebench(*shlex.split(line, comments=True)[1:]) for line in commands.strip().splitlines()]
        for outcome in outcomes:
            assert outcome.code == 0, outcome.err
        return outcomes

    return run


def report():
    return Path("bench/report/report.md").read_text()


def test_a_folder_of_images(typed, photos):
    for image, name in {"cat": "cat_SwinIR", "cup": "cupx2_out"}.items():
        write_png(f"results/swinir_x2/{name}.png", read_image(photos / f"{image}.png"))
    outcomes = typed("A folder of SR images")
    assert "swinir: 2 SR images of photos median x2" in outcomes[-1].err and "| swinir" in report()


def test_a_command(typed, ikebench, photos):
    ikebench("make-data", "--hr", photos, "--kind", "median")
    [text] = blocks("A command", "toml")
    Path("theirs.toml").write_text(text.replace('"python ', f'"{sys.executable} '))
    Path("their-code").mkdir()
    Path("their-code/main.py").write_text(PROGRAM)
    typed("A command")
    assert Path("bench/sr/theirs/photos/median/X2/cat.log").read_text() == "sharpness 1.0\n"
    assert "| theirs" in report()


def test_a_class(typed, ikebench, photos, install_method):
    ikebench("make-data", "--hr", photos, "--kind", "median")
    [source], [entry] = blocks("A class", "python"), blocks("A class", "toml")
    assert 'entry-points."ikebench.methods"' in entry and 'nearest = "nearest_package:Nearest"' in entry
    install_method("nearest", source, "Nearest")
    typed("A class")
    lr, sr = (
        read_image("bench/data/photos/LR_median/X2/catx2.png"),
        read_image("bench/sr/nearest/photos/median/X2/cat.png"),
    )
    expected = np.floor(0.9 * lr.astype(float) + 0.5)
    assert np.array_equal(sr, expected.astype(np.uint8).repeat(2, axis=0).repeat(2, axis=1))
    assert "nearest: run with strength=0.9" in report()
