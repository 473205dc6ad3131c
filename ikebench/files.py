"""Files that appear whole or not at all, and their hashes."""

import os
import secrets
from hashlib import file_digest
from pathlib import Path

from ikebench.errors import UserError

PARTIAL_SUFFIX = ".part"
"""Suffix of a file still being written; one that is left over belongs to a killed process and may be deleted."""


def write_atomic(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file so that it is there whole or, after a crash, not at all; missing folders are made.

    It is written beside its place, as a hidden file with `PARTIAL_SUFFIX`, and then renamed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{secrets.token_hex(8)}{PARTIAL_SUFFIX}")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())  # or a power cut could leave the new name with no content
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def sha256_file(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file's bytes as 64 lower-case hexadecimal digits."""
    with open(path, "rb") as file:
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
