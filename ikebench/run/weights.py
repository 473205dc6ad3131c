"""Which file of trained weights each method runs with: given by the user, or found in the weights folder."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from baselines.weights import known_files
from ikebench.catalog import uses
from ikebench.errors import UserError
from ikebench.run.jobs import MethodChoice
from ikebench.weight_files import WeightsFile, checked, in_folder

Given = Mapping[str, Sequence[Path]]  # method -> the files of `--weights`


@dataclass
class Found:
    """What there is for some methods and scales.

    Attributes:
        files: (name of the method, scale) -> its weights.
        missing: a line for each method and scale without.
    """

    files: dict[tuple[str, int], WeightsFile] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)


def find(choices: Sequence[MethodChoice], scales: Iterable[int], given: Given, folder: Path) -> Found:
    """Find the weights of every chosen method that needs some, at those scales that it does.

    Raises:
        UserError: for a given file that cannot be used.
    """
    _check_names(choices, given)
    found, scales = Found(), sorted(set(scales))
    for choice in choices:
        if "weights" not in uses(choice.method):
            continue
        given_files = _given(choice, given.get(choice.name, ()))
        for scale in (scale for scale in scales if scale in choice.method.scales):
            try:
                file = given_files.get(scale) or _from_folder(choice, scale, folder, given_files)
            except ValueError as error:
                found.missing.append(f"{choice.label} x{scale} left out: {error}")
            else:
                found.files[choice.name, scale] = file
    return found


def _check_names(choices: Sequence[MethodChoice], given: Given) -> None:
    chosen = {choice.name: choice for choice in choices}
    for name in given:
        if name not in chosen:
            raise UserError(f"--weights {name}=…: {name} is not among --methods {','.join(chosen)}")
        if "weights" not in uses(chosen[name].method):
            raise UserError(f"--weights {name}=…: {name} has no use for weights")


def _given(choice: MethodChoice, paths: Sequence[Path]) -> dict[int, WeightsFile]:
    """Sort a method's given files by the scale that each is for; one that does not say so is for all."""
    files: dict[int, WeightsFile] = {}
    for path in paths:
        try:
            scale, file = checked(choice.method, path)
        except ValueError as error:
            raise UserError(f"--weights {choice.name}: {error}") from error
        for one in choice.method.scales if scale is None else (scale,):
            if one in files:
                raise UserError(f"--weights {choice.name}: {files[one].path} and {path} are both for x{one}")
            files[one] = file
    return files


def _from_folder(choice: MethodChoice, scale: int, folder: Path, given: Mapping[int, WeightsFile]) -> WeightsFile:
    """Take a method's weights from the folder, or say which to get and how, and what those given are for."""
    path = in_folder(choice.name, scale, folder)
    if path is None:
        others = "".join(f"; {file.path} is for x{other}" for other, file in given.items())
        raise ValueError(_how_to_get(choice.name, scale, folder) + others)
    found_scale, file = checked(choice.method, path)
    if found_scale not in (None, scale):
        raise ValueError(f"{path} is for x{found_scale}")
    return file


def _how_to_get(method: str, scale: int, folder: Path) -> str:
    ways = [f"give --weights {method}=FILE", f"put {method}_x{scale}.pt into {folder}"]
    for known in known_files(method, scale)[:1]:
        ways.insert(0, f"`ikebench fetch {method} --scale {scale}` gets {known.name}")
    return f"it needs trained weights: {', or '.join(ways)}"
