"""The scoring protocols: what of an image is scored under each. A new one is a line of `PROTOCOLS`."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class ScoringProtocol:
    """What of an image is scored.

    Attributes:
        channels: `rgb`, or `y` for the luma of BT.601.
        fixed_border: pixels shaved from every side at any scale.
        border_per_scale: pixels shaved besides, times the scale.
    """

    channels: Literal["rgb", "y"]
    fixed_border: int
    border_per_scale: int

    def border(self, scale: int) -> int:
        """Return how many pixels are shaved from every side."""
        return self.fixed_border + self.border_per_scale * scale

    @property
    def words(self) -> str:
        """The channels and the border as captions say them, e.g. `RGB, a border of 6 + s pixels shaved at scale s`."""
        channels = {"rgb": "RGB", "y": "luma (Y of BT.601)"}[self.channels]
        fixed = str(self.fixed_border or "")
        scaled = {0: "", 1: "s"}.get(self.border_per_scale, f"{self.border_per_scale}s")
        border = " + ".join(filter(None, (fixed, scaled)))
        if not border:
            return f"{channels}, no border shaved"
        pixels = "pixel" if border == "1" else "pixels"
        return f"{channels}, a border of {border} {pixels} shaved" + " at scale s" * bool(scaled)


PROTOCOLS = {
    "ike": ScoringProtocol("rgb", 0, 0),
    "dualsr": ScoringProtocol("y", 0, 1),
    "ntire17": ScoringProtocol("rgb", 6, 1),
}
"""Protocol name -> what is scored; the names are the suffixes of the columns `psnr_` and `ssim_` of scores."""
