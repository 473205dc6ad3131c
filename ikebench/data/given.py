"""LR images without HR (`run --lr`), taken into a workspace."""

from collections.abc import Mapping
from pathlib import Path

from ikebench.data.degrader import write_lr
from ikebench.images import png_bytes, read_image
from ikebench.store.checks import check_name
from ikebench.store.rows import DataRow
from ikebench.store.workspace import Workspace, lr_path

GIVEN = "given"
"""The kind of LR images that come without HR."""


def import_lr(
    workspace: Workspace, files: Mapping[str, Path], set_name: str, scale: int, *, write: bool
) -> tuple[list[DataRow], dict[str, str]]:
    """Take LR images without HR into a workspace, as kind `given`.

    Args:
        workspace: where to.
        files: image name -> file.
        set_name: the set's name.
        scale: by which they are to be enlarged.
        write: copy the files; without it only the rows are made.

    Returns:
        Their rows of `data.parquet` (see `ikebench.data.table.merge`), and the images that cannot be read, with the
        reason.
    """
    rows, refused = [], {}
    for image, path in files.items():
        try:
            check_name("its name", image)
            data = png_bytes(read_image(path))
        except ValueError as error:
            refused[image] = str(error)
            continue
        target = lr_path(set_name, GIVEN, scale, image)
        row = DataRow(set=set_name, image=image, kind=GIVEN, scale=scale, lr_path=target)
        rows.append(write_lr(workspace.root, row, data, write=write))
    return rows, refused
