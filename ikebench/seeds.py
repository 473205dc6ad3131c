"""Seeds as hashes of names: no order of work and no number of workers can change them."""

from hashlib import sha256

import numpy as np


def derive_seed(*parts: str | int) -> int:
    """Derive a seed from names.

    The parts are written as `str`, joined by `|`, encoded as UTF-8 and hashed with SHA-256; the seed is the first
    8 bytes of the digest read as one big-endian unsigned integer, so 0 <= seed < 2**64.
    """
    text = "|".join(map(str, parts))
    return int.from_bytes(sha256(text.encode()).digest()[:8], "big")


def lr_seed(base: int, image: str, kind: str, scale: int) -> int:
    """Give the seed of one LR image: `derive_seed(base, image, kind, scale)`.

    The method that will restore the image is no part of it: every method gets the same LR image.

    Args:
        base: the seed of the whole data set (`make-data --seed`).
        image: the file stem, `0801`.
        kind: the degradation, `median`.
        scale: how many times smaller the LR image is.
    """
    return derive_seed(base, image, kind, scale)


def lr_rng(base: int, image: str, kind: str, scale: int) -> np.random.Generator:
    """Give the generator of one LR image: PCG64, seeded with its `lr_seed`."""
    return np.random.Generator(np.random.PCG64(lr_seed(base, image, kind, scale)))
