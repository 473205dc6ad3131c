"""What every section of a report is made from: the scores, and what is computed of them once."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd

from reports.evidence import Evidence
from reports.pairs import Differences, against_reference, by_cell, choose_reference
from reports.statistics import paired_differences
from reports.summary import summarise
from reports.tables import Table, build_tables


@dataclass(frozen=True)
class Results:
    """Scores under one protocol; what is made of them is made when it is first asked for.

    `against` is the method that others are held against (`choose_reference` says which without it).
    """

    scores: pd.DataFrame
    protocol: str = "ike"
    against: str | None = None
    evidence: Evidence = field(default_factory=Evidence)

    @cached_property
    def summary(self) -> pd.DataFrame:
        """One row per set, kind, scale and method, as `summarise`."""
        return summarise(self.scores, self.protocol)

    @cached_property
    def tables(self) -> list[Table]:
        """The tables of every set."""
        return build_tables(self.scores, self.protocol, summary=self.summary)

    @cached_property
    def reference(self) -> str:
        """The method that others are held against."""
        return choose_reference(self.scores, self.against)

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """The differences of every two methods, as `paired_differences`."""
        return paired_differences(self.scores, self.protocol)

    @cached_property
    def differences(self) -> dict[tuple[str, str, int], Differences]:
        """The same by (set, kind, scale) and (method, other), both ways round."""
        return by_cell(self.pairs)

    @cached_property
    def against_reference(self) -> pd.DataFrame:
        """The differences from the reference alone, and which are of an upper bound."""
        found = against_reference(self.pairs, self.reference)
        return found.assign(upper_bound=found["method"].isin(self.upper_bounds))

    @cached_property
    def upper_bounds(self) -> frozenset[str]:
        """Methods that were told the truth: no rivals of the others."""
        return frozenset(self.summary.loc[self.summary["upper_bound"], "method"])
