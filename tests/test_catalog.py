"""What the catalog lists can be looked at, checked and planned with before anything heavy is imported."""

import subprocess
import sys

from ikebench.catalog import KINDS, METHODS, TRAINABLE, installed_version, method_class

HEAVY = ("torch", "scipy.stats", "scipy.signal", "scipy.ndimage", "scipy.sparse", "matplotlib", "pandas")
NEEDED = {  # fields without a default
    "degradations.track2:Track2": {"folder": "LR"},
    "ikebench.data.paired:Paired": {"lr": {}, "kernels": {}},
}

LOOK = """
import sys
from dataclasses import fields
from importlib import import_module
from typing import get_type_hints

def look(path, arguments):
    module, attribute = path.split(":")
    cls = getattr(import_module(module), attribute)
    made, hints = cls(**arguments), get_type_hints(cls)
    assert all(field.name in hints for field in fields(cls)) and made.version and made.scales
    print(path, *sorted(set({heavy!r}) & set(sys.modules)))

for path in {paths!r}:
    look(path, {needed!r}.get(path, {{}}))
"""


def looked(*paths):
    """Look at one after the other in a fresh process; gives what each found imported, by itself or by those before."""
    script = LOOK.format(paths=paths, needed=NEEDED, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {path: set(heavy) for path, *heavy in map(str.split, done.stdout.splitlines())}


def test_an_entry_needs_neither_torch_nor_much_of_scipy():
    paths = [*METHODS.values(), *KINDS.values(), *TRAINABLE.values()]
    assert looked(*paths) == dict.fromkeys(paths, set())


def test_the_look_sees_what_is_imported():
    [found] = looked("baselines.zssr_training:ZSSR").values()
    assert {"torch", "scipy.stats", "scipy.ndimage"} <= found


CALLS = """
import os, sys
from importlib import import_module
import torch
from baselines.contract import Task
from ikebench.catalog import method_class
import ikebench.run.restoring

def call(name):
    cls = method_class(name)
    for module in cls.imports:
        import_module(module)
    before = set(sys.modules)
    cls(iterations=1)([Task(torch.rand(1, 3, 48, 48))], 2)
    new = set(sys.modules) - before
    print(name, *sorted(name for name in new if name.startswith(("baselines", "ikebench", "scipy"))), flush=True)

for name in sys.argv[1:]:
    process = os.fork()
    if not process:
        call(name)
        os._exit(0)
    assert os.waitpid(process, 0)[1] == 0, name
"""


def test_a_method_names_the_modules_that_its_call_imports():
    """A worker imports them before its clock starts; each method in a process that knows of no other's."""
    names = ["kernelgan-zssr", "dualsr", "ike-release"]
    done = subprocess.run([sys.executable, "-c", CALLS, *names], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == names


def test_the_version_of_what_is_not_installed_or_cannot_be_imported_is_unknown(install_method):
    install_method("broken", "raise RuntimeError('no')", "Broken")
    assert installed_version("ike") == method_class("ike").version
    assert installed_version("broken") is None and installed_version("nobody") is None
