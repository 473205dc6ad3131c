"""How a report's files come into their folder: all written beside their places first, then renamed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from glob import escape
from pathlib import Path


def write_all(contents: Mapping[Path, str | bytes]) -> list[Path]:
    """Write files under temporary names beside their places, then rename all; missing folders are made.

    A reader never sees half a file, and where one cannot be written, on a full disk, say, none takes its place.

    Raises OSError.
    """
    temporary = {path: path.with_name(f".{path.name}.{os.getpid()}.tmp") for path in contents}
    try:
        for path, content in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            _remove_leftovers(path)
            with temporary[path].open("xb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
        for path, written in temporary.items():
            written.replace(path)
    finally:
        for left in temporary.values():
            if left.exists():
                left.unlink()
    return list(contents)


def _remove_leftovers(path: Path) -> None:
    """Remove what processes that are no more have left of a file, and what has the name that this one is to use."""
    for left in path.parent.glob(f".{escape(path.name)}.*.tmp"):
        pid = left.name.split(".")[-2]
        if pid == str(os.getpid()) or not Path(f"/proc/{pid}").exists():
            left.unlink(missing_ok=True)
