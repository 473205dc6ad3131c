"""What `ikebench reproduce` runs: the paper's tables and its ablation, or named variants from a TOML file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from degradations.contract import SCALES
from ikebench.catalog import KINDS, PAPER_KINDS, check_names, method_paths, spell
from ikebench.errors import UserError, unknown
from ikebench.settings import Settings
from ikebench.toml_files import read_toml


@dataclass(frozen=True)
class Variant:
    """A method and the settings that its results are to have under one name.

    Attributes:
        label: the name in tables: the method's own where nothing is changed.
        method: in the catalog.
        settings: field -> value as typed in `--set`.
    """

    label: str
    method: str
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """Which variants run on which LR images.

    Attributes:
        name: of the plan.
        kinds: of degradation.
        scales: where the user names none.
        variants: what runs.
        degradations: settings of the kinds.
        images: where the user does not say how many; None is all of them.
        iterations: of every training; None is the methods' own.
        set_name: of the set of LR images; None is the HR folder's name.
    """

    name: str
    kinds: Sequence[str]
    scales: Sequence[int]
    variants: Sequence[Variant]
    degradations: Settings = field(default_factory=dict)
    images: int | None = None
    iterations: int | None = None
    set_name: str | None = None

    def part(self, kinds: Sequence[str] | None, labels: Sequence[str] | None) -> "Plan":
        """Take only these kinds and these rows of the table; None, or `all` among them, is all.

        Raises:
            UserError: for one that the plan does not have.
        """
        rows = {variant.label: variant for variant in self.variants}
        chosen = _chosen("kind of this plan", kinds, self.kinds)
        variants = [rows[label] for label in _chosen("method of this plan", labels, list(rows))]
        left_out = set(self.kinds) - set(chosen)
        degradations = {kind: fields for kind, fields in self.degradations.items() if kind not in left_out}
        return replace(self, kinds=chosen, variants=variants, degradations=degradations)


def _chosen(what: str, names: Sequence[str] | None, known: Sequence[str]) -> Sequence[str]:
    chosen = ["all"] if names is None else spell(what, names, dict.fromkeys([*known, "all"]))
    return known if "all" in chosen else list(dict.fromkeys(chosen))


TABLE_METHODS = ("bicubic", "edsr-baseline", "kernelgan-zssr", "dualsr", "ike", "ike-release")

ABLATED = {  # what each row of the ablation turns on, by fields of `ike`: all of it is the full method
    "ablation-no-energy": {},
    "ablation-energy": {"lambda_energy": "0"},
    "ablation-tri-channel": {"tri_channel": "false"},
    "ablation-bicubic-residual": {"bicubic_residual": "false"},
    "ablation-backward-gan": {"lambda_backward": "0"},
    "ike": {"lambda_interpolation": "0"},
}
"""Row -> the part that it adds to the row before, as the settings that turn this part off."""


def _methods(*names: str) -> tuple[Variant, ...]:
    return tuple(Variant(name, name) for name in names)


def _ablation() -> tuple[Variant, ...]:
    """Each row lacks what the rows after it add."""
    labels = list(ABLATED)
    later = [labels[index + 1 :] for index in range(len(labels))]
    rows = [
        Variant(label, "ike", {name: value for row in rows for name, value in ABLATED[row].items()})
        for label, rows in zip(labels, later, strict=True)
    ]
    return (*_methods("bicubic"), *rows)


PLANS = {
    plan.name: plan
    for plan in (
        Plan("table2", ("track2",), (2, 4), _methods(*TABLE_METHODS)),
        Plan("table3", PAPER_KINDS, (2, 4), _methods(*TABLE_METHODS, "zssr-gt")),
        Plan("ablation", ("track2",), (2,), _ablation()),
    )
}

PLAN_KEYS = {"kinds": list, "scales": list, "images": int, "iterations": int, "set": str}
TABLES = {"variants": dict, "degradations": dict}


def read_plan(text: str) -> Plan:
    """Give the plan of a name, or that of a TOML file.

    Raises:
        UserError: for neither, or a file that is no plan.
    """
    if text in PLANS:
        return PLANS[text]
    path = Path(text)
    if path.suffix != ".toml":
        raise unknown("plan", text, [*PLANS, "PLAN.toml"])
    return _plan_of(path, read_toml(path))


def _plan_of(path: Path, content: Mapping[str, Any]) -> Plan:
    _check_types(path, content)
    _check_elements(path, content)
    kinds = content.get("kinds", list(PAPER_KINDS))
    check_names("kind", kinds, KINDS)
    variants = tuple(_variant(path, label, fields) for label, fields in content.get("variants", {}).items())
    if not variants:
        raise UserError(f"{path} names no variants: write [variants.NAME] with the fields that differ below it")
    return Plan(
        path.stem,
        kinds,
        content.get("scales", [2]),
        variants,
        {kind: _texts(path, kind, fields) for kind, fields in content.get("degradations", {}).items()},
        content.get("images"),
        content.get("iterations"),
        content.get("set"),
    )


def _check_types(path: Path, content: Mapping[str, Any]) -> None:
    known = PLAN_KEYS | TABLES
    for key, value in content.items():
        if key not in known:
            raise UserError(f"{path}: unknown key {key}; there is {', '.join(known)}")
        if not isinstance(value, known[key]) or isinstance(value, bool):
            raise UserError(f"{path}: {key} must be a {known[key].__name__}")
    for key in ("images", "iterations"):
        if content.get(key, 1) < 1:
            raise UserError(f"{path}: {key} must be 1 or more")


def _check_elements(path: Path, content: Mapping[str, Any]) -> None:
    kinds, scales = content.get("kinds", PAPER_KINDS), content.get("scales", SCALES)
    if not kinds or not all(isinstance(kind, str) for kind in kinds):
        raise UserError(f'{path}: kinds must be names of kinds, ["median"] say: `ikebench list kinds` shows them')
    if not scales or not all(type(scale) is int and scale in SCALES for scale in scales):
        raise UserError(f"{path}: scales must be 2, 3 or 4, [2, 4] say")


def _variant(path: Path, label: str, fields: Any) -> Variant:  # noqa: ANN401 (what TOML holds)
    settings = _texts(path, label, fields)
    method = settings.pop("method", label if label in method_paths() else "ike")
    check_names("method", [method], method_paths())
    if settings and label in method_paths():
        raise UserError(f"{path}: {label} is a method's own name; give its variant another")
    return Variant(label, method, settings)


def _texts(path: Path, name: str, fields: Any) -> dict[str, str]:  # noqa: ANN401
    if not isinstance(fields, dict) or any(isinstance(value, dict | list) for value in fields.values()):
        raise UserError(f"{path}: {name} must be a table of fields and single values")
    return {key: str(value) for key, value in fields.items()}
