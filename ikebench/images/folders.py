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
    """Give image name -> file of a folder; a name is the file's stem without `suffix`.

    Raises:
        UserError: if there are no images, or two share a name.
    """
    files: dict[str, Path] = {}
    for path in image_paths(folder):
        name = path.stem.removesuffix(suffix)
        if name in files:
            raise UserError(f"{folder}: {files[name].name} and {path.name} share a name: rename one of them")
        files[name] = path
    if not files:
        raise UserError(f"{folder}: no images in it")
    return files


def left_out(folder: Path) -> str:
    """Say in a line what else is in a folder of images, "" where there is nothing."""
    others = sorted(path.name for path in folder.iterdir() if not (_is_image_name(path.name) and path.is_file()))
    if not others:
        return ""
    shown = ", ".join(others[:5]) + (f" and {len(others) - 5} more" if len(others) > 5 else "")
    return f"{folder}: left out what is no image by its name: {shown}"


def natural_order(name: str) -> list[str | int]:
    """Give the key that sorts `img_2` before `img_10`."""
    parts = re.split(r"([0-9]+)", name.casefold())  # text, digits, text, ...: like compares with like
    return [int(part) if part.isdecimal() else part for part in parts]


def _is_image_name(name: str) -> bool:
    return not name.startswith(".") and Path(name).suffix.lower() in IMAGE_SUFFIXES
