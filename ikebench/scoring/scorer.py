"""Step 3, score: SR files against HR into `scores.parquet`. No method is run again."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cache
from typing import Any

import numpy as np

from degradations.resample import cut_to_multiple
from ikebench.catalog import kind_class
from ikebench.errors import one_line
from ikebench.images import read_image
from ikebench.kernel_files import read_kernel
from ikebench.scoring.consistency import is_repeatable, lr_psnr
from ikebench.scoring.kernels import kernel_psnr
from ikebench.scoring.metrics import METRICS_VERSION, score_pair
from ikebench.scoring.registration import register
from ikebench.scoring.stretch import stretch
from ikebench.store.hashes import Hashes
from ikebench.store.rows import MEASURES, DataRow, RunRow, ScoreRow
from ikebench.store.tables import provenance_of, read_sound_rows, write_rows
from ikebench.store.workspace import Workspace
from reports.protocols import PROTOCOLS

SHARED = [name for name in (one.name for one in fields(RunRow)) if name in {one.name for one in fields(ScoreRow)}]
"""Columns that scores take over from runs."""

IMPORTED = {
    "track2-official": "",
    "track2-given": "files from another folder than the official one",
    "paired": "",
    "paired-bicubic": "plain bicubic downscaling, by its pixels",
}
"""Preset of LR images that came as files -> what a table must say of them."""


@dataclass(frozen=True)
class Scored:
    """What scoring gave.

    Attributes:
        rows: of the table.
        stale: results on LR images that make-data has replaced since; not scored.
        unscorable: results on LR images that have no HR.
        refused: SR or HR files that are not what was written, with the reason.
    """

    rows: list[ScoreRow]
    stale: int
    unscorable: int
    refused: list[str]


@dataclass(frozen=True)
class Known:
    """What earlier scoring has measured, by the content of the files: nothing of it is measured again.

    Attributes:
        measures: (SR hash, HR hash, scale) -> measures.
        kernels: (hash of the estimated kernel, hash of the true one) -> kernel_psnr.
        consistencies: what `_consistency` gives -> psnr_lr.
    """

    measures: Mapping[tuple[str | None, str | None, int], dict[str, float]] = field(default_factory=dict)
    kernels: Mapping[tuple[str | None, str | None], float | None] = field(default_factory=dict)
    consistencies: Mapping[tuple[str | int | None, ...], float] = field(default_factory=dict)


def score(
    workspace: Workspace,
    runs: Sequence[RunRow],
    data: Iterable[DataRow],
    hashes: Hashes,
    provenance: dict[str, Any],
    workers: int = 1,
    report: Callable[[str], None] = lambda path: None,
) -> Scored:
    """Score every result, all protocols at once; scores of unchanged files are taken from the last table.

    Args:
        workspace: what to score.
        runs: `runs.parquet`.
        data: `data.parquet`.
        hashes: of the workspace's files.
        provenance: kept in the table.
        workers: threads.
        report: called with the name of each image when it is scored.
    """
    current, stale, unscorable = sort_out(runs, data)
    known = _known_scores(workspace)

    def work(pair: tuple[RunRow, DataRow]) -> ScoreRow:
        scored = score_run(workspace, *pair, hashes, known)
        report(pair[0].image)
        return scored

    with ThreadPoolExecutor(workers) as pool:  # OpenCV and NumPy let other threads work
        rows = list(pool.map(work, current))
    write_rows(workspace.scores_table, rows, ScoreRow, provenance | {"metrics_version": METRICS_VERSION})
    refused = [
        scored.error or ""
        for scored, (run, _) in zip(rows, current, strict=True)
        if scored.status == "failed" and run.status == "ok"
    ]
    return Scored(rows, stale, unscorable, refused)


def sort_out(runs: Sequence[RunRow], data: Iterable[DataRow]) -> tuple[list[tuple[RunRow, DataRow]], int, int]:
    """Give the results to score, each with its LR image's row; how many are stale, and how many have no HR."""
    images = {row.case: row for row in data}
    current: list[tuple[RunRow, DataRow]] = []
    stale = unscorable = 0
    for run in runs:
        image = images.get(run.case)
        if image is None or run.lr_sha256 != image.lr_sha256:
            stale += 1
        elif image.hr_path is None:
            unscorable += 1
        else:
            current.append((run, image))
    return current, stale, unscorable


def described(run: RunRow, image: DataRow) -> ScoreRow:
    """Give the scores of a result but for what is measured: what the other tables say of it."""
    row = ScoreRow(**{name: getattr(run, name) for name in SHARED})
    row.hr_sha256, row.true_kernel_sha256 = image.hr_sha256, image.kernel_sha256
    row.degradation, row.settings = _changed_parameters(image), _changed_settings(run)
    row.kind_version = image.version
    return row


