"""The one error that a user can mend, and the near match that helps to mend it."""

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(Exception):
    """Wrong input: shown as one line, without a traceback, exit code 2. The line says what to do."""


def unknown(what: str, name: str, known: Iterable[str]) -> UserError:
    """Build the error for a misspelt `name` of `what`: names the nearest known one, else all of them."""
    known = sorted(known)
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known)}"
    return UserError(f"unknown {what} '{name}': {hint}")
