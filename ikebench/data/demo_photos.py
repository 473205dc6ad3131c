"""The two small photographs of `ikebench demo`: crops of the embedded sample."""

from pathlib import Path

from ikebench.data.sources import HRSource, find_hr
from ikebench.images import read_image, write_png

CROPS = {"astronaut": (0, 130), "coffee": (100, 200)}  # image -> top and left of the crop
SIDE = 192  # px
ITERATIONS = 30  # of the 3000 of the paper: a minute or so in all on two cores


def write(folder: Path) -> HRSource:
    """Write the crops into `folder` and give them as the set `demo`."""
    sample = find_hr("sample")
    files = {}
    for image, (top, left) in CROPS.items():
        files[image] = folder / f"{image}.png"
        write_png(files[image], read_image(sample.files[image])[top : top + SIDE, left : left + SIDE])
    return HRSource("demo", files)
