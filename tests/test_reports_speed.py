"""A report waits for no library that it does not need, and its time grows with the number of scores."""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import reports

HEAVY = ("torch", "scipy.stats", "matplotlib", "jinja2")


def python(code, *arguments):
    """Run a program in a process of its own, and return its CPU seconds."""
    path = os.pathsep.join([str(Path(reports.__file__).parents[1]), *sys.path])
    before = os.times()
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, env=os.environ | {"PYTHONPATH": path})
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def noisy_scores(images):
    """Scores of ten methods and four kinds."""
    cells = {"method": [f"m{index}" for index in range(10)], "kind": ["bilateral", "median", "random", "track2"]}
    cells |= {"image": [f"{index:04d}" for index in range(images)], "set": ["a"], "scale": [2], "seed": [0]}
    scores = pd.MultiIndex.from_product(cells.values(), names=cells).to_frame(index=False)
    psnr = np.random.default_rng(0).normal(25, 3, len(scores))
    scores = scores.assign(psnr_ike=psnr, ssim_ike=psnr / 50, status="ok", error=None, note=None)
    return scores.assign(iterations=pd.array([None] * len(scores), "Int64"), paper_iterations=3000)


@pytest.fixture
def thousand(tmp_path):
    """The path of a thousand scores."""
    noisy_scores(25).to_parquet(tmp_path / "scores.parquet")
    return str(tmp_path / "scores.parquet")


WRITE = """
import sys
from pathlib import Path
import pandas, pyarrow
import reports
path = Path(sys.argv[1])
reports.write_report(pandas.read_parquet(path), path.parent / "report", formats=("md", "tex"))
"""


def test_protocols_and_names_wait_for_no_pandas():
    python("import sys, reports.protocols, ikebench.scoring.metrics; sys.exit('pandas' in sys.modules)")
    python("import sys, reports; reports.PROTOCOLS; sys.exit('pandas' in sys.modules)")


def test_public_names_are_there_and_others_are_not():
    assert all(hasattr(reports, name) for name in reports.__all__)
    with pytest.raises(AttributeError, match="no attribute 'wirte_report'"):
        _ = reports.wirte_report


def test_a_report_with_paired_statistics_imports_nothing_that_it_does_not_need(thousand):
    python(WRITE + f"sys.exit(str([name for name in {HEAVY} if name in sys.modules] or '') or 0)", thousand)
    assert "| m9 " in (Path(thousand).parent / "report/report.md").read_text(encoding="utf-8").split("## Paired")[1]


@pytest.mark.slow
def test_a_report_of_a_thousand_scores_takes_less_than_three_imports_of_pandas(thousand):
    ratios = [python(WRITE, thousand) / python("import pandas, pyarrow") for _ in range(5)]
    assert statistics.median(ratios) < 3


@pytest.mark.slow
def test_time_grows_no_faster_than_the_scores(tmp_path):
    def seconds(images):
        scores = noisy_scores(images)
        started = time.process_time()
        reports.write_report(scores, tmp_path, formats=reports.FORMATS)
        return time.process_time() - started

    seconds(25)  # what is imported and cached once
    assert seconds(1250) < 5 * max(seconds(250), 0.1)
