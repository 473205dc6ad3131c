"""What there is: kinds of degradation and methods, by name, as "module:Class" strings that are imported when needed."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, get_type_hints

from ikebench.command_method import command_class, is_command, short_name
from ikebench.errors import UserError, one_line, unknown
from ikebench.settings import parse_names, parse_value

KINDS = {
    "bicubic": "degradations.bicubic:Bicubic",
    "bilateral": "degradations.bilateral:Bilateral",
    "median": "degradations.median:Median",
    "anisotropic": "degradations.anisotropic:Anisotropic",
    "random": "degradations.random_kernel:RandomKernel",
    "gaussian": "degradations.gaussian:Gaussian",
    "track2": "degradations.track2:Track2",
    "paired": "ikebench.data.paired:Paired",
}
PAPER_KINDS = ("bilateral", "median", "anisotropic", "random")  # Table 3; what `--kind all` means

METHODS = {
    "bicubic": "baselines.bicubic:Bicubic",
    "edsr": "baselines.edsr:EDSR",
    "edsr-baseline": "baselines.edsr:EDSRBaseline",
    "rcan": "baselines.rcan:RCAN",
    "esrgan": "baselines.esrgan:ESRGAN",
    "esrgan-psnr": "baselines.esrgan:ESRGANPSNR",
    "zssr": "baselines.zssr:ZSSR",
    "zssr-gt": "baselines.zssr:ZSSRGroundTruth",
    "kernelgan-zssr": "baselines.kernelgan:KernelGANZSSR",
    "dualsr": "baselines.dualsr:DualSR",
    "ike": "ikebench.ike.method:IKE",
    "ike-release": "ikebench.ike.release:IKERelease",
}
GROUPS = ("all", "zero-shot", "supervised")
"""Names that stand for several methods."""
TRAINABLE = {"edsr-baseline": "baselines.edsr_recipe:EDSRBaselineRecipe"}
"""Networks that `ikebench train` can train: name -> how, a frozen dataclass with that one's fields and methods."""
METHOD_ENTRY_POINTS = "ikebench.methods"

USABLE = ("seed", "precision", "weights", "kernel", "tile")  # baselines.contract.Method
UNSAID = ("seed", "precision", "tile")  # what a method uses that does not say
METHOD_ATTRIBUTES = ("version", "scales", "source", "supervision", "paper_iterations")  # baselines.contract.Method


def method_paths() -> dict[str, str]:
    """Give every method's "module:Class": ours, and those of other names that installed packages bring."""
    return {point.name: point.value for point in entry_points(group=METHOD_ENTRY_POINTS)} | METHODS


def kind_class(name: str) -> Any:  # noqa: ANN401 (a class that follows degradations.contract)
    """Import a kind of degradation.

    Raises:
        UserError: for an unknown name.
    """
    return _load("kind", name, KINDS)


def method_class(name: str) -> Any:  # noqa: ANN401 (a class that follows baselines.contract)
    """Import a method, or make one of a TOML file (see `ikebench.command_method`).

    Raises:
        UserError: for an unknown name, or a file that is not one of a command.
    """
    if is_command(name):
        return command_class(name)
    try:
        cls = _load("method", name, method_paths())
    except (Exception, SystemExit) as error:  # somebody else's module can fail in any way
        if isinstance(error, UserError):
            raise
        raise UserError(f"method {name} cannot be imported: {one_line(error)}") from error
    missing = [attribute for attribute in METHOD_ATTRIBUTES if not hasattr(cls, attribute)]
    if missing or not is_dataclass(cls):
        lacking = f"lacks {', '.join(missing)}" if missing else "is not a dataclass"
        raise UserError(f"method {name} {lacking}: see baselines/contract.py")
    for used in uses(cls):
        if used not in USABLE:
            raise unknown(f"thing that method {name} uses", used, USABLE)
    return cls


def installed_version(name: str) -> int | None:
    """Give the version of a method; None of one that is not installed, or cannot be imported."""
    try:
        return method_class(name).version if name in method_paths() else None
    except UserError:
        return None


def recipe_class(name: str) -> Any:  # noqa: ANN401 (a class as `baselines.edsr_recipe` has it)
    """Import how a network is trained.

    Raises:
        UserError: for an unknown name.
    """
    return _load("network", name, TRAINABLE)


