"""Synthetic scores for the tests of reports, and ways to look into the tables made of them."""

import itertools
import math

import numpy as np
import pandas as pd

from reports.summary import summarise
from reports.tables import build_tables

PAPER = {"dualsr": 3000, "ike": 3000, "ike-relu": 3000}


def run(method="ike", psnr=25.0, image="a", **changes):
    """One row of scores; every other protocol's PSNR is shifted by a known amount."""
    row = {
        "set": "set5",
        "image": image,
        "kind": "median",
        "scale": 2,
        "method": method,
        "seed": 0,
        "iterations": PAPER.get(method),
        "paper_iterations": PAPER.get(method),
        "status": "ok",
        "error": None,
        "note": None,
        "seconds": 1.0,
        "peak_mem_mib": 10.0,
        "device": "cpu",
    }
    ssim = changes.pop("ssim", 0.5)
    for protocol, shift in {"ike": 0.0, "dualsr": 1.0, "ntire17": 2.0}.items():
        row |= {f"psnr_{protocol}": psnr + shift, f"ssim_{protocol}": ssim}
    return row | changes


def failed(method="ike", **changes):
    return run(method, math.nan, **{"ssim": math.nan, "status": "failed", "error": "boom"} | changes)


def frame(*rows):
    scores = pd.DataFrame(rows)
    return scores.astype({"iterations": "Int64", "paper_iterations": "Int64"})


def only(scores, method):
    return summarise(scores).set_index("method").loc[method]


def table(scores, key="table3", **options):
    return next(table for table in build_tables(scores, **options) if table.key == key)


def measured(content, name, block=0):
    return next(row for row in content.blocks[block].rows if row.name == name)


def below(content, name, block=0):
    """The published row that follows a measured one."""
    rows = content.blocks[block].rows
    row = rows[rows.index(measured(content, name, block)) + 1]
    assert row.published
    return [cell.text for cell in row.cells]


def texts(row):
    return [cell.text for cell in row.cells]


def full_scores():
    methods = {"bicubic": 24.0, "edsr": 24.5, "dualsr": 25.0, "ike": 26.0, "my_own&50%": 25.5}
    kinds = ["track2", "bilateral", "median", "anisotropic", "random", "bicubic", "gaussian"]
    noise = np.random.default_rng(0)
    rows = [
        run(method, level + noise.normal(0, 0.3), image, kind=kind, scale=scale, set=name, ssim=level / 40)
        for name, kind, scale, (method, level), image in itertools.product(
            ["sample", "my_set"], kinds, [2, 4], methods.items(), "abc"
        )
    ]
    rows[0] |= {"status": "failed", "error": "out of | memory\n<2 GiB>", "psnr_ike": math.nan, "ssim_ike": math.nan}
    return frame(*rows)
