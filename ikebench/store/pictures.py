"""The images of a workspace as reports show them: those that the scores are of, and no others."""

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ikebench.store.rows import RunCase
from ikebench.store.workspace import Workspace, hr_path, lr_path, sr_path

CASE = ("set", "image", "kind", "scale", "method", "seed")


def picture_loader(workspace: Workspace) -> Callable[[Mapping[Any, Any], str], NDArray[np.uint8] | None]:
    """Make the function that gives the `hr`, `lr` or `sr` image of a row of scores, (H, W, 3) uint8 RGB.

    It gives None where the file is missing, cannot be read, or is not the one that was scored. Threads may share it.
    """

    def load(score: Mapping[Any, Any], which: str) -> NDArray[np.uint8] | None:
        case = RunCase(**{name: score[name] for name in CASE})
        path = {
            "hr": hr_path(case.set, case.image),
            "lr": lr_path(case.set, case.kind, case.scale, case.image),
            "sr": sr_path(case),
        }[which]
        try:
            data = (workspace.root / path).read_bytes()
        except OSError:
            return None
        return _decoded(data) if sha256(data).hexdigest() == score[f"{which}_sha256"] else None

    return load


def _decoded(png: bytes) -> NDArray[np.uint8] | None:
    """Decode a PNG of ours; None if it is damaged."""
    import cv2

    try:
        image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    return None if image is None else np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)
