"""Whole-image inference in tiles: bounded memory, and the same result where the overlap covers the receptive field."""

from collections.abc import Callable

import torch
from torch import Tensor


def tiled(network: Callable[[Tensor], Tensor], image: Tensor, tile: int, halo: int, scale: int = 1) -> Tensor:
    """Run a network on tiles that overlap by `halo` px and keep their insides.

    Exact if `halo` is at least the radius of the receptive field: a tile at the border of the image ends there, so that
    the network pads where it would have padded the whole.

    Args:
        network: (n, c, h, w) -> (n, c', scale h, scale w).
        image: (n, c, h, w).
        tile: side of the part of the result that one tile gives, in px of `image`.
        halo: px around it that the network sees too.
        scale: of the network.

    Returns:
        (n, c', scale h, scale w).
    """
    height, width = image.shape[-2:]
    rows = []
    for top in range(0, height, tile):
        row = []
        for left in range(0, width, tile):
            y, x = max(top - halo, 0), max(left - halo, 0)
            part = network(image[..., y : top + tile + halo, x : left + tile + halo])
            inner_y, inner_x = scale * (top - y), scale * (left - x)
            row.append(part[..., inner_y : inner_y + scale * tile, inner_x : inner_x + scale * tile])
        rows.append(torch.cat(row, dim=-1))
    return torch.cat(rows, dim=-2)
