"""The Python API: arrays in, arrays out, as the command line does it."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.data

import ikebench as library
from ikebench.images import read_image
from ikebench.seeds import derive_seed, lr_seed

HR = np.ascontiguousarray(skimage.data.chelsea()[60:125, 90:163])  # 65x73 px

HEAVY = "torch numpy pandas pyarrow scipy cv2 skimage".split()


def test_import_is_light():
    script = f"import sys, ikebench; assert dir(ikebench); sys.exit(str({{*sys.modules}} & {{*{HEAVY}}} or ''))"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert found.stderr.strip() == "", found.stderr


def test_degrade_gives_the_lr_images_of_make_data(ikebench, photos):
    ikebench("make-data", "--hr", photos, "--kind", "median,gaussian")
    hr = read_image("bench/data/photos/HR/cat.png")
    median = library.degrade(hr, "median", scale=2)
    assert np.array_equal(median, read_image("bench/data/photos/LR_median/X2/catx2.png"))
    made = library.degrade_with_kernel(hr, "gaussian", seed=lr_seed(0, "cat", "gaussian", 2))
    assert np.array_equal(made.lr, read_image("bench/data/photos/LR_gaussian/X2/catx2.png"))
    assert np.array_equal(made.kernel, np.load("bench/data/photos/kernels/gaussian/X2/cat.npy"))
    assert not np.array_equal(library.degrade(hr, "median", size=9), median)


def test_restore_and_score_give_the_results_of_run(ikebench, tmp_path):
    library.write_png(tmp_path / "photos/cat.png", np.ascontiguousarray(skimage.data.chelsea()[60:148, 90:172]))
    ikebench("make-data", "--hr", "photos", "--kind", "gaussian")
    assert ikebench("run", "--methods", "bicubic,kernelgan-zssr", "--iterations", 2).code == 0
    lr, hr = read_image("bench/data/photos/LR_gaussian/X2/catx2.png"), read_image("bench/data/photos/HR/cat.png")
    seed = derive_seed("training", 0, "cat", "gaussian", 2) % 2**63
    restored = library.restore_with_kernel(lr, "kernelgan-zssr", seed=seed, iterations=2)
    assert np.array_equal(restored.sr, read_image("bench/sr/kernelgan-zssr/photos/gaussian/X2/cat.png"))
    assert np.array_equal(restored.kernel, np.load("bench/sr/kernelgan-zssr/photos/gaussian/X2/cat_kernel_x2.npy"))
    scores = library.load_scores("bench").set_index("method")
    for method, sr in {"kernelgan-zssr": restored.sr, "bicubic": library.restore(lr, "bicubic")}.items():
        measured = library.score(sr, hr, scale=2)
        assert measured and {name: scores.loc[method, name] for name in measured} == measured
    assert library.load_scores("bench/scores.parquet").equals(library.load_scores())


def test_the_true_kernel_and_progress(capsys):
    made = library.degrade_with_kernel(HR, "gaussian")
    sr = library.restore(made.lr, "zssr-gt", kernel=made.kernel, iterations=3, progress=True)
    assert sr.shape == (64, 72, 3) and sr.dtype == np.uint8
    assert "3/3" in capsys.readouterr().err
    library.restore(made.lr, "bicubic", scale=3)
    assert capsys.readouterr().err == ""


WRONG = {
    "kind": (lambda: library.degrade(HR, "medan"), library.UserError, "did you mean 'median'"),
    "parameter": (lambda: library.degrade(HR, "median", sise=3), library.UserError, "did you mean 'size'"),
    "value": (lambda: library.degrade(HR, "median", size=4), ValueError, "odd"),
    "files": (lambda: library.degrade(HR, "track2"), library.UserError, "make-data"),
    "text": (lambda: library.degrade(HR, "median", size="4"), ValueError, "median cannot be made of size='4'"),
    "seed": (lambda: library.degrade(HR, "random", seed=-1), ValueError, "seed must be a whole number"),
    "seed of a training": (lambda: library.restore(HR, "zssr", seed=0.5), ValueError, "seed must be a whole number"),
    "dtype": (lambda: library.degrade(HR / 255, "median"), ValueError, r"uint8 array \(H, W, 3\)"),
    "gray": (lambda: library.restore(HR[..., 0], "bicubic"), ValueError, r"uint8 array \(H, W, 3\)"),
    "list": (lambda: library.restore([1], "bicubic"), ValueError, "not list"),
    "method": (lambda: library.restore(HR, "ikee"), library.UserError, "did you mean 'ike'"),
    "scale": (lambda: library.restore(HR, "ike", scale=3), ValueError, "does x2, x4, not x3"),
    "kernel": (lambda: library.restore(HR, "zssr-gt"), ValueError, "kernel="),
    "no kernel": (
        lambda: library.restore(HR, "bicubic", kernel=np.ones((3, 3))),
        ValueError,
        "has no use for a kernel",
    ),
    "a word": (lambda: library.restore(HR, "zssr-gt", kernel="sharp"), ValueError, "float64 array"),
    "precision": (lambda: library.restore(HR, "zssr", precision="fp8"), ValueError, "fp32, tf32, bf16, not 'fp8'"),
    "tf32": (lambda: library.restore(HR, "zssr", precision="tf32", device="cpu"), ValueError, "NVIDIA"),
    "no scale": (lambda: library.degrade(HR, "median", scale=0), ValueError, "one of 2, 3, 4, not 0"),
    "scale of a score": (lambda: library.score(HR, HR, scale=0), ValueError, "one of 2, 3, 4, not 0"),
    "weights": (lambda: library.restore(HR, "edsr"), ValueError, "weights="),
    "device": (lambda: library.restore(HR, "bicubic", device="cuda:9"), library.UserError, "--device cuda:9"),
    "sizes": (lambda: library.score(HR[:30], HR, scale=2), ValueError, "must be equal"),
    "scores": (lambda: library.load_scores("nowhere"), library.UserError, "no scores in nowhere"),
    "name": (lambda: library.upscale, AttributeError, "no attribute 'upscale'"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_said(what):
    call, error, words = WRONG[what]
    with pytest.raises(error, match=words):
        call()


def test_the_lines_of_the_guide_run(tmp_path, monkeypatch):
    text = (Path(__file__).resolve().parent.parent / "docs" / "guide.md").read_text()
    [lines] = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    lines = lines.replace("iterations=500", "iterations=2")
    monkeypatch.chdir(tmp_path)
    library.write_png("photo.png", HR)
    script = (
        lines.replace('ikebench.load_scores("bench")[["image", "method", "psnr_ike"]]', "None")
        + "\nassert sr.shape == (64, 72, 3)"
    )
    exec(script, {})
