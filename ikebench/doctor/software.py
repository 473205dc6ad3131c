"""Which packages and programs are installed."""

import platform
import shutil
from importlib.metadata import PackageNotFoundError, version

import ikebench
from ikebench.doctor.facts import Fact
from ikebench.provenance import PACKAGES

TOPIC = "software"

EXTRAS = {  # package -> the extra that brings it, and what for
    "matplotlib": ("figures", "for `ikebench figure` and the drawings of the report"),
    "ray": ("ray", "for `run --engine ray`"),
    "safetensors": ("pretrained", "for weights in .safetensors files"),
}
PROGRAMS = {"pdflatex": "for the tables of `report --format tex`", "git": "for the commit in the manifest"}


def facts() -> list[Fact]:
    """List versions; torch is not imported for it."""
    found = [
        Fact(TOPIC, "ikebench", ikebench.__version__, ikebench.__version__),
        Fact(TOPIC, "python", platform.python_version(), platform.python_version()),
    ]
    for name in PACKAGES:
        there = _version(name)
        found.append(Fact(TOPIC, name, there, there or "missing", "" if there else f"pip install {name}"))
    for name, (extra, purpose) in EXTRAS.items():
        there = _version(name)
        mend = "" if there else f"pip install 'ikebench[{extra}]'"
        found.append(Fact(TOPIC, name, there, there or f"missing: {purpose}", mend))
    for name, purpose in PROGRAMS.items():
        where = shutil.which(name)
        found.append(Fact(TOPIC, name, where, where or f"missing: {purpose}"))
    return found


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
