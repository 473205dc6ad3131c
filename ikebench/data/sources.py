"""Where HR images come from: the embedded sample, DIV2K in its official layout, or any folder of images."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ikebench.errors import UserError
from ikebench.images import by_stem
from ikebench.store.checks import is_text

SAMPLE_IMAGES = ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png", "rocket.jpg")  # in scikit-image
DIV2K_HR = "DIV2K_valid_HR"
DIV2K_TRACK2 = "DIV2K_valid_LR_unknown"
DIV2K_VARIABLE = "IKEBENCH_DIV2K"
DIV2K_DEFAULT = "DIV2K"

DATASETS = {
    "sample": "five photographs that ship with scikit-image; no download",
    "div2k": f"DIV2K validation images ({DIV2K_HR}) in ${DIV2K_VARIABLE}, ./{DIV2K_DEFAULT}, or fetched",
    "FOLDER": f"any folder of images, or one that holds {DIV2K_HR}",
}


@dataclass(frozen=True)
class HRSource:
    """A named set of HR files.

    Attributes:
        name: the set's name in tables and paths.
        files: image name -> file.
        track2: the folder with the official Track 2 LR files (X2, X4), where there is one.
        message: a line for the user on how it was found, or "".
    """

    name: str
    files: Mapping[str, Path]
    track2: Path | None = None
    message: str = ""


def find_hr(hr: str | None, name: str | None = None, fetched: Path | None = None) -> HRSource:
    """Find the HR images.

    Args:
        hr: `sample`, `div2k`, a folder, or None: DIV2K if it is found, else the sample.
        name: of the set, in place of the folder's name.
        fetched: where `ikebench fetch div2k` puts DIV2K.

    Raises:
        UserError: if there is nothing there, or two files share a stem.
    """
    if hr is None:
        source = _default_source(fetched)
    elif hr == "sample" and not Path(hr).is_dir():
        source = _sample()
    elif hr == "div2k" and not Path(hr).is_dir():
        source = _div2k(_div2k_folder(fetched) or _missing_div2k())
    else:
        source = _folder(Path(hr))
    if name is not None:
        source = HRSource(name, source.files, source.track2, source.message)
    check_name(source.name)
    return source


def _default_source(fetched: Path | None) -> HRSource:
    folder = _div2k_folder(fetched)
    if folder is not None:
        return _div2k(folder)
    sample = _sample()
    message = f"no DIV2K found (${DIV2K_VARIABLE}, ./{DIV2K_DEFAULT}): using the embedded sample of 5 photographs"
    return HRSource(sample.name, sample.files, message=message)


def _sample() -> HRSource:
    import skimage.data  # its import costs half a second that `--help` should not pay

    folder = Path(skimage.data.__file__).parent
    return HRSource("sample", {Path(name).stem: folder / name for name in SAMPLE_IMAGES})


def _div2k_folder(fetched: Path | None) -> Path | None:
    named = os.environ.get(DIV2K_VARIABLE)
    candidates = [Path(named)] if named else [Path(DIV2K_DEFAULT), *([fetched] if fetched else [])]
    found = next((folder for folder in candidates if (folder / DIV2K_HR).is_dir()), None)
    if named and found is None:
        raise UserError(f"${DIV2K_VARIABLE} is {named}, but there is no {DIV2K_HR} in it: correct or unset it")
    return found


def _missing_div2k() -> Path:
    raise UserError(
        f"no DIV2K found: `ikebench fetch div2k` gets it; or put {DIV2K_HR} into ./{DIV2K_DEFAULT}, "
        f"set ${DIV2K_VARIABLE}, or give --hr FOLDER (--hr sample: five small photographs)"
    )


def _div2k(folder: Path) -> HRSource:
    track2 = folder / DIV2K_TRACK2
    return HRSource("div2k", by_stem(folder / DIV2K_HR), track2 if track2.is_dir() else None)


def _folder(folder: Path) -> HRSource:
    if not folder.is_dir():
        raise UserError(f"--hr {folder}: no such folder (a folder of images, sample or div2k)")
    if folder.resolve().name == DIV2K_HR:
        return _div2k(folder.resolve().parent)
    if (folder / DIV2K_HR).is_dir():
        return _div2k(folder)
    return HRSource(folder.resolve().name, by_stem(folder))


def check_name(name: str) -> None:
    """Refuse what cannot name a set in paths and tables."""
    if not name or name.startswith(".") or any(character in name for character in '/\\*?[]"<>|:') or not is_text(name):
        raise UserError(f"'{name}' cannot name a set: give one with --name")
