"""Several images at work on one device: each goes on by a chunk of iterations in its turn."""

from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from baselines.contract import Restored, SomeFailed, Task
from baselines.memory import lacks_memory, let_go

if TYPE_CHECKING:
    import torch

T = TypeVar("T")

Course = Generator[None, None, T]
"""Work on one image. It pauses when it has handed a chunk of work to the device, before it waits for it."""


def restore_in_turns(restore: Callable[[Task], Course[Restored]], tasks: Sequence[Task]) -> list[Restored]:
    """Restore all tasks at once: what a zero-shot method's call does.

    Raises:
        SomeFailed: if several tasks were given and not all ended well; the error itself if it was one task.
    """
    if not tasks:
        return []
    outcomes = in_turns([restore(task) for task in tasks], tasks[0].lr.device)
    restored = [outcome for outcome in outcomes if isinstance(outcome, Restored)]
    if len(restored) == len(outcomes):
        return restored
    if len(outcomes) == 1 and isinstance(outcomes[0], Exception):
        raise outcomes[0]
    raise SomeFailed(outcomes)


def in_turns(courses: Sequence[Course[T]], device: "torch.device") -> list[T | Exception]:
    """Run courses to their ends, in turns, each on a CUDA stream of its own; gives their results or errors.

    While the host waits for one course's chunk, the device has those of the others to work on. The memory is
    everybody's: where it does not suffice for one course, this is the error of all that have not ended.
    """
    outcomes: dict[int, T | Exception] = {}
    lanes = _lanes(device, len(courses))
    try:
        while len(outcomes) < len(courses):
            for index, course in enumerate(courses):
                if index in outcomes:
                    continue
                try:
                    with lanes[index]:
                        next(course)
                except StopIteration as end:
                    outcomes[index] = end.value
                except Exception as error:  # one image's trouble: the others go on
                    let_go(error)  # they hold networks and graphs
                    struck = range(len(courses)) if lacks_memory(error) else [index]
                    outcomes |= {one: error for one in struck if one not in outcomes}
    finally:
        try:
            _wait(device)  # before networks and graphs go; and for what comes next, on the default stream
        finally:
            for course in courses:
                course.close()
    return [outcomes[index] for index in range(len(courses))]


def _lanes(device: "torch.device", count: int) -> list[AbstractContextManager[object]]:
    """Give each course what it runs in."""
    if device.type != "cuda":
        return [nullcontext() for _ in range(count)]
    import torch

    streams = [_stream(device, number) for number in range(count)]
    for stream in streams:
        stream.wait_stream(torch.cuda.current_stream(device))  # which made the LR images
    return [torch.cuda.stream(stream) for stream in streams]


@cache
def _stream(device: "torch.device", number: int) -> "torch.cuda.Stream":
    """Give the stream of a lane, the same for every group.

    Of the process, as the libraries' workspaces are that every stream gets for good: new streams for every group would
    end with those of all 32 that torch has.
    """
    import torch

    return torch.cuda.Stream(device)


def _wait(device: "torch.device") -> None:
    """Wait for a GPU."""
    if device.type == "cuda":
        import torch

        torch.cuda.synchronize(device)
