"""A task of several trainings, one after the other."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from baselines.contract import Checkpoint, Task
from baselines.zeroshot.turns import Course


class Stages:
    """Runs the stages of one task; its checkpoint keeps the results of those that have ended."""

    def __init__(self, task: Task, count: int) -> None:
        """Go on where the task's checkpoint was saved, if it was; `count` is the number of stages."""
        self.task, self.count = task, count
        self.ended = 0
        saved = (task.checkpoint.load() if task.checkpoint else None) or {"results": [], "state": None}
        self.results: list[Any] = saved["results"]
        self._state: dict[str, Any] | None = saved["state"]

    def run(self, work: Callable[[Task], Course[Any]], name: str) -> Course[Any]:
        """Give the result of the next stage: that of `work(task)`, with its part of progress, checkpoint and trace.

        The result must be made of tensors, numbers and containers of them.
        """
        index, self.ended = self.ended, self.ended + 1
        if index == len(self.results):
            result = yield from work(self._part(index, name))
            self.results.append(result)
            self._state = None
        return self.results[index]

    def _part(self, index: int, name: str) -> Task:
        def progress(done: int, total: int) -> None:
            self.task.progress(index * total + done, self.count * total)

        checkpoint = self.task.checkpoint
        part = None if checkpoint is None else _StageCheckpoint(checkpoint, self.results, self._state)
        trace = self.task.trace and self.task.trace.of_stage(name)
        return replace(self.task, progress=progress, checkpoint=part, trace=trace)


@dataclass(frozen=True)
class _StageCheckpoint:
    """The checkpoint of one stage: its state beside the results of the stages before it."""

    whole: Checkpoint
    results: list[Any]
    state: dict[str, Any] | None

    @property
    def every(self) -> int:
        return self.whole.every

    def load(self) -> dict[str, Any] | None:
        return self.state

    def save(self, state: dict[str, Any]) -> None:
        self.whole.save({"results": self.results, "state": state})
