"""Bundles: a workspace's results in one zip file, or in a folder, with a list of all that was put in."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from ikebench.errors import UserError
from ikebench.files import read_json
from ikebench.store.checks import is_text
from ikebench.zips import extract

INVENTORY = "bundle.json"
"""The list: `files` has path -> SHA-256 of every file but itself; the rest says how the bundle was made."""

SUFFIX = ".zip"


@contextmanager
def opened(source: Path, *wanted: str) -> Iterator[Path]:
    """Give the folder that a source is: itself, or what a bundle's zip file holds, unpacked for as long as it is open.

    Args:
        source: a workspace, a bundle as a folder, or one as a zip file.
        wanted: files and folders to unpack; all without any.

    Raises:
        UserError: if a zip file cannot be unpacked, or is no bundle.
    """
    if source.suffix != SUFFIX or not source.is_file():
        yield source
        return
    with TemporaryDirectory(prefix="ikebench-") as temporary:
        extract(source, Path(temporary), *((INVENTORY, *wanted) if wanted else ()))
        if not is_bundle(Path(temporary)):
            raise UserError(f"{source} is no bundle: it holds no {INVENTORY} (`ikebench bundle` makes them)")
        yield Path(temporary)


def is_bundle(folder: Path) -> bool:
    """Say whether a folder is a bundle, unpacked or written so."""
    return (folder / INVENTORY).is_file()


def inventory(folder: Path) -> Mapping[str, str]:
    """Read the list of a bundle: path -> SHA-256.

    Raises:
        UserError: if it cannot be read, or names what does not lie in the bundle.
    """
    try:
        files = read_json(folder / INVENTORY)["files"]
        listed = {str(path): str(sha256) for path, sha256 in files.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        raise UserError(f"{INVENTORY} of the bundle cannot be read: get the bundle again") from None
    for path in listed:
        if not is_text(path) or "\0" in path or path.startswith("/") or ".." in path.split("/"):
            raise UserError(f"{INVENTORY} of the bundle names {path[:80]!r}, which is no file of it: get it again")
    return listed
