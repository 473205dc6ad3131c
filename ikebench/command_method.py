"""Somebody else's program as a method: a TOML file with its command becomes a class as `baselines.contract` has it."""

import json
import os
import re
import shlex
import string
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, make_dataclass
from functools import cache
from keyword import iskeyword
from pathlib import Path
from typing import TYPE_CHECKING, Any

from baselines.contract import NOT_DECISIVE, Precision, Restored, Task
from degradations.contract import SCALES
from ikebench.errors import UserError, unknown
from ikebench.files import check_folder
from ikebench.toml_files import read_toml

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

SUFFIX = ".toml"
SUPERVISIONS = ("none", "zero-shot", "supervised")
GIVEN = {
    "lr": "the folder of the LR images",
    "sr": "the folder for the SR images",
    "lr_image": "one LR image, instead of its folder",
    "sr_image": "where its SR image goes",
    "scale": "how many times larger",
    "seed": "of this image's randomness",
    "kernel": "a .mat file with the true kernel",
}
"""What a command can be given by name, in braces."""
USED = ("seed", "kernel", "tile")  # what decides the image where the command is given it: `baselines.contract.Method`

LONGEST_TIMEOUT = 1e9  # seconds, 31 years; select takes little more
KEYS: dict[str, type] = {
    "command": str,
    "folder": str,
    "environment": str,
    "scales": list,
    "supervision": str,
    "source": str,
    "version": int,
    "timeout": float,
    "off_by_one": bool,
    "paper_iterations": int,
    "variables": dict,
    "parameters": dict,
}
RESERVED = {*GIVEN, *KEYS, "program", "file", "uses", "imports", "effort", "scale_of"}
"""What a parameter cannot be called: what the command is given, and what a method has by contract."""


@dataclass(frozen=True)
class CommandFile:
    """What a TOML file says of a program.

    Attributes:
        name: of the method: the file's stem.
        command: as a shell would split it, with names in braces.
        off_by_one: whether images that are a pixel too large or too small are taken.
        folder: where the command runs.
        environment: of a virtual or conda environment, whose programs come first; None for those of the shell.
        variables: (name, value) of the command's environment.
        timeout: seconds for one call, unless `--set` says more.
        parameters: (name, default) of what else `--set` changes.
        scales: that it does.
        supervision: see `baselines.contract.Method`.
        source: the publication, say.
        version: raised by the user when the program gives other images.
        paper_iterations: see `baselines.contract.Method`.
    """

    name: str
    command: str
    off_by_one: bool
    folder: Path
    environment: Path | None
    variables: tuple[tuple[str, str], ...]
    timeout: float
    parameters: tuple[tuple[str, Any], ...]
    scales: tuple[int, ...]
    supervision: str
    source: str
    version: int
    paper_iterations: int | None

    @property
    def program(self) -> str:
        """What decides the images, parameters and version apart, as JSON."""
        where = str(self.folder), self.environment and str(self.environment)
        return json.dumps([self.command, self.off_by_one, *where, sorted(self.variables)])


class CommandMethod:
    """LR -> SR by a command of its own environment; its subclasses are made of TOML files."""

    file: CommandFile
    timeout: float

    def __post_init__(self) -> None:
        """Refuse a time that cannot be waited."""
        if not 0 < self.timeout <= LONGEST_TIMEOUT:
            raise ValueError(
                f"{self.file.name}: timeout must be more than 0 and at most {LONGEST_TIMEOUT:g} seconds, "
                f"not {self.timeout:g}"
            )

    def __call__(self, tasks: Sequence[Task], scale: int, precision: Precision = "fp32") -> list[Restored]:
        """Run the command on the tasks' images.

        Raises:
            ikebench.command_call.CommandFailed: with its log.
        """
        from ikebench.command_call import call

        return call(self, tasks, scale)

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to a worker as what the file says: there the class is made anew."""
        values = asdict(self)  # type: ignore[call-overload]
        del values["program"]
        return _configured, (self.file, values)


def is_command(name: str) -> bool:
    """Say whether the name of a method is that of a TOML file."""
    return name.endswith(SUFFIX)


def short_name(name: str) -> str:
    """Give the name under which a method's results are kept: of a TOML file, its stem."""
    return Path(name).stem if is_command(name) else name


def command_class(path: str) -> Any:  # noqa: ANN401 (a class that follows baselines.contract)
    """Make a method of a TOML file.

    Raises:
        UserError: for a file that is not there, or says something else than a command.
    """
    return _class_of(_read(Path(path).expanduser()))


@cache
def _class_of(file: CommandFile) -> "type[DataclassInstance]":
    fields = [
        ("program", str, field(default=file.program, init=False)),  # of every key, and nobody's to set
        ("timeout", float, field(default=file.timeout, metadata=NOT_DECISIVE)),
        *((name, type(value), field(default=value)) for name, value in file.parameters),
    ]
    namespace = {
        "__module__": __name__,
        "file": file,
        "version": file.version,
        "scales": file.scales,
        "source": file.source,
        "supervision": file.supervision,
        "paper_iterations": file.paper_iterations,
        "uses": tuple(name for name in USED if name in names_in(file.command)),
        "imports": ("ikebench.command_call",),
    }
    return make_dataclass(file.name, fields, bases=(CommandMethod,), namespace=namespace, frozen=True)


