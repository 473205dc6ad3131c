"""What the catalog lists can be looked at, checked and planned with before anything heavy is imported."""

import subprocess
import sys

import pytest

from ikebench.catalog import KINDS, METHODS, TRAINABLE

HEAVY = ("torch", "scipy.stats", "scipy.signal", "scipy.ndimage", "scipy.sparse", "matplotlib", "pandas")
NEEDED = {"degradations.track2:Track2": "folder='LR'"}  # fields without a default

LOOK = """
import sys
from dataclasses import fields
from importlib import import_module
from typing import get_type_hints

module, attribute = {path!r}.split(":")
cls = getattr(import_module(module), attribute)
made, hints = cls({arguments}), get_type_hints(cls)
assert all(field.name in hints for field in fields(cls)) and made.version and made.scales
print(*sorted(set({heavy!r}) & set(sys.modules)))
"""


@pytest.mark.parametrize("path", [*METHODS.values(), *KINDS.values(), *TRAINABLE.values()])
def test_an_entry_needs_neither_torch_nor_much_of_scipy(path):
    script = LOOK.format(path=path, arguments=NEEDED.get(path, ""), heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_the_look_sees_what_is_imported():
    script = LOOK.format(path="baselines.zssr_training:ZSSR", arguments="", heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert {"torch", "scipy.stats", "scipy.ndimage"} <= set(done.stdout.split())
