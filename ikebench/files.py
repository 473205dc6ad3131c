"""Files that appear whole or not at all, their hashes, and what is done with damaged ones."""

import errno
import fcntl
import json
import os
import re
import secrets
import stat
from collections.abc import Iterable
from contextlib import suppress
from hashlib import file_digest
from io import BufferedReader
from itertools import count
from pathlib import Path
from typing import IO, Any

from ikebench.errors import UserError

PARTIAL_SUFFIX = ".part"
"""Suffix of a file still being written; one that is left over belongs to a killed process and may be deleted."""

NO_PLAIN_FILE = "not a plain file"

_PARTIAL = re.compile(rf"\.[0-9a-f]{{16}}{re.escape(PARTIAL_SUFFIX)}")


def write_atomic(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file so that it is there whole or, after a crash, not at all; missing folders are made.

    It is written beside its place, as a hidden file with `PARTIAL_SUFFIX`, and then renamed. A link in its place is
    replaced, not followed.

    Raises:
        OSError: with the path, if it cannot be written; what was there is as it was.
    """
    path = Path(path)
    partial = path.with_name(f".{secrets.token_hex(8)}{PARTIAL_SUFFIX}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("xb") as file:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(file, fcntl.LOCK_EX)  # tells `remove_leftovers` that somebody is still writing
            file.write(data)
            file.flush()
            os.fsync(file.fileno())  # or a power cut could leave the new name with no content
            os.replace(partial, path)
    except BaseException as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        if isinstance(error, OSError):  # a full disk names no file, and others the partial one
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def open_plain(path: Path, mode: str) -> IO[bytes]:
    """Open a file of ours for writing; a link in its place is replaced, as it could lead anywhere.

    Raises:
        OSError: if it cannot be opened, or is no plain file.
    """
    if path.is_symlink():
        path.unlink()
    return open(path, mode, opener=lambda name, flags: _opened(name, flags | os.O_NOFOLLOW))


def open_to_read(path: str | os.PathLike[str]) -> BufferedReader:
    """Open a file for reading; a pipe or a device is refused, as nobody knows whether it ever ends.

    Raises:
        OSError: if it cannot be opened, or is no plain file.
    """
    return open(path, "rb", opener=_opened)


def _opened(name: str, flags: int) -> int:
    """Open a plain file; without O_NONBLOCK, that of a pipe would wait for its other end."""
    try:
        number = os.open(name, flags | os.O_NONBLOCK, 0o666)
    except OSError as error:
        if error.errno != errno.ENXIO:  # a pipe that nobody reads, or a socket
            raise
        raise OSError(errno.EINVAL, NO_PLAIN_FILE, name) from None
    mode = os.fstat(number).st_mode
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):  # Python itself refuses a folder
        return number
    os.close(number)
    raise OSError(errno.EINVAL, NO_PLAIN_FILE, name)


def remove_leftovers(folder: Path, names: Iterable[str]) -> None:
    """Remove those of a folder's files that a killed process has left half-written."""
    for name in names:
        if _PARTIAL.fullmatch(name):
            with suppress(OSError), open_to_read(folder / name) as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # refused as long as its writer lives
                (folder / name).unlink()


def read_json(path: str | os.PathLike[str]) -> Any:  # noqa: ANN401 (whatever is in it)
    """Read a JSON file.

    Raises:
        OSError: if it cannot be read.
        ValueError: if it is no JSON, or nested too deeply.
    """
    with open_to_read(path) as file:
        try:
            return json.load(file)
        except RecursionError:
            raise ValueError("nested too deeply") from None


def set_aside(path: str | os.PathLike[str], why: Exception) -> str:
    """Rename a file that cannot be used: nothing of it is lost, and it is in nobody's way. Gives a line on it."""
    path = Path(path)
    names = (f"{path.name}.damaged{number or ''}" for number in count())
    aside = next(path.with_name(name) for name in names if not os.path.lexists(path.with_name(name)))
    reason = why.strerror if isinstance(why, OSError) else why
    try:
        path.rename(aside)
    except OSError as error:
        return f"{path} cannot be used ({reason}), nor renamed ({error.strerror}): left out"
    return f"{path} cannot be used ({reason}): renamed to {aside.name}"


def sha256_file(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file's bytes as 64 lower-case hexadecimal digits."""
    with open_to_read(path) as file:
        return file_digest(file, "sha256").hexdigest()


def check_folder(option: str, folder: Path, hint: str = "") -> None:
    """Refuse what is no folder; a file is said to be one.

    Raises:
        UserError: with the option that named it.
    """
    if folder.is_file():
        raise UserError(f"{option} {folder}: a file, not a folder: give the folder that it is in")
    if not folder.is_dir():
        raise UserError(f"{option} {folder}: no such folder{hint}")


def is_intact(path: str | os.PathLike[str], expected_sha256: str | None) -> bool:
    """Say whether a file is there as it was written."""
    try:
        return sha256_file(path) == expected_sha256
    except OSError:
        return False
