"""SR images that are there already (`run --sr NAME=FOLDER`), taken into a workspace as results of a method."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from ikebench.catalog import check_label
from ikebench.errors import UserError
from ikebench.files import is_intact, write_atomic
from ikebench.fitting import fitted
from ikebench.images import image_paths, png_bytes, read_image
from ikebench.pairing import pair
from ikebench.run.jobs import QUICK
from ikebench.store.row_files import RowFiles
from ikebench.store.rows import DataRow, RunCase, RunRow
from ikebench.store.workspace import Workspace, companion_paths, row_path, sr_path

NOTE = "images made elsewhere"


@dataclass(frozen=True)
class Found:
    """The files of a folder, and the LR images that they are of.

    Attributes:
        label: the method's name.
        cell: the LR images, in words.
        rule: how files and images were told to belong together.
        files: (LR image, its file), of the LR images that are wanted.
        without: wanted LR images of which there is no SR image.
        stray: name of a file -> why it belongs to no LR image.
    """

    label: str
    cell: str
    rule: str
    files: Sequence[tuple[DataRow, Path]]
    without: Sequence[str]
    stray: Mapping[str, str]


@dataclass
class Taken:
    """What came of a folder.

    Attributes:
        taken: number of images taken.
        known: number of those that were there already.
        refused: name of a file -> why it is not taken: it is stray, cannot be read, or is of another size.
    """

    taken: int = 0
    known: int = 0
    refused: dict[str, str] = field(default_factory=dict)


def check_name(label: str, others: Collection[str]) -> None:
    """Refuse a name under which no results of elsewhere can be kept; `others` are the methods that are run.

    Raises:
        UserError: with what else to do.
    """
    check_label("--sr", label)
    if label in others:
        raise UserError(f"--sr {label}: --methods or --as keeps results under that name; choose another")
    if label.endswith(QUICK):
        raise UserError(f"--sr {label}: under such names --quick keeps its results; choose another")


def check_unused(label: str, rows: RowFiles) -> None:
    """Refuse a name under which results are kept that were made here.

    Raises:
        UserError: with what else to do.
    """
    made = sum(row.method == label and row.note != NOTE for row in rows.all())
    if made:
        raise UserError(
            f"--sr {label}: {made} results made here are kept under that name: choose another; --replace gives them up"
        )


def find(label: str, folder: Path, data: Sequence[DataRow], wanted: Sequence[DataRow]) -> Found:
    """Tell which file of a folder is of which LR image; nothing is written.

    Args:
        label: the method's name.
        folder: of SR images.
        data: the LR images that they are of: one set, kind and scale.
        wanted: those of `data` whose SR images are to be taken.

    Raises:
        UserError: for LR images of several kinds, or a folder without a file that belongs to one of them.
    """
    cell = _only_cell(label, folder, data)
    pairing = pair([row.image for row in data], image_paths(folder))
    if not pairing.files:
        found = ", ".join(path.name for path in list(pairing.stray)[:3]) or "no images"
        raise UserError(f"--sr {label}={folder}: no file there is named for an image of {cell} (it has {found})")
    files = [(row, pairing.files[row.image]) for row in wanted if row.image in pairing.files]
    without = [row.image for row in wanted if row.image not in pairing.files]
    stray = {path.name: pairing.why(path, f"named for no image of {cell}") for path in pairing.stray}
    return Found(label, cell, pairing.rule, files, without, stray)


def take(workspace: Workspace, found: Found, rows: RowFiles, *, off_by_one: bool) -> Taken:
    """Take a folder's images in as the results of a method.

    Args:
        workspace: where to.
        found: the images.
        rows: of the workspace.
        off_by_one: take images that are a pixel too large or too small.
    """
    ended = Taken(refused=dict(found.stray))
    for lr, path in found.files:
        try:
            _take_one(workspace, found.label, lr, path, rows, ended, off_by_one)
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
    # The old row goes first: a crash in between must not leave the new image under the old row. What else lay beside
    # the old image is not of this one.
    for beside in (row_path(target), *companion_paths(target, lr.scale)):
        (workspace.root / beside).unlink(missing_ok=True)
    write_atomic(workspace.root / target, data)
    row = RunRow(**vars(case), key=key, status="ok", precision="fp32", note=NOTE)
    row.sr_path, row.sr_sha256, row.lr_sha256 = target, digest, lr.lr_sha256
    rows.put(row)
