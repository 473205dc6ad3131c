"""The whole report as one self-contained HTML page."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence

import jinja2
from markupsafe import Markup

from reports.page.gallery import Gallery, hang
from reports.page.pictures import ERROR_TOP, error_key
from reports.page.runs import page_data
from reports.page.strips import choose
from reports.results import Results
from reports.sections import Section

MOST = 9_000_000  # characters of data and pictures; with text and tables the page stays below 10 MB
MEDIA_TYPES = {"svg": "image/svg+xml", "png": "image/png"}
LEAST_FOR_PICTURES = 1_000_000  # however many scores there are


def document(sections: Sequence[Section], drawings: dict[str, bytes], results: Results) -> str:
    """Render all sections, with the `drawings` (file name -> content) inside, pictures of images, and all runs.

    Nothing outside the page is needed to read it.
    """
    data = json.dumps(page_data(results.scores, results.protocol), ensure_ascii=False, separators=(",", ":"))
    gallery = _gallery(results, max(MOST - len(data), LEAST_FOR_PICTURES))
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("reports", "page"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["slug"] = _slug
    page = environment.get_template("page.html.j2").render(
        sections=sections,
        drawings={name: _data_uri(name, drawn) for name, drawn in drawings.items()},
        gallery=gallery,
        error_key=error_key() if gallery else "",
        error_top=ERROR_TOP,
        data=Markup(_inside_script(data)),
    )
    return page + "\n"


def _slug(title: str) -> str:
    """Make a title a name that links can lead to: lower case, hyphens."""
    return "-".join(title.lower().split())


def _data_uri(name: str, drawn: bytes) -> str:
    kind = MEDIA_TYPES[name.rpartition(".")[2]]
    return f"data:{kind};base64,{base64.b64encode(drawn).decode()}"


def _gallery(results: Results, most: float) -> Gallery | None:
    """Hang the pictures; None where nothing is scored, or no images are to be had."""
    load = results.evidence.load
    choices = choose(results.scores, results.protocol) if load else []
    return hang(choices, load, most) if load and choices else None


def _inside_script(data: str) -> str:
    """Escape JSON so that no text in it ends the script element that it stands in."""
    return data.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
