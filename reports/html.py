"""The whole report as one self-contained HTML page."""

from __future__ import annotations

import base64
from importlib import resources

import jinja2

from reports.sections import Section


def document(sections: list[Section], pictures: dict[str, bytes]) -> str:
    """Render all sections, with the drawn SVG `pictures` (file name -> content) inside; no external resources."""
    source = resources.files("reports").joinpath("report.html.j2").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    embedded = {
        name: f"data:image/svg+xml;base64,{base64.b64encode(drawn).decode()}" for name, drawn in pictures.items()
    }
    return environment.from_string(source).render(sections=sections, pictures=embedded) + "\n"
