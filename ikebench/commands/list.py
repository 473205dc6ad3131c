"""`ikebench list`: what there is."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from ikebench.catalog import KINDS, default_of, kind_class, method_class, method_paths, uses
from ikebench.catalog import parameters as parameters_of
from ikebench.command_method import is_command, short_name
from ikebench.errors import UserError, unknown

Records = list[dict[str, Any]]

WITH_PARAMETERS = ("methods", "kinds")


@click.command("list")
@click.argument("what", default="methods", metavar="[methods|kinds|datasets|metrics]")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="As JSON: a list of objects.")
def command(what: str, name: str | None, as_json: bool) -> None:
    """List what there is; with the NAME of a method or kind, its parameters and their defaults."""
    listing = _listing(what)
    if name is not None and what not in WITH_PARAMETERS:
        raise UserError(f"list {what} takes no NAME: `ikebench list methods NAME` shows the parameters of a method")
    if as_json:
        click.echo(json.dumps(listing() if name is None else parameters(name), indent=1))
        return
    for line in _table(listing(), header=what == "methods") if name is None else _parameter_lines(name):
        click.echo(line)


def records(what: str) -> Records:
    """Describe the methods, kinds, datasets or metrics.

    Raises:
        UserError: for anything else.
    """
    return _listing(what)()


def _listing(what: str) -> Callable[[], Records]:
    listings: dict[str, Callable[[], Records]] = {
        "methods": _methods,
        "kinds": _kinds,
        "datasets": _datasets,
        "metrics": _metrics,
    }
    if what not in listings:
        raise unknown("thing to list", what, listings)
    return listings[what]


def parameters(name: str) -> Records:
    """Give the parameters of a method or a kind with their defaults; `--set` changes them.

    Raises:
        UserError: for an unknown name.
    """
    return [
        {"of": what, "name": f"{short_name(name)}.{field.name}", "default": default_of(field)}
        for what, cls in _named(name).items()
        for field in parameters_of(cls)
    ]


def _named(name: str) -> dict[str, Any]:
    """Give the method and the kind of a name, whichever there is."""
    is_method, is_kind = is_command(name) or name in method_paths(), name in KINDS
    if not (is_method or is_kind):
        raise unknown("method or kind", name, {**method_paths(), **KINDS})
    return ({"method": method_class(name)} if is_method else {}) | ({"kind": kind_class(name)} if is_kind else {})


def _parameter_lines(name: str) -> list[str]:
    lines = []
    for what in _named(name):
        found = [{"name": one["name"], "default": one["default"]} for one in parameters(name) if one["of"] == what]
        lines += [f"{what} {short_name(name)}" + (":" if found else ": no parameters"), *_table(found)]
    return lines


def _methods() -> Records:
    found = []
    for name in method_paths():
        try:
            cls = method_class(name)
        except UserError as error:  # somebody else's package must not take the list down
            found.append({"name": name, "scales": [], "training": "", "needs": [], "source": str(error)})
            continue
        needed = [name for name in ("weights", "kernel") if name in uses(cls)]
        about = {"scales": list(cls.scales), "training": cls.supervision, "needs": needed, "source": cls.source}
        found.append({"name": name} | about)
    return found


def _kinds() -> Records:
    classes = {name: kind_class(name) for name in KINDS}
    return [{"name": name, "scales": list(cls.scales), "summary": cls.summary} for name, cls in classes.items()]


def _datasets() -> Records:
    from ikebench.data.sources import DATASETS

    return [{"name": name, "summary": summary} for name, summary in DATASETS.items()]


def _metrics() -> Records:
    from reports.protocols import PROTOCOLS

    summaries = {f"psnr_{name}, ssim_{name}": f"protocol {name}: {scored.words}" for name, scored in PROTOCOLS.items()}
    summaries |= {
        "shift_y, shift_x": "estimated shift of SR against HR, in HR pixels",
        "psnr_registered": "PSNR with that shift undone, RGB, 6 + s pixels shaved",
        "stretch_y, stretch_x": "how much the shift changes over the image, in HR pixels: s - 1 of aligned corners",
        "psnr_lr": "PSNR of SR, degraded again as HR was, against LR, RGB",
        "kernel_psnr": "PSNR of an estimated kernel against the true one, centres of mass aligned",
    }
    return [{"name": name, "summary": summary} for name, summary in summaries.items()]


def _table(found: Sequence[Mapping[str, Any]], *, header: bool = False) -> list[str]:
    """Write records in columns."""
    rows = [[_cell(name, value) for name, value in one.items()] for one in found]
    rows = [list(found[0]), *rows] if header and found else rows
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _cell(name: str, value: Any) -> str:  # noqa: ANN401
    if name == "scales":
        return ", ".join(f"x{scale}" for scale in value)
    return (", ".join(value) or "-") if name == "needs" else str(value)
