"""The pictures of the page: per LR image a strip of HR, LR and every method, with error maps."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reports.evidence import Load
from reports.naming import method_name
from reports.page.pictures import (
    ERROR_TOP,
    WHOLE_SIDE,
    embed,
    error_map,
    reduced,
)
from reports.page.strips import Choice, Run
from reports.windows import Window, most_different

Image = NDArray[np.uint8]

MOST_STRIPS = 40
SIDES = (512, 384, 256, 192, 128)  # px of a crop, largest first
BYTES_PER_PIXEL = 0.25  # of WebP that still looks well, on photographs
PART_OF_CROPS = 0.75  # of the bytes; the rest is for error maps and the whole image
BASE64 = 4 / 3
READERS = 4  # threads, each with all images of a strip in memory


@dataclass(frozen=True)
class Picture:
    """One picture of a strip; `crop` and `below` (an error map, or the whole HR image) are data URIs."""

    name: str
    alt: str
    numbers: str = ""
    crop: str = ""
    below: str = ""
    below_alt: str = ""


@dataclass(frozen=True)
class Strip:
    """One LR image: HR, LR, then the methods.

    Attributes:
        title: set, image, degradation and scale.
        place: among the images of its cell.
        about: which part is shown, and how it is compressed.
        size: of the crops, in HR px: height, width.
        frame: the crop inside the whole image, in per cent: left, top, width, height; None where it is the whole.
        pictures: HR, LR, then the methods.
        first: the pictures to begin the comparison with, left and right: the worst and the best method.
    """

    title: str
    place: str
    about: str
    size: tuple[int, int]
    frame: tuple[float, float, float, float] | None
    pictures: tuple[Picture, ...]
    first: tuple[int, int]


@dataclass(frozen=True)
class Gallery:
    """All strips, and what a reader must know about them."""

    strips: tuple[Strip, ...]
    about: str


@dataclass(frozen=True)
class _Room:
    """What a picture may take: px a side of a crop, bytes of a crop and of a reduced whole."""

    side: int
    crop: float
    whole: float


def hang(choices: Sequence[Choice], load: Load, most: float) -> Gallery:
    """Make the strips of the first choices; those whose HR or LR image is missing are left out, and so are methods.

    Args:
        choices: in the order of the page.
        load: reads images; threads call it.
        most: characters that all pictures may take together.
    """
    shown = choices[:MOST_STRIPS]
    room = _room(shown, most / BASE64)
    with ThreadPoolExecutor(min(READERS, os.cpu_count() or 1)) as threads:
        found = list(threads.map(lambda choice: _strip(choice, load, room), shown))
    strips = tuple(strip for strip in found if strip)
    return Gallery(strips, _about(len(choices), len(shown), len(strips)))


def _room(choices: Sequence[Choice], most: float) -> _Room:
    """Share the bytes out: every crop gets as many, and every reduced whole."""
    methods = sum(len(choice.runs) for choice in choices)
    crop = PART_OF_CROPS * most / max(1, methods + 2 * len(choices))  # HR and LR besides
    whole = (1 - PART_OF_CROPS) * most / max(1, methods + len(choices))  # the whole HR image besides
    side = next((side for side in SIDES if side**2 * BYTES_PER_PIXEL <= crop), SIDES[-1])
    return _Room(side, crop, whole)


def _strip(choice: Choice, load: Load, room: _Room) -> Strip | None:
    scale = int(choice.runs[0]["scale"])
    hr, lr = load(choice.runs[0], "hr"), load(choice.runs[0], "lr")
    if hr is None or lr is None:
        return None
    hr = hr[: lr.shape[0] * scale, : lr.shape[1] * scale]
    loaded = [(run, load(run, "sr")) for run in choice.runs]
    results = [(run, sr) for run, sr in loaded if sr is not None and sr.shape == hr.shape]
    if not results:
        return None
    images = [sr for _, sr in results]
    window = most_different(images if len(images) > 1 else [*images, hr], room.side, scale)
    crops = [window.of(hr), window.of(lr, scale), *(window.of(sr) for sr in images)]
    crop_uris, quality = embed(crops, room.crop * len(crops))
    wholes = [reduced(hr), *(error_map(sr, hr) for sr in images)]
    whole_uris, _ = embed(wholes, room.whole * len(wholes))
    best = max(range(len(results)), key=lambda index: results[index][0]["psnr"])
    worst = min(range(len(results)), key=lambda index: results[index][0]["psnr"])
    return Strip(
        choice.title,
        choice.place,
        _about_crop(window, hr, len(images), quality),
        (window.height, window.width),
        _frame(window, hr),
        _pictures(choice.title, [run for run, _ in results], crop_uris, whole_uris),
        (worst + 2 if worst != best else 0, best + 2),  # of one method: HR beside it
    )


def _pictures(title: str, runs: Sequence[Run], crops: Sequence[str], wholes: Sequence[str]) -> tuple[Picture, ...]:
    """Name the pictures: crops of HR, LR and the methods; the whole HR image and the methods' error maps."""
    hr = Picture("HR", f"HR crop of {title}", "", crops[0], wholes[0], f"Whole HR image of {title}")
    lr = Picture("LR", f"LR crop of {title}, enlarged by whole pixels", "", crops[1])
    methods = []
    for run, crop, error in zip(runs, crops[2:], wholes[1:], strict=True):
        name = method_name(str(run["method"]))
        numbers = f"{run['psnr']:.2f} dB, {run['ssim']:.3f}".replace("inf", "∞")
        seed = f", seed {run['seed']}" if run["seed"] else ""
        alt = f"{name}, crop of {title}: {numbers}"
        methods.append(Picture(name, alt, numbers + seed, crop, error, f"Error map of {name}, {title}"))
    return (hr, lr, *methods)


def _frame(window: Window, hr: Image) -> tuple[float, float, float, float] | None:
    height, width = hr.shape[:2]
    if (window.height, window.width) == (height, width):
        return None
    parts = (window.x / width, window.y / height, window.width / width, window.height / height)
    left, top, wide, high = (round(100 * part, 2) for part in parts)
    return left, top, wide, high


def _about_crop(window: Window, hr: Image, methods: int, quality: int) -> str:
    height, width = hr.shape[:2]
    if (window.height, window.width) == (height, width):
        return f"The whole image, {width} × {height} px, as WebP of quality {quality}."
    differ = "where the methods differ most" if methods > 1 else "where the method errs most"
    return (
        f"{window.width} × {window.height} px of {width} × {height} from x = {window.x}, y = {window.y}, "
        f"{differ}, as WebP of quality {quality}."
    )


def _about(known: int, shown: int, made: int) -> str:
    if not made:
        return "No picture: the HR, LR or SR images are missing, or have changed since they were scored."
    parts = [
        "PSNR and SSIM are those of the whole image.",
        f"Error maps: absolute error, mean over channels, black for 0 to pale yellow for {ERROR_TOP} of 255 and more; "
        f"whole images are reduced to {WHOLE_SIDE} px.",
    ]
    if shown < known:
        parts.append(f"The {shown} first of {known} images are shown, the worst and the best of every cell among them.")
    if made < shown:
        parts.append(f"{shown - made} left out: their images are missing, or have changed since they were scored.")
    return " ".join(parts)
