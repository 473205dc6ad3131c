"""SR images that are there already (`run --sr NAME=FOLDER`), taken into a workspace as results of a method."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from ikebench.catalog import method_paths
from ikebench.errors import UserError
from ikebench.files import is_intact, write_atomic
from ikebench.fitting import fitted
from ikebench.images import image_paths, png_bytes, read_image
from ikebench.pairing import pair
from ikebench.store.row_files import RowFiles
from ikebench.store.rows import DataRow, RunCase, RunRow
from ikebench.store.workspace import Workspace, row_path, sr_path

NOTE = "images made elsewhere"


@dataclass
class Taken:
    """What came of a folder.

    Attributes:
        rule: how files and images were told to belong together.
        cell: the LR images that they are of, in words.
        taken: number of images taken.
        known: number of those that were there already.
        without: LR images of which there is no SR image.
        refused: file -> why it is not taken: it belongs to no LR image, cannot be read, or is of another size.
    """

    rule: str
    cell: str
    taken: int = 0
    known: int = 0
    without: Sequence[str] = ()
    refused: dict[str, str] = field(default_factory=dict)


def check_label(label: str) -> None:
    """Refuse a name under which no results of elsewhere can be kept."""
    if label in method_paths():
        raise UserError(f"--sr {label}=…: that is a method's own name; choose another")
    if not all(character.isalnum() or character in "-_." for character in label) or label.startswith("."):
        raise UserError(f"--sr {label}=…: use letters, digits, '-', '_' and '.' for the name")


def take(
    workspace: Workspace, label: str, folder: Path, data: Sequence[DataRow], rows: RowFiles, *, off_by_one: bool
) -> Taken:
    """Take a folder's images in as the results of a method.

    Args:
        workspace: where to.
        label: the method's name.
        folder: of SR images.
        data: the LR images that they are of: one set, kind and scale.
        rows: of the workspace.
        off_by_one: take images that are a pixel too large or too small.

    Raises:
        UserError: for LR images of several kinds, or a folder without a file that belongs to one of them.
    """
    cell = _only_cell(label, folder, data)
    images = {row.image: row for row in data}
    pairing = pair(list(images), image_paths(folder))
    if not pairing.files:
        found = ", ".join(path.name for path in pairing.stray[:3]) or "no images"
        raise UserError(f"--sr {label}={folder}: no file there is named for an image of {cell} (it has {found})")
    ended = Taken(pairing.rule, cell, without=pairing.without)
    for path in pairing.stray:
        ended.refused[path.name] = f"named for no image of {cell}"
    for image, path in pairing.files.items():
        try:
            _take_one(workspace, label, images[image], path, rows, ended, off_by_one)
        except ValueError as error:
            ended.refused[path.name] = str(error)
    return ended


def _only_cell(label: str, folder: Path, data: Sequence[DataRow]) -> str:
    cells = list(dict.fromkeys(f"{row.set} {row.kind} x{row.scale}" for row in data))
    if len(cells) > 1:
        raise UserError(
            f"--sr {label}={folder}: of which LR images are these? There is {', '.join(cells)}: "
            "say it with --dataset, --kind and --scale"
        )
    return cells[0]


def _take_one(
    workspace: Workspace, label: str, lr: DataRow, path: Path, rows: RowFiles, ended: Taken, off_by_one: bool
) -> None:
    height, width = lr.scale * lr.height, lr.scale * lr.width
    image = fitted(read_image(path), height, width, off_by_one=off_by_one, option="--off-by-one")
    data = png_bytes(image)
    digest = sha256(data).hexdigest()
    case = RunCase(set=lr.set, image=lr.image, kind=lr.kind, scale=lr.scale, method=label, seed=0)
    target = sr_path(case)
    key = sha256(json.dumps({"sr": digest, "lr": lr.lr_sha256}).encode()).hexdigest()
    old = rows.of(case)
    ended.taken += 1
    if old is not None and old.key == key and is_intact(workspace.root / target, digest):
        ended.known += 1
        return
    # The old row goes first: a crash in between must not leave the new image under the old row.
    (workspace.root / row_path(target)).unlink(missing_ok=True)
    write_atomic(workspace.root / target, data)
    row = RunRow(**vars(case), key=key, status="ok", precision="fp32", note=NOTE)
    row.sr_path, row.sr_sha256, row.lr_sha256 = target, digest, lr.lr_sha256
    rows.put(row)
