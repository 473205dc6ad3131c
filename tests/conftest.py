"""What the tests share: a command line that runs in this process, and small photographs."""

import os
import sys
from dataclasses import dataclass

os.environ.setdefault("OMP_NUM_THREADS", "1")  # for the processes that tests start; before torch reads it here

import numpy as np
import pytest
import skimage.data
import torch
from benches import make_bench
from PIL import Image

from ikebench.catalog import METHODS, method_class
from ikebench.cli import main
from ikebench.engines.local import prepare

torch.set_num_threads(1)  # the tests' images are too small for more, and two waiting threads can take minutes


def pytest_sessionstart(session):
    """Have the workers of all tests forked from one process that has imported what they need."""
    of_methods = {module for name in METHODS for module in getattr(method_class(name), "imports", ())}
    at_the_first_step = "torch._dynamo"  # Adam imports it there: a second of every process that trains
    prepare(["ikebench.run.restoring", "ikebench.data.degrader", *sorted(of_methods), at_the_first_step])


def pytest_configure(config):
    """Hide GPUs from all tests but those of `-m gpu`: the others compare to the byte, which GPUs do not promise."""
    if "gpu" not in config.option.markexpr.replace("not gpu", ""):
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


@dataclass
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str


@pytest.fixture
def ikebench(capsys, tmp_path, monkeypatch, request):
    """Run a command in an empty folder, as a shell would; the workspace is ./bench there.

    With one worker unless --workers says more: to start a process takes longer than the jobs of a test. Reports are in
    Markdown alone unless the test is marked `html` or asks for more: to draw the page takes a second or two.
    """
    if request.node.get_closest_marker("html") is None:
        monkeypatch.setattr("reports.files.DEFAULT_FORMATS", ("md",))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IKEBENCH_DIV2K", raising=False)
    monkeypatch.delenv("IKEBENCH_WORKSPACE", raising=False)
    monkeypatch.delenv("IKEBENCH_WEIGHTS", raising=False)
    for module in ("ikebench.run.placement.machine", "ikebench.commands.make_data", "ikebench.commands.score"):
        monkeypatch.setattr(f"{module}.core_count", lambda: 1)

    def run(*arguments):
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Outcome(stop.value.code, captured.out, captured.err)

    return run


@pytest.fixture
def photos(tmp_path):
    """A folder with two small photographs, 64x72 and 60x66 px."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, image in {
        "cat": skimage.data.chelsea()[60:124, 90:162],
        "cup": skimage.data.coffee()[150:210, 200:266],
    }.items():
        Image.fromarray(np.ascontiguousarray(image)).save(folder / f"{name}.png")
    return folder


@pytest.fixture(scope="session")
def finished_bench(tmp_path_factory):
    """Give a finished workspace with a report in Markdown, for those that only look at it or at a copy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("reports.files.DEFAULT_FORMATS", ("md",))
        return make_bench(tmp_path_factory.mktemp("finished"))


@pytest.fixture
def medians(ikebench, photos):
    """Give a function that makes the median LR set of the two photographs and some more, narrow ones."""

    def make(more):
        for index in range(more):
            image = skimage.data.coffee()[150:210, 200 : 240 + 2 * index]
            Image.fromarray(np.ascontiguousarray(image)).save(photos / f"more{index}.png")
        assert ikebench("make-data", "--hr", photos, "--kind", "median").code == 0

    return make


RIVALS = '''
import os, signal, time
from dataclasses import dataclass
from typing import ClassVar
import torch
from baselines.contract import Restored

def enlarged(lr, scale):
    return torch.nn.functional.interpolate(lr, scale_factor=scale, mode="nearest")

@dataclass(frozen=True)
class Rival:
    """Nearest-neighbour upscaling that can go wrong on the wide image of a set (66 or 72 px HR)."""

    version: ClassVar[int] = 1
    scales: ClassVar[tuple[int, ...]] = (2,)
    source: ClassVar[str] = "a test"
    supervision: ClassVar[str] = "none"
    paper_iterations: ClassVar[int | None] = None
    trouble: str = "none"
    seconds: float = 0.0
    strength: float = 1.0

    def __call__(self, tasks, scale, precision="fp32"):
        [task] = tasks
        log = os.environ.get("RIVAL_LOG")
        if log:
            with open(log, "a") as file:
                file.write(f"start {task.lr.shape[-1]}\\n")
        time.sleep(self.seconds)
        sr = self.strength * enlarged(task.lr, scale)
        if task.lr.shape[-1] == 36:
            if self.trouble == "raise":
                raise RuntimeError("no luck\\nwith this one")
            if self.trouble == "die":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.trouble == "nan":
                sr[0, 0, 0, 0] = float("nan")
            if self.trouble == "type":
                return sr
            if self.trouble == "size":
                sr = sr[..., 1:]
        if log:
            with open(log, "a") as file:
                file.write(f"end {task.lr.shape[-1]}\\n")
        return [Restored(sr, note="as told")]
'''


@pytest.fixture
def install_method(tmp_path, monkeypatch):
    """Give a function that installs a method of somebody else's package as an entry point; it gives the folder."""

    def install(name, source, class_name):
        folder = tmp_path / f"{name}-site"
        information = folder / f"{name}_package-1.0.dist-info"
        information.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}_package.py").write_text(source)
        sys.modules.pop(f"{name}_package", None)  # of another test, or of an earlier call
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-package\nVersion: 1.0\n")
        entry_point = f"[ikebench.methods]\n{name} = {name}_package:{class_name}\n"
        (information / "entry_points.txt").write_text(entry_point)
        monkeypatch.syspath_prepend(folder)
        return folder

    return install


@pytest.fixture
def rivals(install_method):
    """Install the method `rival`; gives the folder for PYTHONPATH."""
    return install_method("rival", RIVALS, "Rival")
