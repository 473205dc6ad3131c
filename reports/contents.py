"""The sections of a report, first to last. A new one is a function of the results and a name in SECTIONS."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from reports import about, against_paper, forest, verdict
from reports.alignment import alignment_listing
from reports.cost import can_be_drawn, cost_figure
from reports.curves import curve_figure, ending_lines, psnr_curves
from reports.differences import paired_listings
from reports.drawing import draw_bytes
from reports.kernels import kernel_figure, kernel_listing
from reports.listings import Listing, failure_listing
from reports.naming import method_name
from reports.results import Results
from reports.sections import Picture, Section
from reports.variants import variant_listings


def sections(results: Results) -> list[Section]:
    """Build the sections that have something to say, in order."""
    return [section for build in SECTIONS if (section := build(results)) is not None]


def _facts(results: Results) -> Section:
    return Section("", facts=about.facts(results.scores, results.summary, results.evidence.about))


def _tables(results: Results) -> Section:
    return Section("Tables", tables=tuple(results.tables))


def _variants(results: Results) -> Section | None:
    listings = variant_listings(results.scores, results.protocol)
    return Section("Variants and other methods", listings=tuple(listings)) if listings else None


def _alignment(results: Results) -> Section | None:
    return _of_listing(alignment_listing(results.scores))


def _paired(results: Results) -> Section | None:
    """Compare with the reference: a list and a forest plot of each set, and what a gain costs."""
    found = results.against_reference
    if found.empty:
        return None
    pictures = [
        Picture(
            f"{set_name}-forest.svg",
            f"Forest plot of {set_name}: mean difference of PSNR from {method_name(results.reference)} and its "
            "95 % interval, for every method, degradation and scale; the numbers are in the list.",
            partial(forest.draw, of_set, results.reference),
        )
        for set_name, of_set in found.groupby("set", observed=True)
    ]
    if can_be_drawn(results.scores, results.protocol):
        alt = "PSNR gain over bicubic against seconds per image, a panel for each degradation and scale."
        pictures.append(_figure("cost.svg", alt, partial(cost_figure, results.scores, results.protocol)))
    listings = paired_listings(found, results.summary, results.reference, results.scores)
    return Section("Paired differences and cost", listings=tuple(listings), pictures=tuple(pictures))


def _courses(results: Results) -> Section | None:
    """Show how trainings went, where they were traced."""
    traces = results.evidence.traces
    if traces is None or psnr_curves(traces).empty:
        return None
    alt = "PSNR along the trainings, a line for each method; how each ends is said above."
    picture = _figure("curves.svg", alt, partial(curve_figure, traces))
    return Section("Courses of training", points=tuple(ending_lines(traces)), pictures=(picture,))


def _kernels(results: Results) -> Section | None:
    """Show estimated kernels, as a list where the true ones are known, and as pictures."""
    listing = kernel_listing(results.scores)
    listings = (listing,) if listing.rows else ()
    rows = results.evidence.kernels
    alt = "Kernels as pictures: the true one, where it is known, and the estimated ones, with their PSNR."
    pictures = (_figure("kernels.png", alt, partial(kernel_figure, rows)),) if rows else ()
    return Section(listing.title, listings=listings, pictures=pictures) if listings or rows else None


def _figure(name: str, alt: str, figure: Callable[[], Any]) -> Picture:
    return Picture(name, alt, lambda: draw_bytes(figure(), name.rpartition(".")[2]))


def _failures(results: Results) -> Section | None:
    listing = failure_listing(results.scores, results.protocol)
    return Section(listing.title, listings=(listing,))


def _of_listing(listing: Listing) -> Section | None:
    return Section(listing.title, listings=(listing,)) if listing.rows else None


SECTIONS: tuple[Callable[[Results], Section | None], ...] = (
    _facts,
    verdict.section,
    _tables,
    against_paper.section,
    _variants,
    _alignment,
    _paired,
    _courses,
    _kernels,
    _failures,
)
"""What is in a report, in this order; a function returns None where it has nothing to say."""
