"""What a report is made of: sections of facts, words, tables, lists and pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reports.listings import Listing
from reports.tables import Table


@dataclass(frozen=True)
class Picture:
    """A picture of a report: the name of its file, what it shows in words, and the function that draws the file."""

    name: str
    alt: str
    draw: Callable[[], bytes]


@dataclass(frozen=True)
class Section:
    """A part of a report under one heading, or none where the title is empty.

    It holds, in this order: facts (label, text), paragraphs, points, tables, lists and pictures.
    Texts are plain, renderers escape them. A listing whose title is that of the section has no heading of its own.
    """

    title: str
    facts: tuple[tuple[str, str], ...] = ()
    text: tuple[str, ...] = ()
    points: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    listings: tuple[Listing, ...] = ()
    pictures: tuple[Picture, ...] = ()
