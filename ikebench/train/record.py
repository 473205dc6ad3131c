"""What a training keeps in the weights folder: weights, how they were made, checkpoint and log."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from baselines.memory import lacks_memory
from ikebench.errors import UserError
from ikebench.files import read_json, sha256_file, write_atomic

LOG_COLUMNS = ("iteration", "loss", "psnr", "psnr_bicubic", "seconds")
"""Of the log: iterations done, mean L1 in grey levels since the row before, dB, dB, seconds of training so far."""


@dataclass
class Record:
    """What a training keeps in the weights folder, side by side: weights, checkpoint, log and how they were made.

    Attributes:
        folder: the weights folder.
        name: the files' stem, `edsr-baseline_x2`.
        settings: what decides the weights, as JSON would give it back; a checkpoint of others is not gone on with.
        log: a row of `LOG_COLUMNS` for each checkpoint so far.
        seconds: of training so far.
    """

    folder: Path
    name: str
    settings: dict[str, Any]
    log: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0

    def path(self, suffix: str) -> Path:
        """Path of one of the files: .pt, .json, .csv or .checkpoint."""
        return self.folder / (self.name + suffix)

    def load(self, device: torch.device) -> dict[str, Any] | None:
        """Read the checkpoint; gives the state to go on from, or None where there is no checkpoint.

        Raises:
            UserError: if it cannot be read, or is of other settings.
        """
        path = self.path(".checkpoint")
        if not path.exists():
            return None
        try:
            saved = torch.load(path, weights_only=True, map_location=device)
            settings, log, seconds = json.loads(saved["settings"]), list(saved["log"]), float(saved["seconds"])
            if not (isinstance(settings, dict) and isinstance(saved["state"], dict)):
                raise ValueError("it holds no training")
        except Exception as error:  # torch.load raises many things for a damaged file
            if lacks_memory(error):
                raise
            raise UserError(f"{path} cannot be read: --restart trains anew") from error
        if settings != self.settings:
            raise UserError(f"{path} is a training of {_difference(settings, self.settings)}: --restart trains anew")
        self.log, self.seconds = log, seconds
        return saved["state"]

    def save(self, state: dict[str, Any]) -> None:
        """Write checkpoint and log, each whole or not at all."""
        buffer = io.BytesIO()
        settings = json.dumps(self.settings)
        torch.save({"settings": settings, "state": state, "log": self.log, "seconds": self.seconds}, buffer)
        write_atomic(self.path(".checkpoint"), buffer.getvalue())
        write_atomic(self.path(".csv"), _csv(self.log).encode())

    def finished(self) -> bool:
        """Whether the weights are there already.

        Raises:
            UserError: if they are of other settings, or nothing tells where they come from.
        """
        weights = self.path(".pt")
        if not weights.exists():
            return False
        try:
            made = read_json(self.path(".json"))
            settings, digest = dict(made["settings"]), made["weights_sha256"]
        except (OSError, ValueError, KeyError, TypeError):
            raise UserError(f"{weights} is not from `ikebench train`: --restart trains anew and replaces it") from None
        if digest != sha256_file(weights):
            raise UserError(f"{weights} has been changed since its training: --restart trains anew and replaces it")
        if settings != self.settings:
            difference = _difference(settings, self.settings)
            raise UserError(f"{weights} is of {difference}: --restart trains anew and replaces it")
        return True

    def restart(self) -> None:
        """Forget an earlier training; finished weights stay until there are new ones."""
        self.path(".checkpoint").unlink(missing_ok=True)

    def finish(self, weights: Mapping[str, torch.Tensor], described: dict[str, Any]) -> None:
        """Write weights (a plain state dict) and how they were made; the checkpoint has done its work."""
        buffer = io.BytesIO()
        torch.save(dict(weights), buffer)
        write_atomic(self.path(".pt"), buffer.getvalue())
        last = self.log[-1] if self.log else {}
        made = {"settings": self.settings, "weights_sha256": sha256_file(self.path(".pt"))}
        made |= {**last, **described}
        write_atomic(self.path(".json"), json.dumps(made, indent=1).encode())
        self.path(".checkpoint").unlink(missing_ok=True)


def _difference(theirs: dict[str, Any], ours: dict[str, Any]) -> str:
    """Name the settings that differ."""
    names = sorted(name for name in theirs.keys() | ours.keys() if theirs.get(name) != ours.get(name))
    return f"other settings ({', '.join(names)})"


def _csv(log: Sequence[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, LOG_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(log)
    return text.getvalue()