def _configured(file: CommandFile, values: Mapping[str, Any]) -> Any:  # noqa: ANN401
    return _class_of(file)(**values)


def _read(path: Path) -> CommandFile:
    content = read_toml(path)
    _check_types(path, content)
    parameters = content.get("parameters", {})
    _check_parameters(path, content)
    _check_command(path, content.get("command"), parameters)
    return CommandFile(
        name=path.stem,
        command=content["command"],
        off_by_one=content.get("off_by_one", False),
        folder=_there(path, "folder", _beside(path, content.get("folder", "."))),
        environment=_environment(path, content.get("environment")),
        variables=tuple((name, str(value)) for name, value in content.get("variables", {}).items()),
        timeout=float(content.get("timeout", 86400)),  # a day
        parameters=tuple(parameters.items()),
        scales=tuple(content.get("scales", SCALES)),
        supervision=content.get("supervision", "none"),
        source=content.get("source", f"a command: {path.name}"),
        version=content.get("version", 1),
        paper_iterations=content.get("paper_iterations"),
    )


def _check_types(path: Path, content: Mapping[str, Any]) -> None:
    for key, value in content.items():
        if key not in KEYS:
            raise UserError(f"{path}: {unknown('key', key, KEYS)}")
        fits = isinstance(value, (int, float) if KEYS[key] is float else KEYS[key])
        if not fits or isinstance(value, bool) != (KEYS[key] is bool):
            raise UserError(f"{path}: {key} must be a {KEYS[key].__name__}")
    if not re.fullmatch(r"[^\W_][\w-]*", path.stem):  # no '.': after it, `--set` names a parameter
        raise UserError(f"{path}: its name is the method's: use letters, digits, '-' and '_' before {SUFFIX}")
    if any(scale not in SCALES for scale in content.get("scales", ())):
        raise UserError(f"{path}: scales must be some of {', '.join(map(str, SCALES))}")
    if content.get("supervision", "none") not in SUPERVISIONS:
        raise UserError(f"{path}: supervision must be one of {', '.join(SUPERVISIONS)}")


def _check_parameters(path: Path, content: Mapping[str, Any]) -> None:
    parameters = content.get("parameters", {})
    for name, value in parameters.items():
        if not name.isidentifier() or not isinstance(value, str | int | float):
            raise UserError(f"{path}: parameter {name} must be a name and a single value")
        if name in RESERVED or iskeyword(name) or name.startswith("__"):
            raise UserError(f"{path}: parameter {name} has a meaning of its own: give it another name")
    if type(parameters.get("iterations", 0)) is not int:
        raise UserError(f"{path}: parameter iterations must be an int")
    if "paper_iterations" in content and "iterations" not in parameters:
        raise UserError(f"{path}: paper_iterations needs a parameter iterations: write it below [parameters]")


def _check_command(path: Path, command: Any, parameters: Mapping[str, Any]) -> None:  # noqa: ANN401 (what TOML holds)
    example = 'command = "python main.py -i {lr} -o {sr}"'
    if command is None:
        raise UserError(f"{path} has no command: write {example}")
    try:
        names = names_in(command)
    except ValueError as error:
        raise UserError(f"{path}: command cannot be read ({error}): write {example}") from None
    for name in names:
        if name not in GIVEN and name not in parameters:
            raise UserError(f"{path}: {unknown('name in braces', name, [*GIVEN, *parameters])}")
    images = {"lr_image", "sr_image"} & names
    if not (names & {"lr", "lr_image"} and names & {"sr", "sr_image"}) or (images and names & {"lr", "sr"}):
        raise UserError(
            f"{path}: command needs {{lr}} and {{sr}}, folders, or {{lr_image}} and {{sr_image}}: {example}"
        )


def names_in(command: str) -> set[str]:
    """Give the names in braces; a ValueError for what is no command."""
    words = shlex.split(command)
    if not words:
        raise ValueError("it is empty")
    return {name for word in words for _, name, _, _ in string.Formatter().parse(word) if name is not None}


def _beside(path: Path, name: str) -> Path:
    return Path(os.path.abspath(path.parent / Path(name).expanduser()))


def _environment(path: Path, name: str | None) -> Path | None:
    if name is None:
        return None
    # Not resolved: what lies in a virtual environment is often a link out of it.
    folder = _there(path, "environment", path.parent / Path(name).expanduser()).absolute()
    check_folder(f"{path}: environment", folder / "bin", ": give the folder of a virtual or conda environment")
    return folder


def _there(path: Path, key: str, folder: Path) -> Path:
    check_folder(f"{path}: {key}", folder)
    return folder
