"""Commands that start at once: what they do not need is not imported."""

import json
import os
import re
import subprocess
import sys

import pytest

SCRIPT = """
import json, sys
from ikebench.cli import main
for arguments in json.loads(sys.argv[1]):
    try:
        main(arguments)
    except SystemExit as stop:
        assert stop.code == 0, stop.code
    print("imported:", *{"torch", "scipy.stats", "matplotlib", "ray", "skimage"} & set(sys.modules), flush=True)
"""


def imported(folder, *commands):
    """Run commands one after the other in a fresh process; gives after each what is imported of what is heavy, and
    its output.
    """
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", SCRIPT, json.dumps(commands)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    ended = subprocess.run(command, cwd=folder, env=environment, text=True, **pipes)
    assert ended.returncode == 0, ended.stdout
    parts = re.findall(r"(.*?)^imported:(.*?)$", ended.stdout, re.DOTALL | re.MULTILINE)
    assert len(parts) == len(commands)
    return [(heavy.split(), out) for out, heavy in parts]


def test_lists(tmp_path):
    for heavy, out in imported(tmp_path, *(("list", what) for what in ("methods", "kinds", "datasets", "metrics"))):
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
    for (arguments, words), (heavy, out) in zip(expected.items(), imported(photos.parent, *expected), strict=True):
        assert words in out and not heavy, arguments
