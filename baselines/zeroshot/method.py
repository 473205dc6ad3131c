"""What zero-shot methods share: what they declare, and the call."""

from collections.abc import Sequence
from typing import ClassVar

from baselines.contract import Precision, Restored, Task
from baselines.zeroshot.turns import Course, restore_in_turns


class ZeroShot:
    """What a method is beside its hyperparameters when it trains on the LR image alone."""

    supervision: ClassVar[str] = "zero-shot"
    uses: ClassVar[tuple[str, ...]] = ("seed", "precision")

    def __call__(self, tasks: Sequence[Task], scale: int, precision: Precision = "fp32") -> list[Restored]:
        """Train on each LR image and upscale it, all of them in turns.

        Raises:
            ValueError: if the LR image is too small.
            FloatingPointError: if training diverges.
            SomeFailed: in place of either, where several tasks were given.
        """
        return restore_in_turns(lambda task: self.restore(task, scale, precision), tasks)

    def restore(self, task: Task, scale: int, precision: Precision) -> Course[Restored]:
        """Train on one LR image and upscale it, with a pause after every chunk of iterations."""
        raise NotImplementedError
