"""What the report of a workspace shows besides its scores: how they came about, images, kernels, traces."""

from itertools import islice
from typing import TYPE_CHECKING

from ikebench.commands.about import about
from ikebench.errors import UserError
from ikebench.kernel_files import read_kernel
from ikebench.store.pictures import picture_loader
from ikebench.store.rows import DataRow, RunRow
from ikebench.store.tables import read_rows
from ikebench.store.traces import read_traces
from ikebench.store.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from reports.evidence import Evidence, KernelRow

PICTURED = 6  # images with kernels; a page holds no more


def evidence(workspace: Workspace, scores: "pd.DataFrame") -> "Evidence":
    """Gather what there is on the results that have these scores."""
    from reports.evidence import Evidence

    shown = set(scores["sr_sha256"].dropna())
    table = workspace.runs_table
    runs = [run for run in read_rows(table, RunRow, old=True) if run.sr_sha256 in shown] if table.exists() else []
    traces = read_traces(workspace, (run for run in runs if run.iterations is not None))
    described = about(workspace, (run.precision for run in runs if run.precision))
    return Evidence(described, picture_loader(workspace), kernel_rows(workspace, runs, scores), traces)


def kernel_rows(workspace: Workspace, runs: "Sequence[RunRow]", scores: "pd.DataFrame") -> "Sequence[KernelRow]":
    """Read the kernels of the first images that have estimated ones, each kind and scale in turn, first seed only.

    Those with a true kernel come before the others; what is not there as it was written is left out.
    """
    if not workspace.data_table.exists() or "kernel_psnr" not in scores:
        return ()
    keys = scores[["set", "image", "kind", "scale", "method", "seed"]].itertuples(index=False, name=None)
    psnr = dict(zip(keys, scores["kernel_psnr"], strict=True))
    found: dict[tuple[str, str, str, int], dict[str, RunRow]] = {}
    for run in sorted(runs, key=lambda run: run.seed):
        if run.status == "ok" and run.kernel_path is not None:
            found.setdefault(run.case, {}).setdefault(run.method, run)
    images = [image for image in read_rows(workspace.data_table, DataRow) if image.case in found]
    order = sorted(images, key=lambda image: (image.kernel_path is None, image.image, image.kind, image.scale))
    rows = (_kernel_row(workspace, image, found[image.case], psnr) for image in order)
    return list(islice((row for row in rows if row.true is not None or row.estimated), PICTURED))


def _kernel_row(
    workspace: Workspace,
    image: DataRow,
    runs: dict[str, RunRow],
    psnr: "dict[tuple[str, str, str, int, str, int], float]",
) -> "KernelRow":
    from reports.evidence import KernelRow
    from reports.naming import cell_name

    estimated = {method: _kernel(workspace, run.kernel_path, run.kernel_sha256) for method, run in runs.items()}
    known = {method: psnr.get((*image.case, method, run.seed)) for method, run in runs.items()}
    return KernelRow(
        name=f"{image.image}\n{cell_name(image.kind, image.scale)}",
        true=_kernel(workspace, image.kernel_path, image.kernel_sha256),
        estimated={method: kernel for method, kernel in estimated.items() if kernel is not None},
        psnr={method: value for method, value in known.items() if value is not None and value == value},
    )


def _kernel(workspace: Workspace, path: str | None, sha256: str | None) -> "NDArray[np.float64] | None":
    """Read a kernel file; None where there is none as it was written."""
    if path is None:
        return None
    try:
        return read_kernel(workspace.root, path, sha256, "run again")
    except (OSError, UserError):
        return None
