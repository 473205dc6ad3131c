"""Files of trained weights: where a method's lie, and whether one is what its name and its method say."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from baselines.weights import SUFFIXES, known_file, known_files, read_weights
from ikebench.files import sha256_file


@dataclass(frozen=True)
class WeightsFile:
    """A file of trained weights.

    Attributes:
        path: absolute.
        sha256: of its bytes.
        method: the configured method that it was asked for, with the sizes of its network.
    """

    path: Path
    sha256: str
    method: Any = None  # baselines.contract.Method


def in_folder(method: str, scale: int, folder: Path) -> Path | None:
    """Find a method's file: one named for it (`ikebench train` writes such), else a released one under its own name."""
    own = [f"{method}_x{scale}{suffix}" for suffix in SUFFIXES]
    names = own + [known.name for known in known_files(method, scale)]
    return next((folder / name for name in names if (folder / name).is_file()), None)


def checked(method: Any, path: Path) -> tuple[int | None, WeightsFile]:  # noqa: ANN401 (baselines.contract.Method)
    """Read a file and hold it against its name and its method.

    Returns:
        The scale that it is for, None where the method does not tell; the file.

    Raises:
        ValueError: one line with the file and what is wrong.
    """
    weights = read_weights(path)
    sha256 = sha256_file(path)
    known = known_file(path.name)
    if known and not sha256.startswith(known.sha256_prefix):
        raise ValueError(
            f"{path}: not the released file of that name, whose SHA-256 starts with {known.sha256_prefix}, not "
            f"{sha256[:8]}: delete it and fetch it again, or give it another name"
        )
    try:
        scale = method.scale_of(weights) if hasattr(method, "scale_of") else None
        sized = method.sized(weights) if hasattr(method, "sized") else method
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return scale, WeightsFile(path.resolve(), sha256, sized)
