"""Step 3, score: SR files against HR into `scores.parquet`. No method is run again."""

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from degradations.resample import cut_to_multiple
from ikebench.catalog import kind_class
from ikebench.errors import one_line
from ikebench.files import sha256_file
from ikebench.images import read_image
from ikebench.kernel_files import read_kernel
from ikebench.score.kernels import kernel_psnr
from ikebench.score.metrics import METRICS_VERSION, score_pair
from ikebench.score.registration import register
from ikebench.store import CASE_COLUMNS, SCORE_SCHEMA, Row, Workspace, read_table, to_rows, write_table

MEASURES = [name for name in SCORE_SCHEMA.names if name.startswith(("psnr_", "ssim_", "shift_"))]


@dataclass(frozen=True)
class Scored:
    """What scoring gave.

    Attributes:
        scores: the table.
        stale: results on LR images that make-data has replaced since; not scored.
        unscorable: results on LR images that have no HR.
        refused: SR or HR files that are not what was written, with the reason.
    """

    scores: pd.DataFrame
    stale: int
    unscorable: int
    refused: list[str]


def score(
    workspace: Workspace,
    runs: pd.DataFrame,
    provenance: Row,
    workers: int = 1,
    report: Callable[[str], None] = lambda path: None,
) -> Scored:
    """Score every result, all protocols at once; scores of unchanged files are taken from the last table.

    Args:
        workspace: what to score.
        runs: `runs.parquet`.
        provenance: kept in the table.
        workers: threads.
        report: called with the name of each image when it is scored.
    """
    data = {tuple(row[name] for name in CASE_COLUMNS): row for row in to_rows(workspace.require_data())}
    known = _known_scores(workspace)
    current, stale, unscorable = [], 0, 0
    for run in to_rows(runs):
        row = data.get(tuple(run[name] for name in CASE_COLUMNS))
        if row is None or run["lr_sha256"] != row["lr_sha256"]:
            stale += 1
        elif row["hr_path"] is None:
            unscorable += 1
        else:
            current.append((run, row))

    def work(pair: tuple[Row, Row]) -> Row:
        scored = _score_run(workspace, *pair, known)
        report(pair[0]["image"])
        return scored

    with ThreadPoolExecutor(workers) as pool:  # OpenCV and NumPy let other threads work
        rows = list(pool.map(work, current))
    write_table(workspace.scores_table, rows, SCORE_SCHEMA, provenance | {"metrics_version": METRICS_VERSION})
    failed_here = [
        scored["error"]
        for scored, (run, _) in zip(rows, current, strict=True)
        if scored["status"] == "failed" and run["status"] == "ok"
    ]
    return Scored(read_table(workspace.scores_table), stale, unscorable, failed_here)


def _score_run(workspace: Workspace, run: Row, data: Row, known: Mapping[tuple[Any, ...], Row]) -> Row:
    row = {name: run.get(name) for name in SCORE_SCHEMA.names}
    row |= {
        "hr_sha256": data["hr_sha256"],
        "degradation": _changed_parameters(data),
        "settings": _changed_settings(run),
    }
    if run["status"] != "ok":
        return row
    try:
        _check_file(workspace, run["sr_path"], run["sr_sha256"], "run")
        _check_file(workspace, data["hr_path"], data["hr_sha256"], "make-data")
        pair = (run["sr_sha256"], data["hr_sha256"], run["scale"])
        measures = known[pair] if pair in known else _measure(workspace, run, data)
        return row | measures | _measure_kernel(workspace, run, data)
    except Exception as error:  # an unreadable disk, say: one result is not scored, the others are
        return row | {"status": "failed", "error": one_line(error)}


def without_stale(scores: pd.DataFrame, data: pd.DataFrame) -> pd.DataFrame:
    """Leave out the scores on LR images that have been made anew, or dropped, since."""
    current = data[[*CASE_COLUMNS, "lr_sha256"]].rename(columns={"lr_sha256": "current"})
    merged = scores.merge(current, on=CASE_COLUMNS, how="left")
    return scores[(merged["lr_sha256"] == merged["current"]).fillna(False).to_numpy(bool)]


def _changed_parameters(data: Row) -> str:
    if data["preset"] is not None and data["preset"].startswith("track2"):
        return "" if data["preset"] == "track2-official" else "files from another folder than the official one"
    default = asdict(kind_class(data["kind"])())
    parameters = json.loads(data["parameters"])
    return ", ".join(f"{name}={value}" for name, value in parameters.items() if value != default.get(name))


def _changed_settings(run: Row) -> str:
    settings = {name: value for name, value in json.loads(run["settings"]).items() if name != "iterations"}
    if run["precision"] != "fp32":
        settings["precision"] = run["precision"]
    return ", ".join(f"{name}={value}" for name, value in settings.items())


def _check_file(workspace: Workspace, path: str, sha256: str, step: str) -> None:
    file = workspace.root / path
    if not file.exists():
        raise ValueError(f"{path} is missing: {step} again")
    if sha256_file(file) != sha256:
        raise ValueError(f"{path} has been changed since it was written: {step} again")


def _measure(workspace: Workspace, run: Row, data: Row) -> dict[str, float]:
    scale = run["scale"]
    hr = cut_to_multiple(read_image(workspace.root / data["hr_path"]), scale)
    sr = read_image(workspace.root / run["sr_path"])
    if sr.shape != hr.shape:
        raise ValueError(f"{run['sr_path']} is {sr.shape[1]}x{sr.shape[0]}, the HR {hr.shape[1]}x{hr.shape[0]}")
    hr = np.ascontiguousarray(hr)
    return score_pair(sr, hr, scale) | register(sr, hr, scale)


def _measure_kernel(workspace: Workspace, run: Row, data: Row) -> dict[str, float]:
    """Compare the estimated kernel with the true one, where there are both."""
    if run["kernel_path"] is None or data["kernel_path"] is None:
        return {}
    estimate = read_kernel(workspace.root, run["kernel_path"], run["kernel_sha256"], "run again")
    truth = read_kernel(workspace.root, data["kernel_path"], data["kernel_sha256"], "make-data again")
    return {"kernel_psnr": kernel_psnr(estimate, truth)}


def _known_scores(workspace: Workspace) -> dict[tuple[Any, ...], Row]:
    """Give (SR hash, HR hash, scale) -> measures of the last table, if the same metrics made it."""
    if not workspace.scores_table.exists():
        return {}
    metadata = pq.read_schema(workspace.scores_table).metadata or {}
    if json.loads(metadata.get(b"ikebench", b"{}")).get("metrics_version") != METRICS_VERSION:
        return {}
    return {
        (row["sr_sha256"], row["hr_sha256"], row["scale"]): {name: row[name] for name in MEASURES}
        for row in to_rows(read_table(workspace.scores_table))
        if row["status"] == "ok"
    }
