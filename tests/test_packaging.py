"""What the package says of itself agrees, and what it depends on is imported."""

import ast
import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PACKAGES = ("degradations", "baselines", "ikebench", "reports")
MODULES = {"scikit-image": "skimage", "opencv-python-headless": "cv2", "pillow": "PIL"}
"""Distribution -> what it is imported as, where that is another name."""


def citation():
    yaml = pytest.importorskip("yaml")
    return yaml.safe_load((ROOT / "CITATION.cff").read_text())


def test_the_citation_has_the_version_and_licence_of_the_project():
    text = (ROOT / "CITATION.cff").read_text()
    assert re.search(r"^version: (\S+)", text, re.MULTILINE).group(1) == PROJECT["version"]
    assert re.search(r"^license: (\S+)", text, re.MULTILINE).group(1) == PROJECT["license"]


def test_the_citation_parses():
    cited = citation()
    assert cited["cff-version"] == "1.2.0" and cited["title"] == PROJECT["name"]
    assert [author["name"] for author in cited["authors"]] == [author["name"] for author in PROJECT["authors"]]
    [paper] = cited["references"]
    assert paper["title"].startswith("Find the Way Back") and len(paper["authors"]) == 3
    assert {"cff-version", "message", "title", "authors"} <= set(cited) and {"type", "title", "authors"} <= set(paper)


def test_every_dependency_is_imported_by_some_package():
    imported = set()
    for path in (path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module.partition(".")[0])
    names = [re.match(r"[\w-]+", dependency).group() for dependency in PROJECT["dependencies"]]
    assert [name for name in names if MODULES.get(name, name) not in imported] == []


def test_what_an_extra_brings_is_imported_in_functions_alone():
    """Whoever draws nothing need not have matplotlib."""
    for path in (path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        for node in ast.parse(path.read_text()).body:  # at the module's top
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert "matplotlib" not in {name.partition(".")[0] for name in names}, path


def test_files_that_tests_read_are_in_the_manifest():
    manifest = (ROOT / "MANIFEST.in").read_text()
    for name in ("CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "Makefile", "constraints.txt"):
        assert (ROOT / name).exists() and name in manifest
    for folder in ("tests", "benchmarks", "docs"):
        assert (ROOT / folder).is_dir() and f"graft {folder}\n" in manifest


def test_files_that_packages_read_are_package_data():
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["*"]
    for path in (path for package in PACKAGES for path in (ROOT / package).rglob("*")):
        if path.is_file() and path.suffix not in (".py", ".pyc"):
            assert any(fnmatch(path.name, pattern) for pattern in patterns), path
            assert (path.parent / "__init__.py").exists(), path
