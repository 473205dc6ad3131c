"""Jobs image by image, so that a stop leaves complete rows, and what of it fits into some hours."""

import time
from collections.abc import Callable, Iterator, Sequence

from ikebench.run.jobs import Job
from ikebench.store.rows import DataRow


def rounds(jobs: Sequence[Job], data: Sequence[DataRow], workers: int) -> Iterator[list[Job]]:
    """Group jobs into rounds of all that there is to do for an image, in the order of the images in `data`.

    A round has as many images as it takes to give every worker a job. Within it, jobs keep their order.
    """
    places = {image: place for place, image in enumerate(dict.fromkeys((row.set, row.image) for row in data))}
    by_image: dict[int, list[int]] = {}
    for index, job in enumerate(jobs):
        by_image.setdefault(places[job.case.set, job.case.image], []).append(index)
    indices: list[int] = []
    for place in sorted(by_image):
        indices += by_image[place]
        if len(indices) >= workers:
            yield [jobs[index] for index in sorted(indices)]
            indices = []
    if indices:
        yield [jobs[index] for index in sorted(indices)]


class Budget:
    """The hours that there are, from when it is made; None is as many as it takes."""

    def __init__(self, hours: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        """Start the clock, which gives seconds."""
        self.hours, self._clock, self._started = hours, clock, clock()
        self._begun: float | None = None
        self._longest = 0.0

    def begin(self, expected: float | None) -> bool:
        """Say whether a round that is expected to take so many hours fits, and if so, begin it.

        Where nobody knows, it is expected to take as long as the longest so far; the first one fits.
        """
        now = (self._clock() - self._started) / 3600
        if self._begun is not None:
            self._longest = max(self._longest, now - self._begun)
        self._begun = now
        hours = self._longest if expected is None else expected
        return self.hours is None or now + hours <= self.hours
