"""The one error that a user can mend, and the near match that helps to mend it."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

LIKENESS = 0.7
"""Of 1, from which a misspelling is one; at difflib's own 0.6, 'kern' is near to 'esrgan' and 'plot' to 'report'."""


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
    near = _near(name, known)
    hint = f"did you mean '{near}'?" if near else f"known: {', '.join(known) or 'none'}"
    return UserError(f"unknown {what} '{name}': {hint}")


def _near(name: str, known: Sequence[str]) -> str | None:
    """Give the known name that a person may have meant: one that begins so, else one of nearly the same letters."""
    typed, spelt = name.casefold(), {one.casefold(): one for one in known}
    begun = [one for one in spelt if min(len(one), len(typed)) > 1 and one.startswith(typed)]
    near = begun or get_close_matches(typed, spelt, n=1, cutoff=LIKENESS)
    return spelt[near[0]] if near else None
