"""The state of a long training on disk."""

import io
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from baselines.memory import lacks_memory
from ikebench.files import write_atomic


@dataclass
class CheckpointFile:
    """A training's state on disk; of this job's key only.

    Attributes:
        path: the file.
        key: of the job.
        every: iterations between two saves.
        device: where a loaded state goes.
        shared_by: trainings under way at once, which share the seconds.
        seconds_before: that the training had taken when the loaded state was saved.
        resumed: whether a state has been loaded.
    """

    path: Path
    key: str
    every: int
    device: torch.device
    shared_by: int = 1
    seconds_before: float = 0.0
    resumed: bool = False
    started: float = field(default_factory=time.perf_counter)

    def load(self) -> dict[str, Any] | None:
        """Read the state, unless there is none, it is damaged or of another job."""
        try:
            saved = torch.load(self.path, weights_only=True, map_location=self.device)
            if saved["key"] != self.key or not isinstance(saved["state"], dict):
                return None
            self.seconds_before = float(saved["seconds"])
        except Exception as error:  # torch.load raises many things for a damaged file; all mean: start anew
            if lacks_memory(error):
                raise
            return None
        self.resumed = True
        return saved["state"]

    def save(self, state: dict[str, Any]) -> None:
        """Write the state, whole or not at all."""
        buffer = io.BytesIO()
        seconds = self.seconds_before + (time.perf_counter() - self.started) / self.shared_by
        torch.save({"key": self.key, "state": state, "seconds": seconds}, buffer)
        write_atomic(self.path, buffer.getvalue())
