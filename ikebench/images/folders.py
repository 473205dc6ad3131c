"""The images of a folder, by name."""

import os
import re
from pathlib import Path

from ikebench.errors import UserError

IMAGE_SUFFIXES = frozenset(
    ".avif .bmp .dib .gif .heic .heif .hif .j2c .j2k .jfif .jif .jp2 .jpc .jpe .jpeg .jpf .jpg .jpx .mpo .pbm .pgm "
    ".png .pnm .ppm .tif .tiff .webp".split()
)
"""Lower-case suffixes of the files that `image_paths` lists."""

FEW = 3
"""So many files of a kind are named one by one."""


def image_paths(folder: str | os.PathLike[str]) -> list[Path]:
    """List the image files of a folder by suffix, `img_2.png` before `img_10.png`.

    Sub-folders are not entered; hidden files are skipped, and so are files still being written.

    Raises:
        ValueError: when there is no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder")
    paths = [path for path in folder.iterdir() if _is_image_name(path.name) and path.is_file()]
    return sorted(paths, key=lambda path: (natural_order(path.name), path.name))


def by_stem(folder: Path, suffix: str = "") -> dict[str, Path]:
    """Give image name -> file of a folder; a name is the file's stem without `suffix`, if anything is left then.

    Raises:
        UserError: if there are no images, or two share a name.
    """
    files: dict[str, Path] = {}
    for path in image_paths(folder):
        name = path.stem.removesuffix(suffix) or path.stem
        if name in files:
            raise UserError(f"{folder}: {files[name].name} and {path.name} share a name: rename one of them")
        files[name] = path
    if not files:
        others = _others(folder)
        raise UserError(f"{folder}: no images in it" + f", only {others}" * bool(others))
    return files


def left_out(folder: Path) -> str:
    """Say in a line what `image_paths` does not list of a folder, "" where it lists all."""
    others = _others(folder)
    return f"{folder}: left out, no images by their names: {others}" if others else ""


def _others(folder: Path) -> str:
    """Name what is no image by its name, or count it where it is much of a kind."""
    kinds: dict[str, list[str]] = {}
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            kinds.setdefault("folders", []).append(f"{path.name}/")
        elif path.name.startswith("."):
            kinds.setdefault("hidden files", []).append(path.name)
        elif not (_is_image_name(path.name) and path.is_file()):
            kinds.setdefault(f"files {path.suffix.lower() or 'without a suffix'}", []).append(path.name)
    return ", ".join(", ".join(names) if len(names) <= FEW else f"{len(names)} {kind}" for kind, names in kinds.items())


def natural_order(name: str) -> list[str | int]:
    """Give the key that sorts `img_2` before `img_10`."""
    parts = re.split(r"([0-9]+)", name.casefold())  # text, digits, text, ...: like compares with like
    return [int(part) if index % 2 else part for index, part in enumerate(parts)]


def _is_image_name(name: str) -> bool:
    return not name.startswith(".") and Path(name).suffix.lower() in IMAGE_SUFFIXES
