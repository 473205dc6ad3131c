"""Downloads that go on where they stopped, are checked, and are unpacked safely: DIV2K and released weights."""

import fcntl
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from baselines.weights import known_files, read_weights
from ikebench.catalog import method_class, uses
from ikebench.errors import UserError
from ikebench.files import PARTIAL_SUFFIX, sha256_file
from ikebench.progress import Progress
from ikebench.weight_files import checked, in_folder
from ikebench.zips import extract

TIMEOUT = 30  # seconds without a byte
BLOCK = 2**18
RANGE_NOT_SATISFIABLE = 416
PARTIAL_CONTENT = 206


@dataclass(frozen=True)
class Download:
    """A file and where it is served.

    Attributes:
        name: of the file.
        urls: mirrors, the best first.
        sha256: what its SHA-256 starts with, or "" where that is not known.
    """

    name: str
    urls: Sequence[str]
    sha256: str = ""


@dataclass(frozen=True)
class Archive:
    """A zip file, and the folder in it that is wanted."""

    download: Download
    folder: str


BASE_SCHEMES = ("http://", "https://", "file:///")

DIV2K_HOSTS = ("https://data.vision.ee.ethz.ch/cvl/DIV2K/", "http://data.vision.ee.ethz.ch/cvl/DIV2K/")


def _div2k(name: str, folder: str, sha256: str) -> Archive:
    return Archive(Download(name, [host + name for host in DIV2K_HOSTS], sha256), folder)


DIV2K = (  # the validation images, and Track 2's LR of them: 0.57 GB together
    _div2k(
        "DIV2K_valid_HR.zip",
        "DIV2K_valid_HR",
        "20dd31fd84d777bc1cf5d6b7654a3f569c0aec74458ae094122ad1d0489900fc",
    ),
    _div2k(
        "DIV2K_valid_LR_unknown_X2.zip",
        "DIV2K_valid_LR_unknown/X2",
        "ec50bb084c0011130874efd2ed7859b46e0aa7104c565818d5271ac315e04e0a",
    ),
    _div2k(
        "DIV2K_valid_LR_unknown_X4.zip",
        "DIV2K_valid_LR_unknown/X4",
        "e3897555a98de1157c20974fb6093105fbc1ff5e9caf7bd348f58f6da140fbef",
    ),
)


def mirrored(downloads: Sequence[Download], bases: Sequence[str]) -> list[Download]:
    """Put before all of them what lies under the same names below other addresses.

    Raises:
        UserError: for what is no address.
    """
    for base in bases:
        if not base.startswith(BASE_SCHEMES):
            raise UserError(f"--base-url {base}: give an address that starts with {', '.join(BASE_SCHEMES)}")
    own = [replace(one, urls=[f"{base.rstrip('/')}/{one.name}" for base in bases]) for one in downloads]
    return [*own, *downloads]


def fetch_div2k(folder: Path, bases: Sequence[str], say: Callable[[str], None]) -> None:
    """Get DIV2K in its official layout; what is there stays.

    Args:
        folder: where it goes.
        bases: addresses that are tried before the official one.
        say: called with a line for each part.

    Raises:
        UserError: if an archive cannot be had or is not what it should be.
    """
    for archive in DIV2K:
        if (folder / archive.folder).is_dir():
            say(f"{folder / archive.folder} is already there")
            continue
        zipped = fetch(mirrored([archive.download], bases), folder)
        unpack(zipped, archive.folder, folder)
        zipped.unlink()
        say(f"{folder / archive.folder} is ready")


def fetch_weights(
    name: str, scales: Sequence[int] | None, folder: Path, bases: Sequence[str], say: Callable[[str], None]
) -> None:
    """Get a method's released weights: of each scale, the first file that can be had and that fits the method.

    Args:
        name: of the method.
        scales: those wanted; None for all of the method's.
        folder: where they go.
        bases: addresses that are tried before those where they are released; also for what is served to browsers only.
        say: called with a line for each scale.

    Raises:
        UserError: if a scale's cannot be had; those of the scales before it stay.
    """
    method = method_class(name)()
    if "weights" not in uses(method):
        raise UserError(f"{name} has no use for weights: nothing to fetch")
    for scale in scales or method.scales:
        path = in_folder(name, scale, folder)
        if path is None:
            served = [known for known in known_files(name, scale) if known.url or bases]
            if not served:
                raise UserError(f"no weights of {name} at x{scale} are known: put yours into {folder}")
            downloads = [Download(known.name, [known.url] * bool(known.url), known.sha256_prefix) for known in served]
            path = fetch(mirrored(downloads, bases), folder, _fits(method, scale))
            say(f"{name} x{scale}: {path}")
            continue
        try:
            checked(method, path)
        except ValueError as error:
            raise UserError(str(error)) from error
        say(f"{name} x{scale}: {path} is already there")


