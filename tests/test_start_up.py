"""Commands that start at once: what they do not need is not imported."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import sys
from ikebench.cli import main
try:
    main(sys.argv[1:])
except SystemExit as stop:
    assert stop.code == 0, stop.code
print("imported:", *sorted({"torch", "scipy.stats", "matplotlib", "ray", "skimage"} & set(sys.modules)))
"""


def imported(folder, *arguments):
    """Run a command in a process of its own; gives what it has imported of what is heavy, and its output."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", SCRIPT, *arguments]
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    out, _, heavy = ended.stdout.rpartition("imported:")
    return set(heavy.split()), out + ended.stderr


@pytest.mark.parametrize("what", ["methods", "kinds", "datasets", "metrics"])
def test_lists(tmp_path, what):
    heavy, out = imported(tmp_path, "list", what)
    assert not heavy and len(out.splitlines()) > 2


@pytest.mark.html
def test_what_has_nothing_to_train_knows_no_torch(ikebench, photos):
    ikebench("make-data", "--hr", photos, "--kind", "median,gaussian")
    run = ("run", "--methods", "bicubic,zssr", "--iterations", "1")
    assert ikebench(*run).code == 0
    expected = {
        ("make-data", "--hr", "photos", "--kind", "median,gaussian"): "0 LR images made",
        run: "0 jobs run, 8 already done",
        ("run", "--methods", "ike,dualsr,kernelgan-zssr,rcan", "--dry-run"): "12 jobs to run",
        ("score",): "as it was: ",
        ("report", "--format", "md,tex,csv"): "report.md",
    }
    for arguments, words in expected.items():
        heavy, out = imported(photos.parent, *arguments)
        assert words in out and not heavy, arguments
