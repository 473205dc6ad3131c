"""Being told to stop: Ctrl-C, SIGTERM (of a scheduler, say) and SIGHUP (of a terminal that goes) are one thing."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(KeyboardInterrupt):
    """Raised where a signal other than Ctrl-C stops the command."""

    def __init__(self, number: int) -> None:
        """Keep the signal's number."""
        super().__init__(number)
        self.number = number


@contextmanager
def handled(handler: Callable[[int, FrameType | None], Any], *numbers: signal.Signals) -> Iterator[None]:
    """Handle signals in this way for a while; a SIGHUP that nohup ignores stays ignored, as do all in a thread."""
    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.getsignal(number) for number in numbers}
    if before.get(signal.SIGHUP) == signal.SIG_IGN:
        del before[signal.SIGHUP]
    for number in before:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, known in before.items():
            signal.signal(number, known)


def stop(number: int, _: FrameType | None) -> None:
    """Raise `Stopped`: the handler of every signal that is to stop a command."""
    raise Stopped(number)
