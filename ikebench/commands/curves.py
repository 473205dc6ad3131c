"""The curves of trainings beside the tables, where `ikebench run --trace` has recorded some."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from ikebench.commands.options import say
from ikebench.store.rows import RunRow
from ikebench.store.tables import read_rows
from ikebench.store.traces import read_traces
from ikebench.store.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

STEM = "curves"


def current_traces(workspace: Workspace, scores: "pd.DataFrame") -> "pd.DataFrame":
    """Read the traces of the results that have these scores (see `ikebench.store.traces.read_traces`)."""
    shown = set(scores["sr_sha256"].dropna())
    runs = read_rows(workspace.runs_table, RunRow, old=True) if workspace.runs_table.exists() else []
    return read_traces(workspace, (run for run in runs if run.iterations is not None and run.sr_sha256 in shown))


def write_curves(workspace: Workspace, scores: "pd.DataFrame", tell: Callable[[str], None] = say) -> None:
    """Draw curves.png and curves.pdf beside the tables and say how trainings end; without traces, remove them."""
    traces = current_traces(workspace, scores)
    stem = workspace.report_folder / STEM
    if traces.empty:
        for suffix in (".png", ".pdf"):
            stem.with_suffix(suffix).unlink(missing_ok=True)
        return
    try:
        from reports.curves import curve_figure, ending_lines
        from reports.drawing import save_figure

        figure = curve_figure(traces)
    except ModuleNotFoundError as error:
        if error.name != "matplotlib":
            raise
        tell("curves are drawn with matplotlib: pip install 'ikebench[figures]', then `ikebench report`")
        return
    if figure is None:
        return
    lines = ending_lines(traces)
    for line in lines:
        tell(line)
    paths = save_figure(figure, stem, {"title": "PSNR along the trainings", "about": "; ".join(lines)})
    tell(f"curves: {', '.join(str(path) for path in paths)}")
