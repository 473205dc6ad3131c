"""The whole report as one self-contained HTML page."""

from __future__ import annotations

import json

import jinja2
import pandas as pd
from markupsafe import Markup

from reports.listings import Listing
from reports.page.gallery import Gallery, Load, hang
from reports.page.pictures import ERROR_TOP, error_key
from reports.page.runs import page_data
from reports.page.strips import choose
from reports.tables import Table

MOST = 9_000_000  # characters of data and pictures; with text and tables the page stays below 10 MB
LEAST_FOR_PICTURES = 1_000_000  # however many scores there are


def document(
    tables: list[Table],
    pairs: list[Listing],
    others: list[Listing],
    scores: pd.DataFrame,
    protocol: str,
    load: Load | None = None,
) -> str:
    """Render tables, pictures, the paired differences of each set, the other lists, and all runs.

    Nothing outside the page is needed to read it. `load` reads images of the scores; without it there are no pictures.
    """
    data = json.dumps(page_data(scores, protocol), ensure_ascii=False, separators=(",", ":"))
    gallery = _gallery(scores, protocol, load, max(MOST - len(data), LEAST_FOR_PICTURES)) if load else None
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("reports", "page"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    page = environment.get_template("page.html.j2")
    return (
        page.render(
            tables=tables,
            pairs=pairs,
            others=others,
            gallery=gallery,
            error_key=error_key() if gallery else "",
            error_top=ERROR_TOP,
            data=Markup(_inside_script(data)),
        )
        + "\n"
    )


def _gallery(scores: pd.DataFrame, protocol: str, load: Load, most: float) -> Gallery | None:
    """Hang the pictures; None where nothing is scored."""
    choices = choose(scores, protocol)
    return hang(choices, load, most) if choices else None


def _inside_script(data: str) -> str:
    """Escape JSON so that no text in it ends the script element that it stands in."""
    return data.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
