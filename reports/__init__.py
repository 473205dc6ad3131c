"""Scores (data frames) to reports: Markdown, LaTeX, HTML and CSV, beside the numbers the IKE paper published.

Names are imported when they are first used: whoever needs the protocols alone waits for no pandas.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reports.files import DEFAULT_FORMATS, FORMATS, files_of, formats_in, markdown_tables, write_report
    from reports.protocols import PROTOCOLS
    from reports.summary import summarise
    from reports.tables import published
    from reports.variants import variant_sections

__all__ = [
    "DEFAULT_FORMATS",
    "FORMATS",
    "PROTOCOLS",
    "files_of",
    "formats_in",
    "markdown_tables",
    "published",
    "summarise",
    "variant_sections",
    "write_report",
]

_HOMES = {"PROTOCOLS": "protocols", "published": "tables", "summarise": "summary", "variant_sections": "variants"}
"""Public name -> its module, where it is not `files`."""


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'reports' has no attribute {name!r}")
    return getattr(import_module(f"reports.{_HOMES.get(name, 'files')}"), name)
