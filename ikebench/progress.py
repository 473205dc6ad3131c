"""How long work is shown: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from typing import Self

from tqdm import tqdm

from ikebench.errors import printable

BAR = "{percentage:3.0f}%|{bar:12}| {elapsed}, {remaining} left, {desc}"  # what a narrow terminal cuts is the end
LINES_EVERY = 10.0  # seconds between two plain lines about unfinished work


def say(line: str) -> None:
    """Tell the user."""
    print(printable(line, len(line)), file=sys.stderr, flush=True)


def spoken(seconds: float) -> str:
    """Say a duration in the unit that suits it: `a second` at the least, `40 s`, `12 min`, `3.5 h`, `4 days`."""
    if seconds < 1:
        return "a second"
    for limit, unit, name in ((100, 1, "s"), (100 * 60, 60, "min"), (100 * 3600, 3600, "h")):
        if seconds < limit:
            return f"{seconds / unit:.2g} {name}"
    return f"{seconds / 86400:.0f} days"


def counted(count: int, thing: str) -> str:
    """Say how many: `1 job`, `2 jobs`."""
    return f"{count} {thing}{'s' * (count != 1)}"


class Progress:
    """Counts finished items and the cost done so far; the cost decides the time left."""

    def __init__(self, items: int, cost: float, what: str) -> None:
        """Show progress of `items` pieces of work that cost `cost` together; `what` names them, in the plural."""
        self.items, self.cost, self.what = items, cost, what
        self.finished, self.spent = 0, 0.0
        self.started = self.last_line = time.monotonic()
        self.first: tuple[float, float] | None = None  # when something was done, and how much
        self.bar = tqdm(total=cost, bar_format=BAR, dynamic_ncols=True) if sys.stderr.isatty() else None

    def __enter__(self) -> Self:
        """Start showing."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the terminal clean."""
        if self.bar is not None:
            self.bar.close()

    def show(self, spent: float, now: str) -> None:
        """Show that `spent` of the cost is done and what is being worked on."""
        self.spent = spent
        if spent and self.first is None:
            self.first = time.monotonic(), spent
        if self.bar is not None:
            self.bar.set_description_str(f"{self.finished}/{self.items} {self.what}, {now}", refresh=False)
            self.bar.update(spent - self.bar.n)
        elif time.monotonic() - self.last_line >= LINES_EVERY:
            self._line(now)

    def finish(self, spent: float, line: str) -> None:
        """Count one finished item and print its line."""
        self.finished += 1
        self.show(spent, line)
        if self.bar is None:
            self._line(line)

    def drop(self, cost: float) -> None:
        """Take away the cost of an item that failed: it says nothing about the speed of the others."""
        self.cost -= cost
        if self.bar is not None:
            self.bar.total = self.cost

    def advance(self, now: str) -> None:
        """Count one finished item of cost 1; plain lines come only now and then."""
        self.finished += 1
        self.show(self.spent + 1, now)

    def _line(self, text: str) -> None:
        self.last_line = time.monotonic()
        print(f"[{self.finished}/{self.items} {self.what}] {text}; {self._left()} left", file=sys.stderr, flush=True)

    def _left(self) -> str:
        """Say how long the rest takes, at the speed since the first piece was done: before it, workers start."""
        since, spent = self.first or (self.started, 0.0)
        if self.spent == spent:
            since, spent = self.started, 0.0
        if self.spent == spent:
            return "?"
        undone = max(self.cost - self.spent, 0.0)  # rounding leaves a hair
        return str(tqdm.format_interval((self.last_line - since) / (self.spent - spent) * undone))
