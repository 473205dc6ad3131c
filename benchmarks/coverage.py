"""How often 95 % intervals of the mean hold the mean, by how many values there are and how they are distributed.

    python benchmarks/coverage.py

The intervals of the reports, and the plain percentiles of the same resamples. Prints a Markdown table, in percent.
"""

import math
from collections.abc import Callable
from unittest.mock import patch

import click
import numpy as np

from reports import statistics

Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]

DISTRIBUTIONS: dict[str, tuple[Draw, float]] = {  # how to draw, and the mean
    "normal": (lambda generator, shape: generator.normal(size=shape), 0.0),
    "log-normal": (lambda generator, shape: generator.lognormal(size=shape), math.exp(0.5)),
}


@click.command()
@click.option("--draws", default=4000, show_default=True, help="Samples of each size.")
def main(draws: int) -> None:
    """Print the table."""
    print("| values | distribution | plain percentiles | intervals of the reports |\n| ---: | --- | ---: | ---: |")
    for name, (draw, mean) in DISTRIBUTIONS.items():
        for count in (5, 6, 8, 10, 20, 100):
            samples = list(draw(np.random.default_rng(0), (draws, count)))
            with patch.object(statistics, "_tail", lambda length: 0.025):
                plain = statistics.bootstrap_intervals(samples)
            shares = (holding(intervals, mean) for intervals in (plain, statistics.bootstrap_intervals(samples)))
            print(f"| {count} | {name} | " + " | ".join(f"{100 * share:.1f}" for share in shares) + " |", flush=True)


def holding(intervals: np.ndarray, mean: float) -> float:
    """Give the share of intervals (n, 2) that hold the mean."""
    return float(((intervals[:, 0] <= mean) & (mean <= intervals[:, 1])).mean())


if __name__ == "__main__":
    main()
