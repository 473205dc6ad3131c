"""What the catalog lists can be looked at, checked and planned with before anything heavy is imported."""

import subprocess
import sys

import pytest

from ikebench.catalog import KINDS, METHODS, TRAINABLE

HEAVY = ("torch", "scipy.stats", "scipy.signal", "scipy.ndimage", "scipy.sparse", "matplotlib", "pandas")
NEEDED = {  # fields without a default
    "degradations.track2:Track2": "folder='LR'",
    "ikebench.data.paired:Paired": "lr={}, kernels={}",
}

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


CALL = """
import sys
from importlib import import_module
import torch
from baselines.contract import Task
from ikebench.catalog import method_class
import ikebench.run.restoring

cls = method_class({name!r})
for module in cls.imports:
    import_module(module)
before = set(sys.modules)
cls(iterations=1)([Task(torch.rand(1, 3, 48, 48))], 2)
print(*sorted(name for name in set(sys.modules) - before if name.startswith(("baselines", "ikebench", "scipy"))))
"""


@pytest.mark.parametrize("name", ["kernelgan-zssr", "dualsr", "ike-release"])
def test_a_method_names_the_modules_that_its_call_imports(name):
    """A worker imports them before its clock starts."""
    done = subprocess.run([sys.executable, "-c", CALL.format(name=name)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
