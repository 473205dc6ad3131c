"""The pictures of a report that need a workspace's files: kernels that methods estimated, beside the true ones."""

from collections.abc import Sequence

import numpy as np

from ikebench.kernel_files import read_kernel
from ikebench.store.rows import DataRow, RunRow, ScoreRow
from ikebench.store.workspace import Workspace
from reports.kernel_pictures import KernelRow
from reports.naming import cell_name

PICTURED = 6  # images; a page holds no more


def kernel_rows(
    workspace: Workspace, runs: Sequence[RunRow], data: Sequence[DataRow], scores: Sequence[ScoreRow]
) -> list[KernelRow]:
    """Read the kernels of the first images that have estimated ones, each kind and scale in turn, first seed only.

    Those with a true kernel come before the others.

    Raises:
        OSError: if a kernel is not there as it was written; says what to do.
    """
    psnr = {(*row.case, row.method, row.seed): row.kernel_psnr for row in scores}
    found: dict[tuple[str, str, str, int], dict[str, RunRow]] = {}
    for run in sorted(runs, key=lambda run: run.seed):
        if run.status == "ok" and run.kernel_path is not None:
            found.setdefault(run.case, {}).setdefault(run.method, run)
    images = [image for image in data if image.case in found]
    order = sorted(images, key=lambda image: (image.kernel_path is None, image.image, image.kind, image.scale))
    return [_row(workspace, image, found[image.case], psnr) for image in order[:PICTURED]]


def _row(
    workspace: Workspace,
    image: DataRow,
    runs: dict[str, RunRow],
    psnr: dict[tuple[str, str, str, int, str, int], float | None],
) -> KernelRow:
    true = image.kernel_path and read_kernel(workspace.root, image.kernel_path, image.kernel_sha256, "make-data again")
    estimated = {
        method: read_kernel(workspace.root, run.kernel_path or "", run.kernel_sha256, "run again")
        for method, run in runs.items()
    }
    known = {method: psnr.get((*image.case, method, run.seed)) for method, run in runs.items()}
    return KernelRow(
        name=f"{image.image}\n{cell_name(image.kind, image.scale)}",
        true=None if true is None else np.asarray(true),
        estimated=estimated,
        psnr={method: value for method, value in known.items() if value is not None},
    )
