"""Curves of PSNR along trainings, and whether a method still gains or already loses when it stops."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from reports.comparison import CELL
from reports.drawing import DPI, STYLE, WIDTHS, legend_below, panel_title
from reports.naming import cell_name, kind_order, method_name, method_order

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PSNR = "psnr"
"""Name of the PSNR in dB among the numbers of a trace."""
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")  # Okabe and Ito
STYLES = ("-", "--", ":")
MOST_COLUMNS = 3
PANEL_HEIGHT = 1.7  # inches
POINTS = 7
NOTHING = 0.02  # dB: smaller changes are neither gain nor loss
LAST_SHARE = 0.2  # of the iterations, over which the gain at the end is measured
ENDINGS = {
    "still gains": "still gains when it stops",
    "loses": "has been better before it stops",
    "level": "has levelled out when it stops",
}


def psnr_curves(traces: pd.DataFrame) -> pd.DataFrame:
    """Average over seeds, then over images: one row per set, kind, scale, method, stage and iteration.

    Args:
        traces: set, kind, scale, method, image, seed, stage, iteration, name, value; the PSNR's name is `PSNR`.

    Returns:
        Those keys, psnr (mean, dB), spread and n_images. Of each method, the iterations that most of its images have:
        means along a curve are over equally many. The spread (dB) is the standard deviation over images of their
        courses, each held against its own mean: that one image is harder than another is no spread.
    """
    keys = [*CELL, "method", "stage"]
    finite = traces[(traces["name"] == PSNR) & np.isfinite(traces["value"].astype(float))]
    images = finite.groupby([*keys, "iteration", "image"], observed=True)["value"].mean().reset_index()
    count = images.groupby([*keys, "iteration"], observed=True)["image"].transform("size")
    images = images.assign(count=count)
    images = images[images["count"] == images.groupby(keys, observed=True)["count"].transform("max")]
    level = images.groupby([*keys, "image"], observed=True)["value"].transform("mean")
    images = images.assign(course=images["value"] - level)
    of_iteration = images.groupby([*keys, "iteration"], observed=True)
    return of_iteration.agg(
        psnr=("value", "mean"), spread=("course", _spread), n_images=("image", "size")
    ).reset_index()


def _spread(values: pd.Series[float]) -> float:
    return float(values.std(ddof=0))


def endings(traces: pd.DataFrame) -> pd.DataFrame:
    """Say how each training ends: one row per set, kind, scale, method and stage.

    Returns:
        Those keys; iteration (the last), psnr there (mean, dB), best_iteration and best_psnr of the mean curve, change
        (dB, over the last fifth of the iterations) and ending: `still gains`, `loses` (it was better before) or
        `level`.
    """
    rows = []
    for keys, curve in psnr_curves(traces).groupby([*CELL, "method", "stage"], observed=True):
        curve = curve.sort_values("iteration")
        last, best = curve.iloc[-1], curve.iloc[int(curve["psnr"].to_numpy().argmax())]
        earlier = curve[curve["iteration"] <= (1 - LAST_SHARE) * last["iteration"]]
        change = last["psnr"] - earlier["psnr"].iloc[-1] if len(earlier) else math.nan
        if best["psnr"] - last["psnr"] > NOTHING:
            ending = "loses"
        else:
            ending = "still gains" if change > NOTHING else "level"
        numbers = [last["iteration"], last["psnr"], best["iteration"], best["psnr"], change, ending]
        rows.append([*keys, *numbers])
    found = ["iteration", "psnr", "best_iteration", "best_psnr", "change", "ending"]
    return pd.DataFrame(rows, columns=[*CELL, "method", "stage", *found])


def ending_lines(traces: pd.DataFrame) -> list[str]:
    """Say how trainings end: a line for each method, stage (where there are several), last iteration and ending."""
    found = endings(traces)
    stages = found.groupby([*CELL, "method"], observed=True)["stage"].transform("size")
    several_sets = found["set"].nunique() > 1
    lines: dict[str, list[str]] = {}
    for row in found.assign(stages=stages).sort_values("method", key=_ranks, kind="stable").to_dict("records"):
        name = method_name(row["method"]) + (f" ({row['stage']})" if row["stages"] > 1 else "")
        said = f"{name} {ENDINGS[row['ending']]} at iteration {row['iteration']}"
        lines.setdefault(said, []).append(f"{row['set']} " * several_sets + _ending_of_cell(row))
    return [f"{said}: {'; '.join(cells)}" for said, cells in lines.items()]


def _ranks(methods: pd.Series[str]) -> pd.Series[int]:
    return methods.map({name: place for place, name in enumerate(sorted(set(methods), key=method_order))})


def _ending_of_cell(row: dict[Hashable, Any]) -> str:
    end = f"{cell_name(row['kind'], row['scale'])} {row['psnr']:.2f} dB"
    if row["ending"] == "loses":
        return f"{end}, {row['best_psnr'] - row['psnr']:.2f} dB below its best at {row['best_iteration']}"
    if row["ending"] == "still gains":
        return f"{end}, {row['change']:+.2f} dB over the last fifth"
    return end


def curve_figure(traces: pd.DataFrame, width: float = WIDTHS["text"]) -> Figure | None:
    """Draw a panel for each set, kind and scale: a line for each method, a band of `psnr_curves`' spread over images.

    A dot marks the best of each curve; stages in a row follow one another. One panel alone has half the width. None
    where no PSNR was recorded.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    curves = psnr_curves(traces)
    if curves.empty:
        return None
    cells = sorted(curves.groupby(CELL, observed=True), key=lambda cell: _cell_order(cell[0]))
    columns = 2 if len(cells) == 4 else min(MOST_COLUMNS, len(cells))
    lines = -(-len(cells) // columns)
    methods = sorted(set(curves["method"]), key=method_order)
    with rc_context(STYLE | {"font.size": POINTS}):
        figure = Figure(
            figsize=(width * columns / max(columns, 2), lines * PANEL_HEIGHT + 0.4), dpi=DPI, layout="constrained"
        )
        panels = np.asarray(figure.subplots(lines, columns, squeeze=False)).ravel()
        for panel, (keys, curve) in zip(panels, cells, strict=False):
            _draw_panel(panel, keys, curve, methods)
        for panel in panels[len(cells) :]:
            panel.set_axis_off()
        legend_below(figure, panels, map(method_name, methods), 6)
    return figure


def _draw_panel(panel: Axes, keys: Any, curves: pd.DataFrame, methods: Sequence[str]) -> None:  # noqa: ANN401
    set_name, kind, scale = keys
    for method, of_method in curves.groupby("method", observed=True):
        index = methods.index(str(method))
        look: dict[str, Any] = {
            "color": COLOURS[index % len(COLOURS)],
            "linestyle": STYLES[index // len(COLOURS) % len(STYLES)],
        }
        start, label = 0, method_name(str(method))
        for _, stage in of_method.groupby("stage", observed=True, sort=False):
            stage = stage.sort_values("iteration")
            at, psnr = start + stage["iteration"].to_numpy(), stage["psnr"].to_numpy()
            spread = stage["spread"].to_numpy()
            panel.plot(at, psnr, label=label, linewidth=1.1, marker="." if len(at) == 1 else None, **look)
            panel.fill_between(at, psnr - spread, psnr + spread, color=look["color"], alpha=0.12, linewidth=0)
            best = int(psnr.argmax())
            panel.plot(at[best], psnr[best], marker="o", markersize=3, color=look["color"])
            start, label = int(at[-1]), "_" + label
    panel.set_title(panel_title(set_name, cell_name(kind, scale)), fontsize=POINTS)
    panel.set_xlabel("iteration")
    panel.set_ylabel("PSNR (dB)")
    panel.grid(linewidth=0.3, alpha=0.5)
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)


def _cell_order(keys: Any) -> tuple[Hashable, ...]:  # noqa: ANN401 (what pandas groups by)
    set_name, kind, scale = keys
    return set_name, kind_order(kind), scale
