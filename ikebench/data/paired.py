"""LR/HR pairs that somebody else has made: found by their names, checked by their pixels, with their true kernels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from degradations.content import CLEARLY, OTHER, SURE, is_bicubic, likeness, thumbnail
from degradations.contract import SCALES, Given
from degradations.resample import cut_to_multiple
from ikebench.data.given_kernels import kernel_that_fits, read_kernel_file
from ikebench.data.sources import HRSource
from ikebench.errors import UserError
from ikebench.files import check_folder
from ikebench.images import by_stem, png_bytes, read_image
from ikebench.pairing import Pairing, pair, role, without_role

KIND = "paired"
PRESET = "paired"
BICUBIC = "paired-bicubic"
"""Preset of an LR image that is plain bicubic downscaling, whatever its folder is called."""

LR_FOLDERS = ("X{}", "x{}", "lr_x{}", "LR_x{}", "LR_X{}")
KERNEL_FOLDERS = ("X{}", "x{}", "gt_k_x{}", "kernels_x{}")
KERNEL_SUFFIXES = (".mat", ".npy")

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Paired:
    """Pairs as they were given: image name -> LR file, and its kernel's file, at each scale."""

    version: ClassVar[int] = 1
    summary: ClassVar[str] = "LR/HR pairs made elsewhere (make-data --lr FOLDER --kernels FOLDER)"
    scales: ClassVar[tuple[int, ...]] = SCALES

    lr: Mapping[int, Mapping[str, Path]]
    kernels: Mapping[int, Mapping[str, Path]]

    def given(self, image: str, scale: int, hr: Image) -> Given:
        """Read an LR image, and its kernel, and make sure that it is what it should be.

        Args:
            image: name.
            scale: 2, 3 or 4.
            hr: (H, W, 3) uint8, the whole HR image.

        Raises:
            ValueError: for a pair without LR, of sizes that do not fit, or that shows two different photos; one line
                that says what to do.
        """
        path = self.lr[scale].get(image)
        if path is None:
            raise ValueError("no LR image is named for it")
        lr = _cut(path, read_image(path), hr, scale)
        self._check_content(path, lr, hr, scale)
        preset = BICUBIC if is_bicubic(lr, hr, scale) else PRESET
        kernel_path = self.kernels.get(scale, {}).get(image)
        if kernel_path is None:
            return Given(png_bytes(lr), preset=preset)
        try:
            kernel = kernel_that_fits(read_kernel_file(kernel_path), lr, cut_to_multiple(hr, scale), scale)
        except ValueError as error:
            return Given(png_bytes(lr), preset=preset, remark=f"kernel left out: {kernel_path}: {error}")
        return Given(png_bytes(lr), kernel, preset)

    def _check_content(self, path: Path, lr: Image, hr: Image, scale: int) -> None:
        """Refuse an LR image that shows another photo; where one of the others shows this one, name it."""
        side = min(lr.shape[:2])
        wanted = thumbnail(hr, side)
        own = likeness(wanted, thumbnail(lr, side))
        if own >= SURE:
            return
        others = {other: likeness(wanted, _thumbnail_of(other, side)) for other in self.lr[scale].values()}
        best = max(others, key=lambda other: others[other])
        if others[best] >= CLEARLY and others[best] > own + (1 - CLEARLY):
            raise ValueError(f"{path.name} shows another photo than the HR image; {best.name} shows it: swapped?")
        if own < OTHER:
            raise ValueError(
                f"{path.name} shows another photo than the HR image, and so do all others in {path.parent}: "
                "another split or set?"
            )


@cache
def _thumbnail_of(path: Path, side: int) -> NDArray[np.float32]:
    try:
        return thumbnail(read_image(path), side)
    except ValueError:  # it is refused itself
        return np.zeros((1, 1), np.float32)


