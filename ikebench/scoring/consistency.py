"""LR consistency: SR, degraded as HR was, against the LR image that it was made from."""

import json

import numpy as np
from numpy.typing import NDArray

from degradations.track2 import Track2
from ikebench.catalog import KINDS, kind_class
from ikebench.scoring.metrics import psnr_from
from ikebench.store.rows import DataRow


def lr_psnr(sr: NDArray[np.uint8], lr: NDArray[np.uint8], image: DataRow) -> float | None:
    """Give the PSNR in dB, over all of RGB, of the degraded SR against LR; inf if they are equal.

    The degradation is that of the LR image: its kind, parameters and seed, so that a random kernel is drawn as it was.

    Args:
        sr: (s h, s w, 3) uint8 RGB.
        lr: (h, w, 3) uint8 RGB.
        image: how `lr` was made.

    Returns:
        None where that is not known: Track 2, whose LR images were given, or a kind of another version.
    """
    kind = None if image.preset is None or image.seed is None else _known_kind(image)
    if kind is None:
        return None
    rng = np.random.Generator(np.random.PCG64(image.seed))
    again = kind(**json.loads(image.parameters or "{}"))(sr, image.scale, rng).lr
    return psnr_from(float(np.mean(np.square(np.subtract(again, lr, dtype=np.float64)))))


def _known_kind(image: DataRow) -> type | None:
    if image.kind not in KINDS:  # LR images of the user's own, by a name of their own
        return None
    kind = kind_class(image.kind)
    return None if kind is Track2 or kind.version != image.version else kind
