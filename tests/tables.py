"""A workspace's tables as data frames."""

from ikebench.store.rows import DataRow, RunRow, ScoreRow
from ikebench.store.tables import read_frame

ROWS = {"data": DataRow, "runs": RunRow, "scores": ScoreRow}


def read_table(path):
    return read_frame(path, ROWS[path.stem])
