"""Hashes of files, each read once: what is known of a file holds as long as its size, times and inode do."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock

import pyarrow as pa
import pyarrow.parquet as pq

from ikebench.files import sha256_file, write_atomic

Signature = tuple[int, int, int, int]
"""Of a file's content: bytes, mtime and ctime in ns, inode. The ctime tells of those who set the mtime back."""

SETTLED = 2_000_000_000
"""ns. A file changed so shortly before it was read could change again without a change of its time: where a file
system counts in seconds. What is known of it is not kept for the next process."""

SCHEMA = pa.schema(
    {
        "path": pa.string(),
        "what": pa.string(),
        "size": pa.int64(),
        "mtime_ns": pa.int64(),
        "ctime_ns": pa.int64(),
        "inode": pa.uint64(),
        "sha256": pa.string(),
    }
)


class Hashes:
    """SHA-256 of the files of a workspace, remembered from command to command. Several threads may use it."""

    def __init__(self, root: Path, *, remembered: bool = True) -> None:
        """Remember what earlier commands found out, if they are to be believed; a damaged memory is none."""
        self.root = root
        self._known: dict[tuple[str, str], tuple[Signature, str]] = _read(self._file) if remembered else {}
        self._unsettled: set[tuple[str, str]] = set()
        self._changed = False
        self._locks: dict[tuple[str, str], Lock] = {}
        self._lock = Lock()

    @property
    def _file(self) -> Path:
        return self.root / ".hashes.parquet"

    def of(self, path: str) -> str:
        """Give the SHA-256 of a file, relative to the workspace or absolute.

        Raises:
            OSError: if it cannot be read.
        """
        subject = (path, "sha256")
        with self._lock:
            lock = self._locks.setdefault(subject, Lock())
        with lock:  # of two threads that want the same file, one reads it
            signature = self.signature(path)
            known = self.noted(path, signature, "sha256")
            if known is None:
                known = sha256_file(self.root / path)
                self.note(path, signature, "sha256", known)
            return known

    def is_intact(self, path: str, expected: str | None) -> bool:
        """Say whether a file is there as it was written."""
        try:
            return self.of(path) == expected
        except OSError:
            return False

    def signature(self, path: str) -> Signature:
        """Give what tells one content of a file from another without reading it.

        Raises:
            OSError: if there is no such file.
        """
        found = os.stat(self.root / path)
        return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino

    def noted(self, path: str, signature: Signature, what: str) -> str | None:
        """Give a hash that was noted for a file as it is now."""
        known = self._known.get((path, what))
        return known[1] if known is not None and known[0] == signature else None

    def note(self, path: str, signature: Signature, what: str, sha256: str) -> None:
        """Note a hash that belongs to the content of a file: its own, or that of something made from it alone."""
        subject = (path, what)
        self._known[subject] = (signature, sha256)
        self._changed = True
        if time.time_ns() - max(signature[1:3]) < SETTLED:
            self._unsettled.add(subject)
        else:
            self._unsettled.discard(subject)

    def save(self) -> None:
        """Keep what is new for later commands."""
        if not self._changed:
            return
        kept = {subject: known for subject, known in list(self._known.items()) if subject not in self._unsettled}
        columns = {
            "path": [path for path, _ in kept],
            "what": [what for _, what in kept],
            "size": [signature[0] for signature, _ in kept.values()],
            "mtime_ns": [signature[1] for signature, _ in kept.values()],
            "ctime_ns": [signature[2] for signature, _ in kept.values()],
            "inode": [signature[3] for signature, _ in kept.values()],
            "sha256": [sha256 for _, sha256 in kept.values()],
        }
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pydict(columns, SCHEMA), sink)
        write_atomic(self._file, sink.getvalue().to_pybytes())
        self._changed = False


@contextmanager
def hashes_of(root: Path, *, keep: bool = True) -> Iterator[Hashes]:
    """Open a workspace's hashes, and keep what was found out, come what may."""
    hashes = Hashes(root)
    try:
        yield hashes
    finally:
        if keep:
            with suppress(OSError):  # what is not kept is found out again
                hashes.save()


def _read(path: Path) -> dict[tuple[str, str], tuple[Signature, str]]:
    try:
        table = pq.read_table(path, schema=SCHEMA)
        columns = [table[name].to_pylist() for name in SCHEMA.names]
    except (OSError, ValueError, pa.ArrowException):
        return {}
    return {
        (path, what): ((size, mtime_ns, ctime_ns, inode), sha256)
        for path, what, size, mtime_ns, ctime_ns, inode, sha256 in zip(*columns, strict=True)
    }
