"""Which file of a folder belongs to which image, by their names; names differ from folder to folder."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ikebench.errors import UserError

ROLES = re.compile(r"(?i)(?<=[^\W_])[ _.-]+(?P<role>hr|gt|lr[0-9]?|sr)$")
"""What a name ends with to say what the image is: `img_1_gt`, `Canon_001_HR`, `Canon_001_LR4`."""

SCALE = re.compile(r"(?i)(?:(?<![^\W_])|(?<=[0-9]))x[0-9](?![^\W_])")
"""`x2` as a word of its own or after a number: `0801x2_out`, `0801_x2`."""

Rule = Callable[[Path], Sequence[str]]
"""The file of one folder -> the image to which it belongs; several where the rule cannot tell of which."""


@dataclass(frozen=True)
class Pairing:
    """Which file belongs to which image.

    Attributes:
        files: image -> its file.
        rule: how they were told, in words.
        without: images that have no file.
        stray: files that belong to no image -> those of which one cannot be told, where there are such.
    """

    files: Mapping[str, Path]
    rule: str
    without: Sequence[str]
    stray: Mapping[Path, Sequence[str]]

    def why(self, path: Path, nothing: str) -> str:
        """Say why a file is stray; `nothing` is what to say where it is named for no image at all."""
        names = self.stray[path]
        return f"named for {' and '.join(names)}: rename it for one of them" if names else nothing


def pair(images: Sequence[str], files: Iterable[Path], *, by_number: bool = False) -> Pairing:
    """Tell by the names which file belongs to which image.

    A file belongs to the image whose name it bears; else to the image whose name is a word of its own (`0801x2_out`
    to `0801`; of several, to the one that has the others in it); else, where that is allowed, to the image with the
    same numbers (`im_7` to `img_7`). The first of these rules that tells of the most images holds for all of them.

    Args:
        images: names of images.
        files: of the folder.
        by_number: whether equal numbers will do.

    Raises:
        UserError: if two files belong to one image.
    """
    files = list(files)
    rules = {"equal names": _equal(images), "the image's name in the file's": _within(images)}
    if by_number:
        rules["equal numbers"] = _numbers(images)
    found = {rule: {path: tell(path) for path in files} for rule, tell in rules.items()}
    told = {
        rule: {path: names[0] for path, names in of_rule.items() if len(names) == 1} for rule, of_rule in found.items()
    }
    rule = max(told, key=lambda rule: len(set(told[rule].values())))  # the first of equals
    belongs: dict[str, Path] = {}
    for path, image in told[rule].items():
        if image in belongs:
            raise UserError(f"{belongs[image]} and {path.name} are both for {image}: leave one of them")
        belongs[image] = path
    without = [image for image in images if image not in belongs]
    stray = {path: names for path, names in found[rule].items() if path not in told[rule]}
    return Pairing({image: belongs[image] for image in images if image in belongs}, rule, without, stray)


def role(stem: str) -> str:
    """Give what a name says that the image is, `hr` or `lr` say; "" where it says nothing."""
    found = ROLES.search(stem)
    said = found["role"].lower().rstrip("0123456789") if found else ""
    return "hr" if said == "gt" else said


def without_role(stem: str) -> str:
    """Give a name without what it says that the image is: `img_1_gt` is `img_1`."""
    return ROLES.sub("", stem)


def _equal(images: Sequence[str]) -> Rule:
    names = set(images)
    return lambda path: [path.stem] if path.stem in names else []


def _within(images: Sequence[str]) -> Rule:
    patterns = {image: re.compile(rf"(?i)(?<![^\W_]){re.escape(image)}(?:x[0-9])?(?![^\W_])") for image in images}

    def tell(path: Path) -> Sequence[str]:
        named = [image for image in images if patterns[image].search(path.stem)]
        longest = max(named, key=len, default="")
        return [longest] if named and all(patterns[image].search(longest) for image in named) else named

    return tell


def _numbers(images: Sequence[str]) -> Rule:
    found: dict[tuple[int, ...], list[str]] = {}
    for image in images:
        found.setdefault(_numbers_of(image), []).append(image)
    found.pop((), None)
    return lambda path: found.get(_numbers_of(path.stem), [])


def _numbers_of(stem: str) -> tuple[int, ...]:
    bare = SCALE.sub("", without_role(stem))
    return tuple(int(digits) for digits in re.findall(r"[0-9]+", bare))
