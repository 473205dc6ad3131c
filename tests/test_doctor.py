"""doctor: what is here and what is missing, quickly, in words and as data."""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from ikebench import machine
from ikebench.doctor import hardware
from ikebench.images import write_png


def told(ikebench, *words):
    outcome = ikebench("doctor", "--json", *words)
    assert outcome.code == 0, outcome.err
    return json.loads(outcome.out)


def test_an_empty_folder_at_once_and_nothing_is_written(tmp_path):
    began = time.process_time(), time.monotonic()
    code = (
        "import sys\nfrom ikebench.cli import main\n"
        "try:\n    main(['doctor'])\nexcept SystemExit as stop:\n    assert stop.code == 0\n"
        "import resource; used = resource.getrusage(resource.RUSAGE_SELF)\n"
        "assert not {'torch', 'pandas', 'skimage', 'ray', 'matplotlib'} & set(sys.modules)\n"
        "sys.exit(used.ru_utime + used.ru_stime > 3)"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 0, (ended.stderr, began)
    assert list(tmp_path.iterdir()) == []
    for line in ("torch ", "instructions ", "-> ikebench fetch div2k", "-> ikebench fetch esrgan --scale 4"):
        assert line in ended.stdout


def test_what_is_missing_and_what_mends_it(ikebench):
    found = told(ikebench)
    assert found["software"]["torch"]["value"] and found["software"]["torch"]["mend"] is None
    assert found["data"]["sample"]["value"] == 5
    assert found["data"]["LR images"]["mend"] == "ikebench make-data --hr sample"
    assert found["data"]["div2k"] == {
        "value": None,
        "words": "no DIV2K found",
        "mend": "ikebench fetch div2k",
    }
    assert found["weights"]["edsr"]["mend"] == "ikebench fetch edsr --scale 2,3,4"
    assert "bicubic" not in found["weights"]


def test_an_extra_that_is_not_installed(ikebench, monkeypatch):
    from importlib.metadata import PackageNotFoundError

    from ikebench.doctor import software

    def version(name):
        if name in ("ray", "torch"):
            raise PackageNotFoundError
        return "1"

    monkeypatch.setattr(software, "version", version)
    found = told(ikebench)["software"]
    assert found["ray"]["mend"] == "pip install 'ikebench[ray]'" and found["torch"]["mend"] == "pip install torch"


def test_weights_and_images_are_counted(ikebench, tmp_path):
    Path("bench/weights").mkdir(parents=True)
    Path("bench/weights/edsr_x2.pt").write_bytes(b"")
    image = np.zeros((64, 64, 3), np.uint8)
    for name in ("0801", "0802"):
        write_png(tmp_path / f"DIV2K/DIV2K_valid_HR/{name}.png", image)
    write_png(tmp_path / "DIV2K/DIV2K_valid_LR_unknown/X2/0801x2.png", image[::2, ::2])
    write_png(tmp_path / "DIV2K/DIV2K_valid_LR_unknown/X2/0900x2.png", image[::2, ::2])
    assert ikebench("make-data", "--hr", "DIV2K", "--kind", "median", "--scale", "2,4", "--workers", 1).code == 0
    assert ikebench("run", "--methods", "bicubic", "--lr", "DIV2K/DIV2K_valid_LR_unknown/X2", "--scale", "2").code == 0
    found = told(ikebench)
    assert found["weights"]["edsr"]["value"] == {"x2": "edsr_x2.pt"}
    assert found["weights"]["edsr"]["mend"] == "ikebench fetch edsr --scale 3,4"
    assert found["data"]["div2k"]["value"] == {"hr": 2, "track2_x2": 1}
    cells = {"median x2": 2, "median x4": 2}
    assert found["data"]["set div2k"]["value"] == {"lr": 4, "paired": 4, "gone": 0, "cells": cells}
    assert found["data"]["set X2"]["value"]["paired"] == 0
    assert found["data"]["results"]["value"]["methods"] == {"bicubic": 2}
    Path("bench/data/div2k/HR/0801.png").unlink()
    assert told(ikebench)["data"]["set div2k"]["value"]["gone"] == 2


def test_damaged_tables_and_packages_are_findings(ikebench, install_method):
    install_method("rival", "import nothing_of_that_name", "Rival")
    Path("bench").mkdir()
    for name in ("data.parquet", "runs.parquet"):
        Path("bench", name).write_bytes(b"no table")
    found = told(ikebench)
    assert "cannot be imported" in found["weights"]["rival"]["words"]
    assert found["data"]["data.parquet"]["mend"] == "ikebench make-data"
    assert found["data"]["runs.parquet"]["mend"] == "ikebench score"


@pytest.mark.parametrize(
    ("flags", "precisions", "words"),
    [
        ("fpu avx2", ["fp32"], "no instructions for bf16"),
        ("fpu avx2 avx512f avx512_bf16", ["fp32", "bf16"], "1.6 to 2 times"),
        ("fpu avx512f avx512_bf16 amx_bf16 amx_tile", ["fp32", "bf16"], "AMX"),
    ],
)
def test_the_precision_that_the_processor_is_made_for(tmp_path, monkeypatch, flags, precisions, words):
    (tmp_path / "cpuinfo").write_text(f"model name : X\nflags\t\t: {flags}\n\nflags : none\n")
    monkeypatch.setattr(machine, "CPU_INFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(machine, "DRIVERS", ())
    [found] = [fact for fact in hardware.facts(tmp_path) if fact.name == "precision"]
    assert found.value == precisions and words in found.words
    assert machine.cpu_has_bf16() == (len(precisions) > 1)


def test_a_full_disk_is_told(tmp_path, monkeypatch):
    from collections import namedtuple

    monkeypatch.setattr(hardware.shutil, "disk_usage", lambda folder: namedtuple("Usage", "free")(1000))
    [found] = [fact for fact in hardware.facts(tmp_path / "none/yet") if fact.name == "disk"]
    assert found.value == 1000 and "make room" in found.mend