def uses(method: Any) -> frozenset[str]:  # noqa: ANN401 (a method or its class)
    """Give what decides a method's images beside the LR image, the scale and its hyperparameters: some of `USABLE`."""
    return frozenset(getattr(method, "uses", UNSAID))


def parameters(cls: Any) -> list[Field[Any]]:  # noqa: ANN401 (a method, a degradation or a recipe)
    """Give the fields of a frozen dataclass that a user may set: those with a default, unless `init` is False."""
    return [field for field in fields(cls) if field.init and {field.default, field.default_factory} != {MISSING}]


def default_of(field: Field[Any]) -> Any:  # noqa: ANN401
    """Give the default of a parameter."""
    return field.default if field.default_factory is MISSING else field.default_factory()


def check_names(what: str, names: Sequence[str], known: Mapping[str, Any]) -> None:
    """Refuse the first unknown name, with a near match, without importing anything."""
    for name in names:
        if name not in known:
            raise unknown(what, name, known)


def check_label(option: str, label: str) -> None:
    """Refuse a name under which no results can be kept; `option` is the one that gives it."""
    if label in method_paths():
        raise UserError(f"{option} {label}: that is a method's own name; choose another")
    if label in GROUPS:
        raise UserError(f"{option} {label}: that name stands for several methods; choose another")
    if not all(character.isalnum() or character in "-_." for character in label) or label.startswith("."):
        raise UserError(f"{option} {label}: use letters, digits, '-', '_' and '.' for the name")


def spell(what: str, names: Sequence[str], known: Mapping[str, Any]) -> list[str]:
    """Give names as they are spelt, in whatever case they are typed.

    Raises:
        UserError: for the first unknown name, with a near match.
    """
    spelt = {name.casefold(): name for name in known}
    names = [name if name in known else spelt.get(name.casefold(), name) for name in names]
    check_names(what, names, known)
    return names


def expand_kinds(text: str) -> list[str]:
    """Read a `--kind` value: names between commas; `all` stands for the paper's four."""
    names = _recognised("kind", text, {**KINDS, "all": ""})
    return list(dict.fromkeys(kind for name in names for kind in (PAPER_KINDS if name == "all" else (name,))))


def expand_methods(text: str) -> list[str]:
    """Read a `--methods` value: names and groups (`all`, `zero-shot`, ...) between commas, TOML files of commands."""
    known = method_paths()
    chosen = _recognised("method", text, {**known, **dict.fromkeys(GROUPS)})
    names = list(dict.fromkeys(name for one in chosen for name in (_members(one) if one in GROUPS else (one,))))
    for name in filter(is_command, names):
        command_class(name)  # or it is said what is wrong with it
        rivals = [
            other for other in [*known, *GROUPS, *names] if other != name and short_name(other) == short_name(name)
        ]
        if rivals:
            raise UserError(f"{name} and {rivals[0]} have one name: rename the file")
    return names


def configured(cls: type, name: str, settings: Mapping[str, str]) -> Any:  # noqa: ANN401
    """Build a frozen dataclass with some fields given as text: the one place where hyperparameters are set.

    Raises:
        UserError: for an unknown field (with a near match) or a value that does not fit it.
    """
    hints = get_type_hints(cls)
    check_parameters(cls, name, settings)
    changes = {field: parse_value(f"{name}.{field}", text, hints[field]) for field, text in settings.items()}
    try:
        return replace(cls(), **changes)
    except ValueError as error:
        raise UserError(str(error)) from error


def check_parameters(cls: type, name: str, settings: Mapping[str, str]) -> None:
    """Refuse the first unknown field, with a near match."""
    known = [field.name for field in parameters(cls)]
    for field in settings:
        if field not in known:
            raise unknown(f"parameter of {name}", field, known)


def _members(group: str) -> list[str]:
    """Give the methods of a group: all of them, or those of a supervision."""
    return [name for name in method_paths() if group == "all" or method_class(name).supervision == group]


def _recognised(what: str, text: str, known: Mapping[str, Any]) -> list[str]:
    """Read names between commas, in whatever case they are typed; files are left as they are."""
    names = parse_names(text)
    files = [name for name in names if is_command(name)]
    spelt = spell(what, [name for name in names if name not in files], known)
    return [name if name in files else spelt.pop(0) for name in names]


def _load(what: str, name: str, paths: Mapping[str, str]) -> Any:  # noqa: ANN401
    check_names(what, [name], paths)
    module, _, attribute = paths[name].partition(":")
    return getattr(import_module(module), attribute)
