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
"""(item, worker's number, progress) -> result. Picklable; an exception it raises counts as the worker's death.

Its attribute `imports`, where it has one, names the modules that it needs in a worker."""


@dataclass(frozen=True)
class Progressed:
    """An item is under way: `done` of `total` steps."""

    item: int
    done: int
    total: int


@dataclass(frozen=True)
class Finished:
    """An item's result."""

    item: int
    result: Any


@dataclass(frozen=True)
class Lost:
    """The process that worked on an item died."""

    item: int
    reason: str


Event = Progressed | Finished | Lost


def keep_memory() -> None:
    """Have the processes that are started from now on keep their memory: a step of IKE is 4 % slower without.

    `GLIBC_TUNABLES=glibc.malloc.hugetlb=0 python benchmarks/step_seconds.py --methods ike` is without.
    """
    os.environ.setdefault("GLIBC_TUNABLES", HUGE_PAGES_KEPT)
