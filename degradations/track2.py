"""NTIRE 2017 Track 2 ("unknown" downscaling): the official LR files of DIV2K, found and checked, never synthesised."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from degradations.content import OTHER, is_bicubic, likeness, thumbnail
from degradations.contract import SCALES, Given, check_hr
from degradations.resample import cut_to_multiple

OFFICIAL = "DIV2K_valid_LR_unknown"
OTHER_TRACKS = {"bicubic": "", "mild": "m", "wild": "w", "difficult": "d"}
"""Other LR folders of DIV2K -> what follows the scale in their file names (`0801x4m.png`, `0801x4w2.png`)."""


@dataclass(frozen=True)
class Track2:
    """The official files of one LR folder, by image name and scale.

    Attributes:
        folder: holds X2/, X4/ (and X3/, if wanted), as `DIV2K_valid_LR_unknown` does: `X2/0801x2.png`.
    """

    version: ClassVar[int] = 1
    summary: ClassVar[str] = "official DIV2K Track 2 (unknown) files, imported"
    scales: ClassVar[tuple[int, ...]] = SCALES

    folder: str | Path

    def given(self, image: str, scale: int, hr: NDArray[np.uint8]) -> Given:
        """Give the bytes of the file that `find` finds."""
        path = self.find(image, scale, hr)
        return Given(path.read_bytes(), preset=self.preset)

    @property
    def preset(self) -> str:
        """Say whether the folder bears the official name."""
        return "track2-official" if Path(self.folder).resolve().name == OFFICIAL else "track2-given"

    def find(self, image: str, scale: int, hr: NDArray[np.uint8]) -> Path:
        """Find the LR file of an image and make sure that it is what it should be.

        Args:
            image: file stem of the HR image: "0801".
            scale: 2, 3 or 4.
            hr: (H, W, 3) uint8 RGB, the whole HR image; cut here to a multiple of `scale`.

        Returns:
            The path of an 8-bit RGB file of (H / s, W / s) pixels, to be copied byte for byte.

        Raises:
            ValueError: for a folder of another track, a missing or unreadable file, a file of another size or another
                mode, one that shows another photo, and one that is plain bicubic downscaling; one line that says what
                to do.
        """
        hr = cut_to_multiple(hr, scale)
        check_hr(hr, scale)
        path = self._locate(image, scale)
        lr = _read_rgb(path)
        height, width = hr.shape[0] // scale, hr.shape[1] // scale
        if lr.shape[:2] != (height, width):
            raise ValueError(
                f"{path} is {lr.shape[0]}x{lr.shape[1]}, but HR / {scale} is {height}x{width} (height x width): "
                "use the LR folder that belongs to these HR images"
            )
        side = min(height, width)
        if likeness(thumbnail(hr, side), thumbnail(lr, side)) < OTHER:
            raise ValueError(f"{path} shows another photo than the HR image {image}: of another split or set?")
        if is_bicubic(lr, hr, scale):
            raise ValueError(_wrong_track(path, "bicubic"))
        return path

    def _locate(self, image: str, scale: int) -> Path:
        folder = Path(self.folder)
        words = re.split(r"[^a-z]+", folder.resolve().name.lower())
        for track in OTHER_TRACKS:
            if track in words:
                raise ValueError(_wrong_track(folder, track))
        path = folder / f"X{scale}" / f"{image}x{scale}.png"
        if path.is_file():
            return path
        for track, suffix in OTHER_TRACKS.items():
            for place in (folder, path.parent):
                if suffix and any(place.glob(f"*x{scale}{suffix}*.png")):
                    raise ValueError(_wrong_track(place, track))
        if not path.parent.is_dir():
            raise ValueError(f"no X{scale} in {folder}: give the folder that holds X2 and X4 (DIV2K_valid_LR_unknown)")
        raise ValueError(f"no Track 2 file {path}: unpack DIV2K_*_LR_unknown_X{scale}.zip there")


def _wrong_track(path: Path, track: str) -> str:
    return f"{path} is of DIV2K's {track} track, not Track 2: give the folder DIV2K_valid_LR_unknown"


def _read_rgb(path: Path) -> NDArray[np.uint8]:
    """Read a whole 8-bit RGB file; (h, w, 3)."""
    try:
        with Image.open(path) as picture:
            mode, pixels = picture.mode, np.asarray(picture)
    except (OSError, SyntaxError) as error:  # Pillow raises SyntaxError for a broken PNG chunk
        raise ValueError(f"{path} cannot be read ({error}): unpack it again") from error
    if mode != "RGB":
        raise ValueError(f"{path} is of mode {mode}, official files are 8-bit RGB: unpack it again")
    return pixels
