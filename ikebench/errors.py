"""The one error that a user can mend, and the near match that helps to mend it."""

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(Exception):
    """Wrong input: shown as one line, without a traceback, exit code 2. The line says what to do."""


def one_line(error: Exception) -> str:
    """Say what went wrong, with the kind of error where its text alone does not explain it."""
    text = " ".join(str(error).split())
    explained = isinstance(error, (ValueError, FloatingPointError, OSError))
    return text if explained and text else f"{type(error).__name__}: {text}"


def unknown(what: str, name: str, known: Iterable[str]) -> UserError:
    """Build the error for a misspelt `name` of `what`: names the nearest known one, else all of them."""
    known = sorted(known)
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known) or 'none'}"
    return UserError(f"unknown {what} '{name}': {hint}")
