"""The command line itself: help, lists, start-up, the demo."""

import subprocess
import sys
from pathlib import Path

import pytest

import ikebench as package
from ikebench.catalog import KINDS, METHODS


def test_help_and_version(ikebench):
    outcome = ikebench("--help")
    assert outcome.code == 0
    for command in ("make-data", "run", "train", "score", "report", "fetch", "list", "demo"):
        assert command in outcome.out
        assert "--workspace" in ikebench(command, "--help").out or command == "list"
    assert package.__version__ in ikebench("--version").out


def test_misspelt_command(ikebench):
    outcome = ikebench("make-dat")
    assert outcome.code == 2 and "did you mean 'make-data'" in outcome.err
    assert ikebench("run").code == 2  # --methods is missing


def test_help_imports_nothing_heavy():
    code = (
        "import sys\nfrom ikebench.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'pandas', 'numpy', 'scipy', 'cv2', 'skimage', 'matplotlib', 'ray'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_lists(ikebench):
    methods = ikebench("list", "methods").out
    assert all(name in methods for name in METHODS) and "x2, x4" in methods and "zero-shot" in methods
    kinds = ikebench("list", "kinds").out
    assert all(name in kinds for name in KINDS)
    assert "sample" in ikebench("list", "datasets").out
    assert "psnr_ntire17" in ikebench("list", "metrics").out
    assert ikebench("list", "kind").code == 2


def test_a_method_of_another_package_is_listed(ikebench, rivals):
    assert "a test" in ikebench("list", "methods").out


def test_a_broken_package_is_one_line(ikebench, install_method):
    install_method("rival", "import nothing_of_that_name", "Rival")
    outcome = ikebench("list", "methods")
    assert outcome.code == 0 and "bicubic" in outcome.out and "cannot be imported" in outcome.out
    install_method("rival", "class Rival:\n    scales = (2,)\n", "Rival")
    ikebench("make-data", "--kind", "median", "--limit", 1)
    outcome = ikebench("run", "--methods", "rival")
    assert outcome.code == 2 and "lacks version" in outcome.err and "Traceback" not in outcome.err


def test_parameters_are_listed_with_their_defaults(ikebench):
    assert "ike.lambda_backward" in ikebench("list", "methods", "ike").out
    listed = ikebench("list", "kinds", "median").out
    assert "median.size   5" in listed and "top-left" in listed
    assert "did you mean 'ike'" in ikebench("list", "methods", "ik").err
    outcome = ikebench("list", "datasets", "ike")
    assert outcome.code == 2 and "list datasets takes no NAME" in outcome.err


@pytest.mark.slow
def test_demo(ikebench):
    outcome = ikebench("demo", "--workspace", "here")
    assert outcome.code == 0, outcome.err
    assert "| IKE†" in outcome.out and "Anisotropic" in outcome.out
    assert len(list(Path("here/sr").rglob("*.png"))) == 2 * 4 * 2
