"""Methods of other people's packages that do what a method should not: it costs their own jobs, and no time."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import RIVALS
from tables import read_table

from ikebench.store.row_files import read_row


def stranger(trouble):
    """A method that has this trouble, as Python, with every image."""
    head, call, tail = RIVALS.replace("class Rival", "class Stranger").partition("        [task] = tasks\n")
    return head + call + "".join(f"        {line}\n" for line in trouble.splitlines()) + tail


def test_one_that_forks_and_dies_does_not_hold_the_run(ikebench, medians, install_method):
    medians(0)
    install_method("stranger", stranger("if os.fork() == 0:\n    time.sleep(60)\nos._exit(3)"), "Stranger")
    started = time.monotonic()
    done = ikebench("run", "--methods", "bicubic,stranger")
    assert time.monotonic() - started < 40 and done.code == 1
    assert "exit code 3" in done.err and "4 jobs run, 0 already done, 2 failed" in done.err


def test_one_that_ends_python_when_it_is_imported_is_named_and_left_out(ikebench, install_method):
    install_method("stranger", "raise SystemExit('not today')", "Stranger")
    listed = ikebench("list", "methods")
    assert listed.code == 0 and "bicubic" in listed.out
    assert "method stranger cannot be imported: SystemExit: not today" in listed.out
    asked = ikebench("list", "methods", "stranger")
    assert asked.code == 2 and asked.err == "ikebench: method stranger cannot be imported: SystemExit: not today\n"


def test_a_long_error_is_cut_and_a_strange_one_written_out(ikebench, medians, install_method):
    medians(0)
    install_method("stranger", stranger("raise RuntimeError('\\ud800' + 'x' * 3_000_000)"), "Stranger")
    done = ikebench("run", "--methods", "stranger")
    assert done.code == 1 and len(done.err) < 10_000 and "3000015 characters" in done.err
    table = read_table(Path("bench/runs.parquet"))
    assert table["error"].str.startswith(r"RuntimeError: \ud800xxx").all() and table["error"].str.len().max() < 1100
    row = Path("bench/sr/stranger/photos/median/X2/cat.json")
    assert row.stat().st_size < 30_000 and "RuntimeError" in read_row(row).traceback
    assert "0 jobs run" in ikebench("run", "--methods", "stranger").err


@pytest.mark.slow
def test_one_whose_imports_end_python_costs_its_own_jobs(ikebench, medians, install_method):
    """No worker is forked from a process that has imported what somebody else's method needs."""
    medians(0)
    folder = install_method("stranger", stranger("") + '    imports: ClassVar = ("stranger_needs",)\n', "Stranger")
    (folder / "stranger_needs.py").write_text("raise SystemExit(5)")
    script = "from ikebench.cli import main; main(['run', '--methods', 'bicubic,stranger', '--workers', '1'])"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), *sys.path])}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1 and "4 jobs run, 0 already done, 2 failed" in done.stderr, done.stderr
    assert "exit code 5" in done.stderr and "Traceback" not in done.stderr
