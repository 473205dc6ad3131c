"""What made a result: our commit, versions, device, flags. Once per command, in `manifest.json` and in the tables."""

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import ikebench
from ikebench.files import read_json, set_aside, write_atomic
from ikebench.progress import say
from ikebench.store.workspace import Workspace
from reports.naming import without_folders

PACKAGES = ("torch", "numpy", "scipy", "scikit-image", "opencv-python-headless", "pillow", "pandas", "pyarrow")


def provenance(command: str, flags: dict[str, Any]) -> dict[str, Any]:
    """Describe this command: what it was, when, with which code on which machine.

    Of files and folders the names alone are kept: results are handed on, and where they lay is nobody's business.
    """
    return {
        "command": command,
        "flags": {name: without_folders(str(value)) for name, value in flags.items() if name != "workspace"},
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "ikebench": ikebench.__version__,
        **_source_state(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
        "platform": platform.platform(),
        "processor": processor(),
        "cores": os.cpu_count(),
    }


def describe(workspace: Workspace, command: str, flags: dict[str, Any]) -> dict[str, Any]:
    """Describe this command, also in the workspace's manifest."""
    entry = provenance(command, flags)
    try:
        earlier = described(workspace)
    except (OSError, ValueError) as error:
        say(set_aside(workspace.manifest, error))
        earlier = []
    write_atomic(workspace.manifest, json.dumps({"commands": [*earlier, entry]}, indent=1).encode())
    return entry


def described(workspace: Workspace) -> list[dict[str, Any]]:
    """Give the descriptions of earlier commands; none where there is no manifest.

    Raises:
        OSError: if it cannot be read.
        ValueError: if it is no manifest.
    """
    try:
        manifest = read_json(workspace.manifest)
    except FileNotFoundError:
        return []
    entries = manifest.get("commands") if isinstance(manifest, dict) else None
    if not isinstance(entries, list) or not all(map(_is_description, entries)):
        raise ValueError("it is no list of commands")
    return entries


def _is_description(entry: Any) -> bool:  # noqa: ANN401 (whatever JSON holds)
    return isinstance(entry, dict) and isinstance(entry.get("command"), str) and isinstance(entry.get("flags"), dict)


def _source_state() -> dict[str, Any]:
    """Give commit and dirty flag where ikebench runs from its own checkout; None where it is installed."""
    root = Path(ikebench.__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return {"commit": None, "dirty": None}
    try:
        commit = _git(root, "rev-parse", "HEAD")
        return {"commit": commit, "dirty": bool(_git(root, "status", "--porcelain", "--untracked-files=no"))}
    except (OSError, subprocess.SubprocessError):
        return {"commit": None, "dirty": None}


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def processor() -> str:
    """Name the CPU."""
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()
