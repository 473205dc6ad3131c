"""The one error that a user can mend, and the near match that helps to mend it."""

import errno
import os
from collections.abc import Iterable
from difflib import get_close_matches

MOST_CHARACTERS = 1000
"""Of an error's text: what a line may hold. A method can raise megabytes."""

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class UserError(Exception):
    """Wrong input: shown as one line, without a traceback, exit code 2. The line says what to do."""


def one_line(error: BaseException) -> str:
    """Say what went wrong, with the kind of error where its text alone does not explain it."""
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        return os.strerror(error.errno)  # of whatever file: a full disk is one trouble
    text = " ".join(str(error).split())
    explained = isinstance(error, (ValueError, FloatingPointError, OSError))
    return printable(text if explained and text else f"{type(error).__name__}: {text}")


def printable(text: str, most: int = MOST_CHARACTERS) -> str:
    """Cut a text that somebody else has written, and write out what is no UTF-8 in it."""
    text = text if len(text) <= most else f"{text[:most]}… ({len(text)} characters)"
    return text.encode(errors="backslashreplace").decode()


def disk_trouble(error: OSError) -> str:
    """Say what went wrong with a file, a disk or a stream, and what there is to do."""
    what = f"{error.filename}: {error.strerror}" if error.filename is not None else one_line(error)
    return what + "; what had ended is kept: make room, and the same command goes on" * (error.errno in NO_ROOM)


def unknown(what: str, name: str, known: Iterable[str]) -> UserError:
    """Build the error for a misspelt `name` of `what`: names the nearest known one, else all of them."""
    known = sorted(known)
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known) or 'none'}"
    return UserError(f"unknown {what} '{name}': {hint}")