def score_run(workspace: Workspace, run: RunRow, image: DataRow, hashes: Hashes, known: Known) -> ScoreRow:
    """Score one result; what is not `known` is measured. What goes wrong is in the row."""
    row = described(run, image)
    if run.status != "ok":
        return row
    try:
        _check_file(hashes, run.sr_path, run.sr_sha256, "run")
        _check_file(hashes, image.hr_path, image.hr_sha256, "make-data")
        pair = (run.sr_sha256, image.hr_sha256, run.scale)
        row.measures = known.measures[pair] if pair in known.measures else _measure(workspace, run, image)
        row.kernel_psnr = _kernel_psnr(workspace, run, image, hashes, known)
        row.psnr_lr = _lr_psnr(workspace, row, run.sr_path, image, hashes, known)
        return row
    except Exception as error:  # an unreadable disk, say: one result is not scored, the others are
        return replace(row, status="failed", error=one_line(error))


def _changed_parameters(image: DataRow) -> str:
    if image.preset in IMPORTED:
        return IMPORTED[image.preset]
    return _changed(image.kind, image.parameters or "{}")


@cache
def _changed(kind: str, parameters: str) -> str:
    default = asdict(kind_class(kind)())
    return ", ".join(f"{name}={value}" for name, value in json.loads(parameters).items() if value != default.get(name))


def _changed_settings(run: RunRow) -> str:
    settings = {name: value for name, value in json.loads(run.settings or "{}").items() if name != "iterations"}
    if run.precision != "fp32":
        settings["precision"] = run.precision
    return ", ".join(f"{name}={value}" for name, value in settings.items())


def _check_file(hashes: Hashes, path: str | None, sha256: str | None, step: str) -> None:
    try:
        found = hashes.of(path or "")
    except FileNotFoundError:
        raise ValueError(f"{path} is missing: {step} again") from None
    if found != sha256:
        raise ValueError(f"{path} has been changed since it was written: {step} again")


def _measure(workspace: Workspace, run: RunRow, image: DataRow) -> dict[str, float]:
    assert run.sr_path is not None and image.hr_path is not None  # their hashes are right
    hr = cut_to_multiple(read_image(workspace.root / image.hr_path), run.scale)
    sr = read_image(workspace.root / run.sr_path)
    if sr.shape != hr.shape:
        raise ValueError(f"{run.sr_path} is {sr.shape[1]}x{sr.shape[0]}, the HR {hr.shape[1]}x{hr.shape[0]}")
    hr = np.ascontiguousarray(hr)
    registered = register(sr, hr, run.scale)
    shift = np.array([registered["shift_y"], registered["shift_x"]])
    limit = PROTOCOLS["ntire17"].border(run.scale)
    return score_pair(sr, hr, run.scale) | registered | stretch(sr, hr, shift, limit=limit)


def _lr_psnr(
    workspace: Workspace, row: ScoreRow, sr_path: str | None, image: DataRow, hashes: Hashes, known: Known
) -> float | None:
    """Compare SR, degraded again, with LR; null where that cannot be repeated, or LR is not as it was written."""
    if sr_path is None or not is_repeatable(image):
        return None
    if _consistency(row) in known.consistencies:
        return known.consistencies[_consistency(row)]
    if not hashes.is_intact(image.lr_path, image.lr_sha256):
        return None
    return lr_psnr(read_image(workspace.root / sr_path), read_image(workspace.root / image.lr_path), image)


def _consistency(row: ScoreRow) -> tuple[str | int | None, ...]:
    """Give what decides psnr_lr: SR, LR and the degradation, of which a seed draws nothing but the kernel."""
    return row.sr_sha256, row.lr_sha256, row.kind, row.kind_version, row.degradation, row.true_kernel_sha256


def _kernel_psnr(workspace: Workspace, run: RunRow, image: DataRow, hashes: Hashes, known: Known) -> float | None:
    """Compare the estimated kernel with the true one, where there are both."""
    if run.kernel_path is None or image.kernel_path is None:
        return None
    files = {run.kernel_path: run.kernel_sha256, image.kernel_path: image.kernel_sha256}
    pair = (run.kernel_sha256, image.kernel_sha256)
    if pair in known.kernels and all(hashes.is_intact(path, sha256) for path, sha256 in files.items()):
        return known.kernels[pair]
    estimate = read_kernel(workspace.root, run.kernel_path, run.kernel_sha256, "run again")
    truth = read_kernel(workspace.root, image.kernel_path, image.kernel_sha256, "make-data again")
    return kernel_psnr(estimate, truth)


def _known_scores(workspace: Workspace) -> Known:
    """Take what the last table has, if the same metrics made it."""
    rows = [row for row in read_sound_rows(workspace.scores_table, ScoreRow) if row.status == "ok"]
    if not rows or provenance_of(workspace.scores_table).get("metrics_version") != METRICS_VERSION:
        return Known()
    measures = {
        (row.sr_sha256, row.hr_sha256, row.scale): row.measures for row in rows if set(row.measures) >= set(MEASURES)
    }
    kernels = {(row.kernel_sha256, row.true_kernel_sha256): row.kernel_psnr for row in rows}
    consistencies = {_consistency(row): row.psnr_lr for row in rows if row.psnr_lr is not None}
    return Known(measures, {pair: psnr for pair, psnr in kernels.items() if psnr is not None}, consistencies)
