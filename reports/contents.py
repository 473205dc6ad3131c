"""The sections of a report, first to last. A new one is a function of the results and a name in SECTIONS."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from reports import about, against_paper, forest, verdict
from reports.listings import Listing, alignment_listing, failure_listing, kernel_listing, paired_listings
from reports.naming import method_name
from reports.results import Results
from reports.sections import Picture, Section
from reports.variants import variant_listings


def sections(results: Results) -> list[Section]:
    """Build the sections that have something to say, in order."""
    return [section for build in SECTIONS if (section := build(results)) is not None]


def _facts(results: Results) -> Section:
    return Section("", facts=about.facts(results.scores, results.summary, results.about))


def _tables(results: Results) -> Section:
    return Section("Tables", tables=tuple(results.tables))


def _variants(results: Results) -> Section | None:
    listings = variant_listings(results.scores, results.protocol)
    return Section("Variants", listings=tuple(listings)) if listings else None


def _alignment(results: Results) -> Section | None:
    return _of_listing(alignment_listing(results.scores))


def _paired(results: Results) -> Section | None:
    """Compare with the reference: a list and a forest plot of each set."""
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
    listings = paired_listings(found, results.summary, results.reference)
    return Section("Paired differences", listings=tuple(listings), pictures=tuple(pictures))


def _kernels(results: Results) -> Section | None:
    return _of_listing(kernel_listing(results.scores))


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
    _kernels,
    _failures,
)
"""What is in a report, in this order; a function returns None where it has nothing to say."""
