"""LR consistency: SR, degraded as HR was, against the LR image that it was made from."""

import json

import numpy as np
from numpy.typing import NDArray

from degradations.contract import is_imported
from degradations.resample import correlate, quantise
from ikebench.catalog import KINDS, kind_class
from ikebench.scoring.metrics import psnr_from
from ikebench.store.rows import DataRow


def is_repeatable(image: DataRow) -> bool:
    """Say whether an LR image's degradation is known: not of given LR images, nor of a kind's other version."""
    if image.preset is None or image.seed is None or image.kind not in KINDS:
        return False
    kind = kind_class(image.kind)
    return not is_imported(kind) and kind.version == image.version


def lr_psnr(sr: NDArray[np.uint8], lr: NDArray[np.uint8], image: DataRow) -> float:
    """Give the PSNR in dB, over all of RGB, of the degraded SR against LR; inf if they are equal.

    The degradation is that of the LR image: its kind, parameters and seed, so that a random kernel is drawn as it was.

    Args:
        sr: (s h, s w, 3) uint8 RGB.
        lr: (h, w, 3) uint8 RGB.
        image: how `lr` was made; its degradation `is_repeatable`.
    """
    rng = np.random.Generator(np.random.PCG64(image.seed))
    again = kind_class(image.kind)(**json.loads(image.parameters or "{}"))(sr, image.scale, rng).lr
    return psnr_from(float(np.mean(np.square(np.subtract(again, lr, dtype=np.float64)))))


def psnr_of_kernel(sr: NDArray[np.uint8], lr: NDArray[np.uint8], kernel: NDArray[np.float64], scale: int) -> float:
    """Give the PSNR in dB, over all of RGB, of SR downscaled by a kernel against LR; inf if they are equal.

    Args:
        sr: (s h, s w, 3) uint8 RGB.
        lr: (h, w, 3) uint8 RGB.
        kernel: (n, n), n odd, as `degradations.contract.Degraded` has it.
        scale: s.
    """
    again = quantise(correlate(sr, kernel, step=scale))
    return psnr_from(float(np.mean(np.square(np.subtract(again, lr, dtype=np.float64)))))
