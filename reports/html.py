"""The whole report as one self-contained HTML page."""

from __future__ import annotations

from importlib import resources

import jinja2

from reports.listings import Listing
from reports.tables import Table


def document(tables: list[Table], pairs: list[Listing], others: list[Listing]) -> str:
    """Render all tables, the paired differences of each set, then the other lists; no external resources."""
    source = resources.files("reports").joinpath("report.html.j2").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    return environment.from_string(source).render(tables=tables, pairs=pairs, others=others) + "\n"
