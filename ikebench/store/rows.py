"""The rows of a workspace's tables: the one place that names their columns. Paths are relative to the workspace."""

from dataclasses import dataclass, field, fields
from functools import cache
from typing import Annotated, Any, get_args, get_type_hints

import pyarrow as pa

from reports.protocols import PROTOCOLS

Text = Annotated[str, pa.string()]
Int32 = Annotated[int, pa.int32()]
Int64 = Annotated[int, pa.int64()]
UInt64 = Annotated[int, pa.uint64()]
Real = Annotated[float, pa.float64()]
Truth = Annotated[bool, pa.bool_()]

MEASURES = (
    *(f"{metric}_{protocol}" for protocol in PROTOCOLS for metric in ("psnr", "ssim")),  # psnr in dB
    "shift_y",  # HR px, SR against HR
    "shift_x",
    "psnr_registered",  # dB, with that shift undone
    "stretch_y",  # HR px: the shift at the bottom less that at the top
    "stretch_x",  # right less left
)
"""Columns of `scores.parquet` that compare SR with HR."""

LATER = ("version", "stretch_y", "stretch_x", "psnr_lr", "weights_sha256", "kind_version")
"""Columns that tables had not from the start: null where an older one lacks them."""


VARIANT_OF = "variant of "
"""What the note of a result begins with whose name is not its method's own; the method's follows, up to a `;`."""


@dataclass(kw_only=True)
class Case:
    """An LR image: one image of a set, degraded in one way at one scale."""

    set: Text
    image: Text
    kind: Text
    scale: Int32

    @property
    def case(self) -> tuple[str, str, str, int]:
        """What tells it from other LR images."""
        return self.set, self.image, self.kind, self.scale


@dataclass(kw_only=True)
class RunCase(Case):
    """A result: an LR image restored by one method with one seed."""

    method: Text
    seed: Int64
    iterations: Int64 | None = None  # null: the method is not trained on the image


@dataclass(kw_only=True)
class DataRow(Case):
    """A row of `data.parquet`: how an LR image was made, and from what."""

    preset: Text | None = None
    version: Int32 | None = None  # of the degradation
    parameters: Text | None = None  # JSON
    seed: UInt64 | None = None
    hr_path: Text | None = None  # null: LR without HR, never scored
    hr_sha256: Text | None = None
    lr_path: Text = ""
    lr_sha256: Text = ""
    kernel_path: Text | None = None  # null: not linear, or not known
    kernel_sha256: Text | None = None
    height: Int32 = 0  # of the LR image, px
    width: Int32 = 0


@dataclass(kw_only=True)
class RunRow(RunCase):
    """A row of `runs.parquet`, and a row file: what came of a job."""

    key: Text
    version: Int32 | None = None  # of the method
    status: Text | None = None  # ok or failed
    error: Text | None = None
    sr_path: Text | None = None
    sr_sha256: Text | None = None
    kernel_path: Text | None = None  # null: the method estimates none
    kernel_sha256: Text | None = None
    seconds: Real | None = None  # of the method alone; with several images in flight, each one's share
    peak_mem_mib: Real | None = None  # of all images in flight together
    in_flight: Int32 | None = None  # images at work at once
    device: Text | None = None
    precision: Text | None = None
    note: Text | None = None
    settings: Text | None = None  # JSON: what differs from the method's defaults
    paper_iterations: Int64 | None = None
    lr_sha256: Text | None = None  # of the LR image that was restored
    weights_sha256: Text | None = None  # null: the method needs no trained weights
    upper_bound: Truth | None = None  # the method knows the truth: shown, never ranked

    # Only in the row file:
    wanted_key: str | None = None  # of the job as it was asked for; `key` differs where memory wanted smaller tiles
    retry: bool | None = None  # the failure is none of the method's, so the job runs again without being asked to
    traceback: str | None = None


@dataclass(kw_only=True)
class ScoreRow(RunCase):
    """A row of `scores.parquet`."""

    version: Int32 | None = None  # of the method
    status: Text | None = None
    error: Text | None = None
    measures: Annotated[dict[str, float], MEASURES] = field(default_factory=dict)  # a column each
    seconds: Real | None = None
    peak_mem_mib: Real | None = None
    device: Text | None = None
    note: Text | None = None
    paper_iterations: Int64 | None = None
    degradation: Text | None = None  # parameters that differ from the preset's
    kind_version: Int32 | None = None  # of the degradation
    settings: Text | None = None  # of the method, that differ from its defaults; iterations apart
    sr_sha256: Text | None = None
    hr_sha256: Text | None = None
    lr_sha256: Text | None = None
    kernel_psnr: Real | None = None  # dB, of an estimated kernel where the true one is known
    psnr_lr: Real | None = None  # dB, of SR degraded as HR was against LR; null where that degradation is unknown
    upper_bound: Truth | None = None
    kernel_sha256: Text | None = None  # of the estimated kernel
    true_kernel_sha256: Text | None = None
    weights_sha256: Text | None = None  # of the trained network's file, whose name alone is in the note


@cache
def schema_of(row: Any) -> pa.Schema:  # noqa: ANN401 (one of the classes above)
    """Give the schema of the table that holds such rows."""
    hints = get_type_hints(row, include_extras=True)
    columns: list[tuple[str, pa.DataType]] = []
    for one in fields(row):
        declared = _declared(hints[one.name])
        if declared is MEASURES:
            columns += [(name, pa.float64()) for name in MEASURES]
        elif declared is not None:
            columns.append((one.name, declared))
    return pa.schema(columns)


def _declared(hint: Any) -> Any:  # noqa: ANN401 (what typing makes of an annotation)
    """Find what `Annotated` declares, also inside `... | None`."""
    if hasattr(hint, "__metadata__"):
        return hint.__metadata__[0]
    return next((part.__metadata__[0] for part in get_args(hint) if hasattr(part, "__metadata__")), None)
