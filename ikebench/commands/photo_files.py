"""Where `ikebench sr` reads photographs and writes what it makes of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ikebench.commands.options import say
from ikebench.errors import UserError
from ikebench.images import image_paths, left_out, read_photo, write_photo, write_png
from ikebench.kernel_files import read_kernel
from ikebench.progress import spoken
from ikebench.store.rows import RunRow
from ikebench.store.workspace import Workspace

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Image = NDArray[np.uint8]

SUFFIX = ".png"  # where nobody says another
COMPARED = 480  # SR px, the side of what is compared
GAP, CAPTION = 4, 20  # px


@dataclass(frozen=True)
class Target:
    """A photograph, and where its enlargement goes."""

    photo: Path
    out: Path

    @property
    def image(self) -> str:
        """Its name while it is at work."""
        return self.photo.stem

    @property
    def compared(self) -> Path:
        """Where the picture that compares goes."""
        return self.out.with_name(f"{self.out.stem}_compare.png")


def targets(photos: Sequence[Path], label: str, output: Path | None) -> list[Target]:
    """Say where every photograph's enlargement goes; what is itself the enlargement of another one is left out.

    Args:
        photos: files and folders.
        label: of method and scale, for names.
        output: a file for one photograph, a folder for several; None for beside them, folders beside folders.

    Raises:
        UserError: for what is not there, two photographs with one name, or a result in place of its photograph.
    """
    found = [target for given in photos for target in _of(given, label, output)]
    if output is not None and not _names_folder(output):
        if len(found) != 1 or photos[0].is_dir():
            raise UserError(f"-o {output}: a file's name, for {len(found)} photos: give a folder")
        found = [Target(found[0].photo, output)]
    found = _without_results(found)
    taken: dict[Path, Path] = {}
    for target in found:
        if target.out.exists() and target.out.samefile(target.photo):
            raise UserError(f"-o {target.out}: that is the photo itself: give another name")
        if target.out in taken:
            raise UserError(f"{taken[target.out]} and {target.photo} would both become {target.out}: rename one")
        taken[target.out] = target.photo
    return found


def _without_results(found: Sequence[Target]) -> list[Target]:
    """Leave out, with a line, what an earlier command has made of another photograph of the list."""
    made = {path.resolve(): one.photo for one in found for path in (one.out, one.compared)}
    kept = []
    for target in found:
        of = made.get(target.photo.resolve(), target.photo)
        if of == target.photo:
            kept.append(target)
        else:
            say(f"{target.photo} is made of {of}: left out")
    return kept


def _of(given: Path, label: str, output: Path | None) -> list[Target]:
    if given.is_dir():
        folder = output or given.resolve().with_name(f"{given.resolve().name}_{label}")
        if line := left_out(given):
            say(line)
        files = image_paths(given)
        if not files:
            raise UserError(f"{given}: no images in it")
        return [Target(path, folder / f"{path.stem}_{label}{SUFFIX}") for path in files]
    if not given.is_file():
        raise UserError(f"{given}: no such file")
    return [Target(given, (output or given.parent) / f"{given.stem}_{label}{SUFFIX}")]


def _names_folder(output: Path) -> bool:
    return output.is_dir() or not output.suffix


def try_out(group: Sequence[Target], scratch: Path) -> tuple[list[Target], dict[str, str]]:
    """Find out which photographs can be read, and written again in the format that is wanted: not after the hours.

    Raises:
        UserError: for a format that is not written, or cannot hold what a photograph has.
    """
    usable, refused = [], {}
    for target in group:
        try:
            photo = read_photo(target.photo)
        except ValueError as error:
            refused[str(target.photo)] = str(error).removeprefix(f"{target.photo}: ")
            continue
        usable.append(target)
        if target.out.suffix == SUFFIX:  # which holds everything
            continue
        trial = scratch / f"trial{target.out.suffix}"
        try:
            write_photo(trial, photo.pixels, photo)
        except UserError as error:
            raise UserError(str(error).replace(str(trial), str(target.out))) from error
        finally:
            trial.unlink(missing_ok=True)
    return usable, refused


def finish(target: Target, workspace: Workspace, row: RunRow, *, compare: bool) -> list[str]:
    """Write an enlarged photograph, and the picture that compares, where it is wanted; gives what to say of it."""
    from ikebench.images import read_image

    photo = read_photo(target.photo)
    sr = read_image(workspace.root / (row.sr_path or ""))
    write_photo(target.out, sr, photo)
    note = f" ({row.note})" if row.note else ""
    lines = [f"{target.out}: {sr.shape[1]}x{sr.shape[0]} px, in {spoken(row.seconds or 0)}{note}"]
    lines.append(_consistency(photo.pixels, sr, workspace, row))
    if compare:
        write_png(target.compared, comparison(photo.pixels, sr, row.scale, row.method))
        lines.append(f"{target.compared}: bicubic on the left, {row.method} on the right, where they differ most")
    return lines


def _consistency(lr: "Image", sr: "Image", workspace: Workspace, row: RunRow) -> str:
    """Say how near SR, made smaller again, comes to the photograph."""
    from degradations.resample import bicubic_kernel
    from ikebench.scoring.consistency import psnr_of_kernel

    found = f"{psnr_of_kernel(sr, lr, bicubic_kernel(row.scale), row.scale):.1f} dB bicubically"
    if row.kernel_path is not None:
        kernel = read_kernel(workspace.root, row.kernel_path, row.kernel_sha256, "run again")
        found += f", {psnr_of_kernel(sr, lr, kernel, row.scale):.1f} dB by the kernel that {row.method} has found"
    return f"LR consistency (made smaller again, against the photo): {found}"


def comparison(lr: "Image", sr: "Image", scale: int, method: str) -> "Image":
    """Show bicubic upscaling and SR side by side, where they differ most.

    Args:
        lr: (h, w, 3) uint8.
        sr: (s h, s w, 3) uint8.
        scale: s.
        method: its name, written below.

    Returns:
        (H, W, 3) uint8, white between and below.
    """
    import numpy as np
    from PIL import Image, ImageDraw

    from degradations.resample import imresize, quantise
    from reports.windows import most_different

    bicubic = quantise(imresize(lr, scale))
    window = most_different([bicubic, sr], COMPARED, scale)
    parts = [window.of(bicubic), window.of(sr)]
    height, width = parts[0].shape[:2]
    canvas = np.full((height + CAPTION, 2 * width + GAP, 3), 255, np.uint8)
    canvas[:height, :width], canvas[:height, width + GAP :] = parts
    drawn = Image.fromarray(canvas)
    for left, name in ((0, "bicubic"), (width + GAP, method)):
        ImageDraw.Draw(drawn).text((left + GAP, height + GAP), name, fill=(0, 0, 0))
    return np.array(drawn)
