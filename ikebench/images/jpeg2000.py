"""JPEG 2000: how deep its samples are, which Pillow does not say."""

import struct

from ikebench.images.decoded import Unsupported

SIZ = b"\xff\x4f\xff\x51"
"""Start of a codestream and of its marker segment SIZ (ISO/IEC 15444-1, A.5.1)."""
SRGB, GRAY = 16, 17
"""Enumerated colour spaces of the box `colr` (ISO/IEC 15444-1, I.5.3.3)."""


def bits_per_sample(data: bytes) -> int:
    """Give the bits of every sample.

    Raises:
        Unsupported: where components differ, or those of 16 bits are not plain RGB or gray.
    """
    at = data.index(SIZ)
    (number,) = struct.unpack_from(">H", data, at + 40)
    components = {data[at + 42 + 3 * index : at + 45 + 3 * index] for index in range(number)}
    bits = {(component[0] & 0x7F) + 1 for component in components}
    if max(bits) <= 8 and min(bits) == 8:
        return 8
    if bits != {16}:
        raise Unsupported(f"JPEG 2000 samples of {' and '.join(map(str, sorted(bits)))} bits; 8 and 16 can be read")
    if components != {b"\x0f\1\1"} or _colour_space(data[:at]) not in (None, SRGB, GRAY):
        raise Unsupported("16-bit JPEG 2000 whose samples are signed, subsampled or not RGB: save it as PNG")
    return 16


def _colour_space(header: bytes) -> int | None:
    """Give the enumerated colour space, if one is named."""
    at = header.find(b"colr")
    return struct.unpack_from(">I", header, at + 7)[0] if at >= 0 and header[at + 4] == 1 else None
