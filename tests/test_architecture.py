"""Imports go one way: ikebench -> baselines -> degradations, ikebench -> reports; and inside ikebench, downwards."""

import ast
from pathlib import Path

import pytest

import ikebench

ROOT = Path(__file__).resolve().parent.parent
ALLOWED = {
    "degradations": set(),
    "reports": set(),
    "baselines": {"degradations"},
    "ikebench": {"baselines", "degradations", "reports"},
}
ROOMS = {  # of ikebench -> rooms that they may use beside the leaves
    "commands": {"archive", "data", "doctor", "run", "scoring", "train", "engines"},
    "archive": {"scoring"},  # it measures again
    "data": {"engines"},
    "run": {"engines", "scoring"},  # it traces PSNR
    "scoring": set(),
    "train": {"scoring"},  # it measures PSNR
    "engines": set(),
    "doctor": {"data"},  # it looks for data sets
    "ike": set(),
}
LEAF_ROOMS = {"images", "store"}
ENTRANCES = {"__init__", "__main__", "cli", "api"}
"""Modules that nothing below them imports; all other modules of ikebench's own folder are leaves."""


def imported_modules(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports out in full"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rooms_used(path):
    """What of ikebench a file imports; `api` stands for the names that `ikebench` itself has."""
    modules = (module.split(".") for module in imported_modules(path) if module.startswith("ikebench."))
    return {"api" if parts[1] in ikebench.__all__ and parts[1] not in ROOMS else parts[1] for parts in modules}


@pytest.mark.parametrize("package", ALLOWED)
def test_packages_import_only_downwards(package):
    for path in (ROOT / package).rglob("*.py"):
        ours = {module.partition(".")[0] for module in imported_modules(path)} & set(ALLOWED)
        assert ours <= ALLOWED[package] | {package}, path


def test_degradations_and_reports_know_no_torch():
    for package in ("degradations", "reports"):
        for path in (ROOT / package).rglob("*.py"):
            assert "torch" not in {module.partition(".")[0] for module in imported_modules(path)}, path


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_use_leaves_and_what_they_may(room):
    for path in (ROOT / "ikebench" / room).rglob("*.py"):
        assert not rooms_used(path) & ((set(ROOMS) - ROOMS[room] - {room}) | ENTRANCES), path


def test_every_folder_is_a_room_and_leaves_import_only_leaves():
    folders = {path.name for path in (ROOT / "ikebench").iterdir() if (path / "__init__.py").exists()}
    assert folders == set(ROOMS) | LEAF_ROOMS
    leaves = [
        *(ROOT / "ikebench").glob("*.py"),
        *(path for room in LEAF_ROOMS for path in (ROOT / "ikebench" / room).glob("*.py")),
    ]
    for path in leaves:
        if path.stem not in ENTRANCES:
            assert not rooms_used(path) & (set(ROOMS) | ENTRANCES), path
