"""Images under `sr/` that no run wrote: without a row file beside them they are no results."""

import os

from ikebench.store.workspace import Workspace, row_path


def strays(workspace: Workspace) -> list[str]:
    """Give the PNG files under `sr/` that have no row file, relative to the workspace, in order."""
    found = []
    for folder, _, names in os.walk(workspace.root / "sr"):
        there = set(names)
        inner = os.path.relpath(folder, workspace.root)
        found += [f"{inner}/{name}" for name in names if name.endswith(".png") and row_path(name) not in there]
    return sorted(found)
