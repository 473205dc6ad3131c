"""How the shift of SR against HR changes over the image: what one shift for all of it cannot tell."""

import numpy as np
from numpy.typing import NDArray

from ikebench.scoring.registration import estimate_shift

BLOCKS = 3  # along each side
BLOCK_SIDE = (
    192  # HR px at most, from the middle of its part of the image: a large image costs no more than a small one
)
STRIDES = (2,)  # the shift of the whole image is near enough to start from


def stretch(
    sr: NDArray[np.uint8], hr: NDArray[np.uint8], shift: NDArray[np.float64], *, limit: float
) -> dict[str, float]:
    """Estimate how much more SR's content is shifted at one end of the image than at the other.

    Blocks at either end are registered; the three pairs of opposite blocks each give a slope, and their median counts,
    so that one block without texture, or misled, decides nothing. An image enlarged by s with aligned corners has
    s - 1 px of it in y and in x, whatever its size.

    Args:
        sr: (H, W, 3) uint8 RGB.
        hr: the same shape.
        shift: (y, x) of the whole image, HR px; the blocks' are looked for from there.
        limit: HR px, of a shift.

    Returns:
        `stretch_y` and `stretch_x`: the shift at the bottom less that at the top, and at the right less that at the
        left, in HR px, over the whole side; NaN where the image is too small for blocks.
    """
    shifts = block_shifts(sr, hr, shift, limit=limit)
    ends = (shifts[-1, :, 0] - shifts[0, :, 0], shifts[:, -1, 1] - shifts[:, 0, 1])
    whole = BLOCKS / (BLOCKS - 1)  # the end blocks' middles are that much nearer than the image's ends
    return {f"stretch_{axis}": float(np.median(end) * whole) for axis, end in zip("yx", ends, strict=True)}


def block_shifts(
    sr: NDArray[np.uint8], hr: NDArray[np.uint8], shift: NDArray[np.float64], *, limit: float
) -> NDArray[np.float64]:
    """Return the shift (y, x) of each block but the middle one, (BLOCKS, BLOCKS, 2) HR px; NaN for those not taken."""
    shifts = np.full((BLOCKS, BLOCKS, 2), np.nan)
    if not np.isfinite(shift).all():
        return shifts
    rows, columns = (_parts(side) for side in hr.shape[:2])
    for y, x in np.ndindex(BLOCKS, BLOCKS):
        if (y, x) != (BLOCKS // 2, BLOCKS // 2):  # it is at no end
            block = (rows[y], columns[x])
            shifts[y, x] = estimate_shift(sr[block], hr[block], limit=limit, strides=STRIDES, start=shift)
    return shifts


def _parts(side: int) -> list[slice]:
    length = min(side // BLOCKS, BLOCK_SIDE)
    starts = [round(side * (part + 0.5) / BLOCKS - length / 2) for part in range(BLOCKS)]
    return [slice(start, start + length) for start in starts]
