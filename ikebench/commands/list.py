"""`ikebench list`: what there is."""

from collections.abc import Callable, Sequence

import click

from ikebench.catalog import KINDS, default_of, kind_class, method_class, method_paths, uses
from ikebench.catalog import parameters as parameters_of
from ikebench.command_method import is_command, short_name
from ikebench.errors import UserError, unknown


@click.command("list")
@click.argument("what", default="methods", metavar="[methods|kinds|datasets|metrics]")
@click.argument("name", required=False)
def command(what: str, name: str | None) -> None:
    """List what there is; with the NAME of a method or kind, its parameters and their defaults."""
    listed = lines(what)
    for line in listed if name is None else parameters(name):
        click.echo(line)


def lines(what: str) -> list[str]:
    """Describe the methods, kinds, datasets or metrics, a line each.

    Raises:
        UserError: for anything else.
    """
    listings: dict[str, Callable[[], list[str]]] = {
        "methods": _methods,
        "kinds": _kinds,
        "datasets": _datasets,
        "metrics": _metrics,
    }
    if what not in listings:
        raise unknown("thing to list", what, listings)
    return listings[what]()


def parameters(name: str) -> list[str]:
    """List the parameters of a method or a kind with their defaults; `--set` changes them.

    Raises:
        UserError: for an unknown name.
    """
    methods = {**method_paths(), **({name: ""} if is_command(name) else {})}
    names = {**methods, **KINDS}
    if name not in names:
        raise unknown("method or kind", name, names)
    lines = []
    for what, lookup, known in (("method", method_class, methods), ("kind", kind_class, KINDS)):
        if name not in known:
            continue
        values = [(f"{short_name(name)}.{field.name}", str(default_of(field))) for field in parameters_of(lookup(name))]
        lines += [f"{what} {short_name(name)}" + (":" if values else ": no parameters"), *_columns(values)]
    return lines


def _methods() -> list[str]:
    rows = [("name", "scales", "training", "needs", "source")]
    for name in method_paths():
        try:
            cls = method_class(name)
        except UserError as error:  # somebody else's package must not take the list down
            rows.append((name, "", "", "", str(error)))
            continue
        scales = ", ".join(f"x{scale}" for scale in cls.scales)
        needed = [name for name in ("weights", "kernel") if name in uses(cls)]
        rows.append((name, scales, cls.supervision, ", ".join(needed) or "-", cls.source))
    return _columns(rows)


def _kinds() -> list[str]:
    rows = []
    for name in KINDS:
        cls = kind_class(name)
        rows.append((name, ", ".join(f"x{scale}" for scale in cls.scales), cls.summary))
    return _columns(rows)


def _datasets() -> list[str]:
    from ikebench.data.sources import DATASETS

    return _columns(list(DATASETS.items()))


def _metrics() -> list[str]:
    from reports.protocols import PROTOCOLS

    rows = [(f"psnr_{name}, ssim_{name}", f"protocol {name}: {scored.words}") for name, scored in PROTOCOLS.items()]
    rows.append(("shift_y, shift_x", "estimated shift of SR against HR, in HR pixels"))
    rows.append(("psnr_registered", "PSNR with that shift undone, RGB, 6 + s pixels shaved"))
    rows.append(("kernel_psnr", "PSNR of an estimated kernel against the true one, centres of mass aligned"))
    return _columns(rows)


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
