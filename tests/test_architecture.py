"""Imports go one way: ikebench -> baselines -> degradations, ikebench -> reports."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ALLOWED = {
    "degradations": set(),
    "reports": set(),
    "baselines": {"degradations"},
    "ikebench": {"baselines", "degradations", "reports"},
}
LEAVES = {"errors", "image_files", "metrics", "registration", "seeds", "settings", "progress", "engines", "ray_engine"}


def imported_modules(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports out in full"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("package", ALLOWED)
def test_packages_import_only_downwards(package):
    for path in (ROOT / package).rglob("*.py"):
        ours = {module.partition(".")[0] for module in imported_modules(path)} & set(ALLOWED)
        assert ours <= ALLOWED[package] | {package}, path


def test_degradations_and_reports_know_no_torch():
    for package in ("degradations", "reports"):
        for path in (ROOT / package).rglob("*.py"):
            assert "torch" not in {module.partition(".")[0] for module in imported_modules(path)}, path


def test_nothing_below_the_command_line_imports_it():
    for path in (ROOT / "ikebench").rglob("*.py"):
        modules = set(imported_modules(path))
        if path.name not in ("cli.py", "__main__.py"):
            assert "ikebench.cli" not in modules, path
        if path.name not in ("cli.py", "steps.py"):
            assert "ikebench.steps" not in modules, path


def test_leaves_import_only_leaves():
    steps_of_the_flow = {"datasets", "jobs", "runner", "scorer", "store", "steps", "catalog", "restoring"}
    for name in LEAVES:
        inner = {
            module.split(".")[1]
            for module in imported_modules(ROOT / f"ikebench/{name}.py")
            if module.startswith("ikebench.")
        }
        assert not inner & steps_of_the_flow, name
