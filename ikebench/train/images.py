"""The images that a network is trained on or validated with: files in, LR and HR pixels in memory out."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from degradations.resample import cut_to_multiple, imresize, quantise
from ikebench.errors import UserError
from ikebench.files import sha256_file
from ikebench.images import by_stem, left_out, read_image

Pixels = NDArray[np.uint8]
Pair = tuple[Pixels, Pixels]

DIV2K_TRAINING_HR = "DIV2K_train_HR"


@dataclass
class ImageSet:
    """The image files of a folder.

    Attributes:
        files: image name -> file, as far as they can be used.
        sha256: image name -> hash of its file.
        refused: image name -> why it cannot be used.
        others: a line on what else is in the folder, or "".
    """

    files: dict[str, Path] = field(default_factory=dict)
    sha256: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    others: str = ""

    def refuse(self, image: str, reason: str) -> None:
        """Leave an image out."""
        self.refused[image] = reason
        self.files.pop(image, None)
        self.sha256.pop(image, None)


def find_images(option: str, folder: Path) -> ImageSet:
    """List and hash the images of a folder; in DIV2K's own folder, those of its training part.

    Raises:
        UserError: if there is no such folder or no image in it, or two share a name.
    """
    if not folder.is_dir():
        raise UserError(f"{option} {folder}: no such folder")
    inner = folder / DIV2K_TRAINING_HR
    folder = inner if inner.is_dir() else folder
    images = ImageSet(by_stem(folder), others=left_out(folder))
    for image, path in list(images.files.items()):
        try:
            images.sha256[image] = sha256_file(path)
        except OSError as error:
            images.refuse(image, f"{path}: {error.strerror or error}")
    return images


def hold_out(images: ImageSet, validation: ImageSet) -> list[str]:
    """Take the files that are among the validation images out of the training images, and name them."""
    held_out = set(validation.sha256.values())
    names = [image for image, digest in images.sha256.items() if digest in held_out]
    for image in names:
        del images.files[image], images.sha256[image]
    return names


def read_pairs(images: ImageSet, scale: int, smallest: int, report: Callable[[str], None]) -> list[Pair]:
    """Read the images and shrink them with MATLAB's bicubic; what cannot be used is refused.

    Args:
        images: the files; loses those that are refused.
        scale: s.
        smallest: least side of an LR image in px.
        report: called with each image's name when it is done.

    Returns:
        LR (h, w, 3) and HR (s h, s w, 3) of each image that is left.
    """
    pairs = []
    for image, path in list(images.files.items()):
        try:
            pairs.append(_pair(path, scale, smallest))
        except (ValueError, OSError) as error:
            images.refuse(image, str(error))
        report(image)
    return pairs


def _pair(path: Path, scale: int, smallest: int) -> Pair:
    hr = cut_to_multiple(read_image(path), scale)
    if min(hr.shape[:2]) < smallest * scale:
        raise ValueError(f"{path.name} is {hr.shape[1]}x{hr.shape[0]} px: the least is {smallest * scale} px a side")
    return quantise(imresize(hr, 1 / scale)), np.ascontiguousarray(hr)
