"""What an engine is: it takes items and a function, spreads the work, and gives events as they happen."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

HUGE_PAGES_KEPT = ":".join(
    f"glibc.malloc.{setting}" for setting in ["hugetlb=1", f"mmap_threshold={2**32}", f"trim_threshold={2**33}"]
)
"""glibc's names for: put tensors into huge pages, and do not give a step's memory back only to ask for it again."""

Send = Callable[[int, int], None]
Work = Callable[[Any, int, Send], Any]
"""(item, worker's number, progress) -> result, or `LastResult`. Picklable; an exception that it raises counts as the
worker's death, `Spoiled` as one that the item is not to blame for.

A worker keeps its copy of the work from item to item. The work's attribute `imports`, where it has one, names the
modules that it needs in a worker."""


@dataclass(frozen=True)
class LastResult:
    """A result, and the wish for a fresh process where the engine can give one: this one is no longer what it was."""

    result: Any
    successor: Work
    """What the fresh process is to do: the work, with what it has learned."""


class Spoiled(Exception):
    """Raised by work: its process can do no more, and the item is not to blame. A fresh one tries it again, once."""


@dataclass(frozen=True)
class Progressed:
    """An item is under way: `done` of `total` steps."""

    item: int
    done: int
    total: int


@dataclass(frozen=True)
class Finished:
    """An item's result; with a successor, its worker did that work last (see `LastResult`)."""

    item: int
    result: Any
    successor: Work | None = None


@dataclass(frozen=True)
class Lost:
    """The process that worked on an item died.

    Attributes:
        item: that it worked on.
        reason: in words.
        spoiled: the item is not to blame.
        from_outside: the process was ended by another, so nobody knows.
    """

    item: int
    reason: str
    spoiled: bool = False
    from_outside: bool = False


Event = Progressed | Finished | Lost


def keep_memory() -> None:
    """Have the processes that are started from now on keep their memory: a step of IKE is 4 % slower without.

    `GLIBC_TUNABLES=glibc.malloc.hugetlb=0 python benchmarks/step_seconds.py --methods ike` is without.
    """
    os.environ.setdefault("GLIBC_TUNABLES", HUGE_PAGES_KEPT)
