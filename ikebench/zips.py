"""Zip files that are not to be trusted: all that could go wrong is looked for before a byte of one is written."""

import os
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_LZMA, ZIP_STORED, ZipFile, ZipInfo

from ikebench.errors import UserError, one_line

COMPRESSIONS = (ZIP_STORED, ZIP_DEFLATED, ZIP_BZIP2, ZIP_LZMA)
ENCRYPTED = 1  # bit of a member's flags
LONGEST_NAME = 255  # bytes, of most file systems
LONGEST_PATH = 4096 - 256  # bytes: what Linux takes, less the folder that it goes into
DEEPEST = 50  # folders within folders


def extract(archive: Path, folder: Path, *wanted: str) -> None:
    """Unpack these files and folders of a zip file, or all that it holds, into a folder.

    Raises:
        UserError: if it is damaged or encrypted, does not fit on the disk, holds names that a disk cannot, or anything
            that would lie elsewhere; nothing is written then, unless the damage shows late.
    """
    try:
        with ZipFile(archive) as zipped:
            members = zipped.infolist()
            _check(archive, members)
            taken = [one for one in members if not wanted or _is_below(_path(one), wanted)]
            _check_room(archive, taken, folder)
            for one in taken:
                zipped.extract(one, folder)
    except UserError:
        raise
    except OSError as error:
        raise UserError(f"cannot unpack {archive} into {folder}: {one_line(error)}") from error
    except Exception as error:  # the reader raises many things for a damaged file
        raise UserError(f"{archive} is damaged ({one_line(error)}): delete it and get it again") from error


def _check(archive: Path, members: Sequence[ZipInfo]) -> None:
    """Refuse what would lie elsewhere, cannot be written or cannot be read."""
    files: set[PurePosixPath] = set()
    for one in members:
        path = _path(one)
        if path.is_absolute() or ".." in path.parts or _is_link(one):
            raise _refused(archive, f"is not safe to unpack: it holds {_shown(one)}")
        if max(len(os.fsencode(part)) for part in (*path.parts, "")) > LONGEST_NAME or (
            len(path.parts) > DEEPEST or len(os.fsencode(str(path))) > LONGEST_PATH
        ):
            raise _refused(archive, f"holds a name that is too long: {_shown(one)}")
        if one.flag_bits & ENCRYPTED:
            raise _refused(archive, "is encrypted: unpack it by hand")
        if one.compress_type not in COMPRESSIONS:
            raise _refused(archive, f"is compressed in a way unknown here ({one.compress_type}): unpack it by hand")
        if path in files:
            raise _refused(archive, f"holds {_shown(one)} twice")
        if not one.is_dir():
            files.add(path)
    for one in members:
        path = _path(one)
        if not files.isdisjoint(path.parents) or (one.is_dir() and path in files):
            raise _refused(archive, f"holds a file and a folder of one name: {_shown(one)}")


def _check_room(archive: Path, members: Sequence[ZipInfo], folder: Path) -> None:
    there = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    needed, free = sum(one.file_size for one in members), shutil.disk_usage(there).free
    if needed > free:
        sizes = f"{needed / 2**30:.1f} GiB, and {free / 2**30:.1f} GiB are free"
        raise UserError(f"{archive} unpacks to {sizes} in {folder}: make room, or unpack it elsewhere by hand")


def _is_below(path: PurePosixPath, wanted: Sequence[str]) -> bool:
    return any(PurePosixPath(one) in (path, *path.parents) for one in wanted)


def _refused(archive: Path, reason: str) -> UserError:
    return UserError(f"{archive} {reason}")


def _path(member: ZipInfo) -> PurePosixPath:
    return PurePosixPath(member.filename.replace("\\", "/"))


def _shown(member: ZipInfo) -> str:
    """Give a name as a line can hold it."""
    name = repr(member.filename)[1:-1]
    return name if len(name) <= 80 else name[:80] + "…"


def _is_link(member: ZipInfo) -> bool:
    return stat.S_ISLNK(member.external_attr >> 16)  # the high half is the Unix mode