def _cut(path: Path, lr: Image, hr: Image, scale: int) -> Image:
    """Give the LR image (H / s, W / s, 3); a last row or column that HR has only a part of is cut off.

    Raises:
        ValueError: for another size.
    """
    (height, width), whole = lr.shape[:2], hr.shape[:2]
    wanted = (whole[0] // scale, whole[1] // scale)
    if (height, width) in {wanted, (-(-whole[0] // scale), -(-whole[1] // scale))}:
        return np.ascontiguousarray(lr[: wanted[0], : wanted[1]])
    sizes = f"{path.name} is {width}x{height}, the HR image {whole[1]}x{whole[0]}"
    if (height, width) == whole:
        raise ValueError(f"{sizes}: equal sizes; give LR images that are {scale} times smaller (not enlarged ones)")
    if height > whole[0] and width > whole[1]:
        raise ValueError(f"{sizes}: LR is the larger one; are --lr and --hr swapped?")
    fitting = [other for other in SCALES if (height, width) == (whole[0] // other, whole[1] // other)]
    hint = f"it is for --scale {fitting[0]}" if fitting else f"at x{scale} it should be {wanted[1]}x{wanted[0]}"
    raise ValueError(f"{sizes}: {hint}")


@dataclass(frozen=True)
class Found:
    """The pairs of some folders.

    Attributes:
        source: the HR images, under the names that pairs share.
        paired: their LR images and kernels.
        lines: how they were matched.
        stray: a line for each file that belongs to no pair.
    """

    source: HRSource
    paired: Paired
    lines: Sequence[str]
    stray: Sequence[str]


def find_pairs(source: HRSource, lr: Path, kernels: Path | None, scales: Sequence[int]) -> Found:
    """Match HR images with LR images and kernels, by their names (`ikebench.pairing`).

    Args:
        source: the HR images, and whatever else is in their folder.
        lr: the folder of LR images, or one that holds X2, X4 and so on.
        kernels: the same, of `.mat` files with a variable `Kernel` or `.npy` files.
        scales: of the LR images.

    Raises:
        UserError: if there is no such folder, no pair, or several files for one image.
    """
    folders = {scale: _of_scale("--lr", lr, scale, LR_FOLDERS, scales) for scale in scales}
    candidates = {scale: list(by_stem(folder).values()) for scale, folder in folders.items()}
    source, lines = _named(source, candidates)
    lr_files: dict[int, Mapping[str, Path]] = {}
    kernel_files: dict[int, Mapping[str, Path]] = {}
    stray = []
    for scale, folder in folders.items():
        files = [path for path in candidates[scale] if role(path.stem) != "hr" or path.stem in source.files]
        found = _matched(source, files or candidates[scale], f"--lr {folder}")
        lr_files[scale] = found.files
        lines.append(f"LR x{scale} matched by {found.rule}: {_example(found)}")
        stray += [f"{path}: {found.why(path, 'no HR image is named for it')}" for path in found.stray]
        if kernels is not None:
            folder = _of_scale("--kernels", kernels, scale, KERNEL_FOLDERS, scales)
            files = sorted(path for path in folder.iterdir() if path.suffix in KERNEL_SUFFIXES)
            found = _matched(source, files, f"--kernels {folder}")
            kernel_files[scale] = found.files
            lines.append(f"kernels x{scale} matched by {found.rule}: {_example(found)}")
            stray += [f"{path}: {found.why(path, 'no HR image is named for it')}" for path in found.stray]
    return Found(source, Paired(lr_files, kernel_files), lines, stray)


def _named(source: HRSource, candidates: Mapping[int, Sequence[Path]]) -> tuple[HRSource, list[str]]:
    """Give HR images the names that their pairs share: `img_1_gt` is `img_1`, unless its LR is `img_1_gt` too.

    What says that it is LR is left out, with a line where it is no candidate for LR either.
    """
    borne = _borne(source, candidates)
    files: dict[str, Path] = {}
    for name, path in source.files.items():
        if role(name) == "lr" and name not in borne:
            continue
        shared = name if name in borne else without_role(name)
        if shared in files:
            raise UserError(f"{files[shared]} and {path.name} are both of {shared}: leave one of them")
        files[shared] = path
    if not files:
        raise UserError("all files of --hr say LR: are --lr and --hr swapped?")
    known = {path.resolve() for paths in candidates.values() for path in paths} | {*map(Path.resolve, files.values())}
    lost = [path.name for path in source.files.values() if path.resolve() not in known]
    lines = [f"--hr: left out, LR by their names: {', '.join(lost)}"] if lost else []
    return HRSource(source.name, files, source.track2, source.message), lines


def _borne(source: HRSource, candidates: Mapping[int, Sequence[Path]]) -> set[str]:
    """Give the names of HR images that an LR file bears whole: `Mustang GT`, where `Mustang GTx2.png` is there.

    An LR file that says so of itself, `Mustang_LR`, shows that the rest of the name is what they share.
    """
    own = {path.resolve() for path in source.files.values()}
    stems = {
        stem
        for scale, paths in candidates.items()
        for path in paths
        if path.resolve() not in own
        for stem in (path.stem, path.stem.removesuffix(f"x{scale}"))
    }
    told = {without_role(stem) for stem in stems if role(stem) == "lr"}
    return {name for name in source.files if name in stems and without_role(name) not in told}


def _matched(source: HRSource, files: Sequence[Path], option: str) -> Pairing:
    found = pair(list(source.files), files, by_number=True)
    if not found.files:
        names = f"{files[0].name} ..." if files else "no such files"
        raise UserError(
            f"{option}: none of its files ({names}) is named for an HR image ({next(iter(source.files))} ...)"
        )
    return found


def _example(found: Pairing) -> str:
    image, path = next(iter(found.files.items()))
    return f"{len(found.files)} pairs, {image} with {path.name}"


def _of_scale(option: str, folder: Path, scale: int, names: Sequence[str], scales: Sequence[int]) -> Path:
    """Give the folder of one scale: inside the given one, or that itself where one scale is wanted."""
    check_folder(option, folder)
    inside = next((folder / name.format(scale) for name in names if (folder / name.format(scale)).is_dir()), None)
    if inside is None and len(scales) > 1:
        raise UserError(
            f"{option} {folder}: no X{scale} in it: put each scale into a folder of its own, or run for one"
        )
    return inside or folder