def _fits(method: Any, scale: int) -> Callable[[Path], None]:  # noqa: ANN401 (baselines.contract.Method)
    """Check a file that has come: it may be a host's page about an error, or another network."""

    def check(path: Path) -> None:
        found = method.scale_of(read_weights(path))
        if found != scale:
            raise ValueError(f"it is for x{found}")

    return check


def fetch(downloads: Sequence[Download], folder: Path, check: Callable[[Path], object] | None = None) -> Path:
    """Get the first of several files that can be had.

    Args:
        downloads: in the order of preference.
        folder: where it goes.
        check: called with the whole file before it takes its name; a ValueError refuses it.

    Raises:
        UserError: if none can be had, with every address and what was wrong there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror}") from error
    troubles = []
    for download in downloads:
        whole = folder / download.name
        if download.sha256 and whole.is_file() and sha256_file(whole).startswith(download.sha256):
            return whole  # an archive that an earlier run did not get to unpack
        for url in download.urls:
            try:
                return _fetch_one(url, download, folder, check)
            except (OSError, HTTPException, ValueError) as error:
                troubles.append(f"{url} ({_reason(error)})")
    places = " or ".join(str(folder / name) for name in dict.fromkeys(download.name for download in downloads))
    raise UserError(
        f"cannot fetch {', nor '.join(troubles)}: try again later or from elsewhere (--base-url ADDRESS); or bring the "
        f"file yourself, as {places}, and give the same command"
    )


def _fetch_one(url: str, download: Download, folder: Path, check: Callable[[Path], object] | None) -> Path:
    partial = folder / f".{download.name}{PARTIAL_SUFFIX}"
    if partial.is_symlink():
        partial.unlink()
    with open(partial, "ab", opener=lambda path, flags: os.open(path, flags | os.O_NOFOLLOW, 0o666)) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UserError(f"another ikebench is fetching {download.name} into {folder}: wait for it") from None
        try:
            _download(url, file, download.name)
            _check(partial, download.sha256, check)
        except ValueError:
            _empty(file)  # the next mirror, or the next try, starts anew
            raise
        finally:
            if file.tell() == 0:
                partial.unlink()
        os.replace(partial, folder / download.name)
    return folder / download.name


def _check(path: Path, sha256: str, check: Callable[[Path], object] | None) -> None:
    actual = sha256_file(path)
    if not actual.startswith(sha256):
        raise ValueError(f"its SHA-256 is {actual[:8]}…, not {sha256[:8]}…")
    if check:
        check(path)


def _download(url: str, file: IO[bytes], name: str) -> None:
    """Append what is missing; a connection that breaks is taken up again as long as it brought something."""
    while True:
        before = file.tell()
        try:
            _append(url, file, name)
            return
        except HTTPError as error:
            if error.code != RANGE_NOT_SATISFIABLE or before == 0:
                raise
            _empty(file)  # it is not shorter than the server's, and was not taken: get it again
        except (OSError, HTTPException):
            if file.tell() <= before:
                raise


def _append(url: str, file: IO[bytes], name: str) -> None:
    start = file.tell()
    headers = {"User-Agent": "ikebench"} | ({"Range": f"bytes={start}-"} if start else {})
    with urlopen(Request(url, headers=headers), timeout=TIMEOUT) as response:
        if start and response.status != PARTIAL_CONTENT:
            _empty(file)  # the server cannot go on in the middle
            start = 0
        total = start + int(response.headers.get("Content-Length") or 0)
        with Progress(1, total / 2**20, "files") as progress:
            while block := response.read(BLOCK):
                file.write(block)
                progress.show(file.tell() / 2**20, name)
        file.flush()
        if total and file.tell() < total:
            raise ConnectionError(f"broke off after {file.tell()} of {total} bytes")


def _empty(file: IO[bytes]) -> None:
    file.seek(0)
    file.truncate()


def unpack(archive: Path, wanted: str, folder: Path) -> None:
    """Unpack one folder of a zip file, whole or not at all.

    Raises:
        UserError: if it does not hold the folder, or `ikebench.zips` refuses it.
    """
    aside = folder / f".{archive.stem}{PARTIAL_SUFFIX}"
    shutil.rmtree(aside, ignore_errors=True)
    try:
        extract(archive, aside, wanted)
        if not (aside / wanted).is_dir():
            raise UserError(f"{archive} does not hold {wanted}")
        (folder / wanted).parent.mkdir(parents=True, exist_ok=True)
        os.replace(aside / wanted, folder / wanted)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None) or error
    text = getattr(reason, "strerror", None) or str(reason) or type(error).__name__
    return " ".join(str(text).split())
