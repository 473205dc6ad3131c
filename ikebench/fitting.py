"""SR images from elsewhere, which may be a pixel too large or too small."""

import numpy as np
from numpy.typing import NDArray


def fitted(image: NDArray[np.uint8], height: int, width: int, *, off_by_one: bool, option: str) -> NDArray[np.uint8]:
    """Give an SR image the size that it must have; `off_by_one` takes a pixel more or less at the bottom and right.

    Args:
        image: (H, W, 3) uint8.
        height: wanted, px.
        width: wanted, px.
        off_by_one: cut the pixel off, or repeat the edge.
        option: how a user allows that.

    Raises:
        ValueError: for another size.
    """
    more = (image.shape[0] - height, image.shape[1] - width)
    if more == (0, 0):
        return image
    near = max(map(abs, more)) == 1
    if not (near and off_by_one):
        hint = f"; {option} takes a pixel more or less" if near else ""
        raise ValueError(f"the SR image is {image.shape[1]}x{image.shape[0]}, not {width}x{height}{hint}")
    padding = [(0, max(-surplus, 0)) for surplus in more]
    return np.pad(image, [*padding, (0, 0)], mode="edge")[:height, :width]
