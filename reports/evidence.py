"""What a report shows besides the scores: how they were made, images, kernels, and courses of trainings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from reports.about import About

Load = Callable[[Mapping[Any, Any], str], NDArray[np.uint8] | None]
"""Gives the `hr`, `lr` or `sr` image of a row of scores, (H, W, 3) RGB; None where it is not to be had."""


@dataclass(frozen=True)
class KernelRow:
    """The kernels of an image.

    Attributes:
        name: of the image and its cell.
        true: (n, n), or None where it is not known.
        estimated: method -> (m, m).
        psnr: method -> dB, where there is one.
    """

    name: str
    true: NDArray[np.float64] | None
    estimated: Mapping[str, NDArray[np.float64]]
    psnr: Mapping[str, float]


@dataclass(frozen=True)
class Evidence:
    """What the scores do not hold; what is not there is left out of the report.

    Attributes:
        about: how the scores were made.
        load: reads the images of the page.
        kernels: to be pictured, a row an image.
        traces: of trainings, as `ikebench run --trace` records them (`reports.curves`).
    """

    about: About = field(default_factory=About)
    load: Load | None = None
    kernels: Sequence[KernelRow] = ()
    traces: pd.DataFrame | None = None
