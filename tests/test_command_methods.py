"""Somebody else's program as a method: a TOML file with its command."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from processes import wait_for
from tables import read_table

from baselines.contract import Task
from ikebench import command_call, guard
from ikebench.catalog import method_class
from ikebench.errors import UserError
from ikebench.images import read_image
from ikebench.run.jobs import choose_methods

PROGRAM = """
import os, subprocess, sys, time
from pathlib import Path
from PIL import Image
lr, sr, scale, mood = sys.argv[1:5]
print("CUDA_VISIBLE_DEVICES", repr(os.environ["CUDA_VISIBLE_DEVICES"]), "in", Path.cwd().name)
if mood in ("linger", "background"):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    Path(__file__).with_name("child").write_text(str(child.pid))
    time.sleep(60 * (mood == "linger"))
for path in sorted(Path(lr).iterdir()):
    image = Image.open(path)
    size = [scale_side * int(scale) + (mood == "large") for scale_side in image.size]
    out = Path(sr, "results"); out.mkdir(exist_ok=True)
    image.resize(size, Image.NEAREST).convert("RGBA").save(out / (path.stem + "_out.png"))
if mood == "fail":
    sys.exit("no such model")
sys.exit(124 * (mood == "124"))
"""


@pytest.fixture
def program(tmp_path):
    """A program in a folder of its own, and a function that writes the TOML file of its command."""
    folder = tmp_path / "their code"
    folder.mkdir()
    (folder / "main.py").write_text(PROGRAM)

    def describe(mood="well", name="theirs", folder="their code", **more):
        lines = [f"{key} = {json.dumps(value)}" for key, value in more.items()]
        command = f"{sys.executable} main.py {{lr}} {{sr}} {{scale}} {{mood}}"
        text = f"command = '{command}'\nfolder = '{folder}'\n" + "\n".join(lines)
        (tmp_path / f"{name}.toml").write_text(f"{text}\n[parameters]\nmood = '{mood}'\n")
        return f"{name}.toml"

    return describe


def photo(height=16, width=18):
    image = np.ascontiguousarray(skimage.data.chelsea()[60 : 60 + height, 90 : 90 + width])
    return torch.from_numpy(image).permute(2, 0, 1)[None] / 255


def test_a_command_restores_scores_and_is_not_run_again(ikebench, photos, program):
    ikebench("make-data", "--hr", photos, "--kind", "median")
    outcome = ikebench("run", "--methods", f"bicubic,{program()}")
    assert outcome.code == 0, outcome.err
    rows = read_table(Path("bench/runs.parquet")).set_index(["method", "image"])
    row = rows.loc[("theirs", "cat")]
    lr, sr = read_image("bench/data/photos/LR_median/X2/catx2.png"), read_image("bench/" + row["sr_path"])
    assert np.array_equal(sr, lr.repeat(2, axis=0).repeat(2, axis=1))
    log = Path("bench/sr/theirs/photos/median/X2/cat.log").read_text()
    assert log == "CUDA_VISIBLE_DEVICES '' in their code\n"
    assert "| theirs" in Path("bench/report/report.md").read_text()
    assert "0 jobs to run, 2 done" in ikebench("run", "--dry-run", "--methods", program(timeout=5)).out
    verified = ikebench("verify")
    assert verified.code == 0, verified.out
    assert "2 jobs to run" in ikebench("run", "--dry-run", "--methods", program(version=2)).out


def test_several_images_are_one_call(program, ikebench):
    program()
    tasks = [Task(photo()), Task(photo(20, 16))]
    first, second = method_class("theirs.toml")()(tasks, 2)
    assert first.sr.shape == (1, 3, 32, 36) and second.sr.shape == (1, 3, 40, 32) and first.log == second.log
    nearest = torch.nn.functional.interpolate(tasks[1].lr, scale_factor=2)
    assert torch.allclose(second.sr, nearest)


@pytest.mark.parametrize(
    ("mood", "more", "words"),
    [
        ("fail", {}, "ended with exit code 1; its last words: no such model"),
        ("large", {}, "is 37x33, not 36x32; off_by_one = true takes a pixel more or less"),
        ("linger", {"timeout": 0.5}, "took longer than 0.5 s (timeout)"),
        ("124", {}, "ended with exit code 124"),
    ],
)
def test_what_goes_wrong_is_said_with_the_last_words(program, ikebench, mood, more, words):
    program(mood, **more)
    with pytest.raises(command_call.CommandFailed) as failed:
        method_class("theirs.toml")()([Task(photo())], 2)
    assert words in str(failed.value) and "CUDA_VISIBLE_DEVICES" in failed.value.log


def test_a_pixel_more_is_taken_where_that_is_said(program, ikebench):
    program("large", off_by_one=True)
    [restored] = method_class("theirs.toml")()([Task(photo())], 2)
    assert restored.sr.shape == (1, 3, 32, 36)


def test_a_failure_is_a_row_and_its_log_is_kept(ikebench, photos, program):
    ikebench("make-data", "--hr", photos, "--kind", "median")
    outcome = ikebench("run", "--methods", f"bicubic,{program('fail')}")
    assert outcome.code == 1 and "4 jobs run, 0 already done, 2 failed" in outcome.err
    assert "no such model" in Path("bench/sr/theirs/photos/median/X2/cat.log").read_text()


def test_a_failure_takes_the_image_of_an_earlier_success_away(ikebench, photos, program):
    (photos / "cup.png").unlink()
    ikebench("make-data", "--hr", photos, "--kind", "median")
    assert ikebench("run", "--methods", f"bicubic,{program()}").code == 0
    image = Path("bench/sr/theirs/photos/median/X2/cat.png")
    assert image.exists()
    assert ikebench("run", "--methods", program("fail")).code == 1
    assert not image.exists()
    verified = ikebench("verify")
    assert verified.code == 0, verified.out


def is_over(pid):
    """Whether a process is gone, or a zombie that nobody has waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.parametrize("mood", ["background", "linger"])
def test_no_process_of_the_command_outlives_it(program, ikebench, tmp_path, mood):
    program(mood, timeout=1.0)
    try:
        method_class("theirs.toml")()([Task(photo())], 2)
    except command_call.CommandFailed:
        assert mood == "linger"
    child = int((tmp_path / "their code/child").read_text())
    wait_for(lambda: is_over(child), 5)


def test_no_process_outlives_who_wanted_it(tmp_path):
    """kill -9 of a worker, as Ctrl-C does: the guard hears its standard input close."""
    note = tmp_path / "pid"
    command = ["sh", "-c", f"sleep 60 & echo $! > {note}; wait"]
    process = subprocess.Popen([sys.executable, guard.__file__, "60", *command], stdin=subprocess.PIPE)
    wait_for(lambda: note.exists() and note.read_text().strip())
    process.stdin.close()
    assert process.wait(5)
    wait_for(lambda: is_over(int(note.read_text())), 5)


def test_no_process_outlives_a_guard_that_fails(tmp_path):
    note = tmp_path / "pid"
    command = ["sh", "-c", f"echo $$ > {note}; exec sleep 60"]
    trap = tmp_path / "fails.py"  # once the command has started
    trap.write_text(
        f"import os, sys, time\nsys.path.insert(0, {str(Path(guard.__file__).parent)!r})\nimport guard\n"
        f"def fail(pid):\n    while not (os.path.exists({str(note)!r}) and open({str(note)!r}).read()):\n"
        "        time.sleep(0.01)\n    raise OSError\nguard.os.pidfd_open = fail\nguard.main()\n"
    )
    ended = subprocess.run([sys.executable, trap, "60", *command], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert ended.returncode == 1
    wait_for(lambda: is_over(int(note.read_text())), 5)


@pytest.mark.parametrize("timeout", ["0", "-1", "1e12"])
def test_a_timeout_that_cannot_be_waited_is_refused(ikebench, program, timeout):
    with pytest.raises(UserError, match="theirs: timeout must be more than 0"):
        choose_methods([program()], {"theirs": {"timeout": timeout}})
    Path("theirs.toml").write_text("command = 'a {lr} {sr}'\ntimeout = inf")
    with pytest.raises(UserError, match="theirs: timeout must be more than 0"):
        choose_methods(["theirs.toml"], {})


def test_what_runs_the_command_decides_its_images(program, tmp_path, ikebench):
    for folder in ("their code/venv/bin", "their code/other/bin", "other code"):
        (tmp_path / folder).mkdir(parents=True)
    files = [
        {},
        {"folder": "other code"},
        {"off_by_one": True},
        {"environment": "their code/venv"},
        {"environment": "their code/other"},
        {"variables": 1},
        {"variables": 2},
    ]
    keys = set()
    for more in files:
        variables = more.pop("variables", None)
        path = Path(program(**more))
        if variables:
            path.write_text(path.read_text() + f"[variables]\nMODEL = {variables}\n")
        [choice] = choose_methods([str(path)], {})
        assert not choice.settings
        keys.add(json.dumps(choice.hyperparameters))
    assert len(keys) == len(files)
    [again] = choose_methods([str(path)], {"theirs": {"timeout": "3"}})
    assert json.dumps(again.hyperparameters) in keys and pickle.loads(pickle.dumps(again.method)) == again.method


@pytest.mark.parametrize("name", ["command", "off_by_one", "program"])
def test_what_the_file_says_is_not_to_be_set(ikebench, program, name):
    with pytest.raises(UserError, match=f"unknown parameter of theirs.toml '{name}': known: mood, timeout"):
        choose_methods([program()], {"theirs": {name: "rm {lr} {sr}"}})


def test_a_parameter_called_tile_decides(tmp_path):
    (tmp_path / "theirs.toml").write_text("command = 'a {lr} {sr} {tile}'\n[parameters]\ntile = 64")
    [choice] = choose_methods([str(tmp_path / "theirs.toml")], {"theirs": {"tile": "32"}})
    assert choice.settings == {"tile": 32}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has no command"),
        ("command = 'a {lr}'", "needs {lr} and {sr}"),
        ("command = 'a {lr} {sr_image}'", "needs {lr} and {sr}"),
        ("command = 'a {lr} {sr} {scael}'", "did you mean 'scale'"),
        ("command = 'a {lr} {sr'", "cannot be read"),
        ("command = 'a {lr} {sr} \"'", "cannot be read"),
        ("command = 'a {lr} {sr}'\ntimout = 3", "did you mean 'timeout'"),
        ("command = 'a {lr} {sr}'\nscales = 2", "scales must be a list"),
        ("command = 'a {lr} {sr}'\nscales = [7]", "scales must be some of 2, 3, 4"),
        ("command = 'a {lr} {sr}'\nfolder = 'nowhere'", "nowhere: no such folder"),
        ("command = 'a {lr} {sr}'\nenvironment = 'nowhere'", "nowhere: no such folder"),
        ("command = 'a {lr} {sr}'\npaper_iterations = 3", "needs a parameter iterations"),
        *(
            (f"command = 'a {{lr}} {{sr}}'\n[parameters]\n{name} = 3", f"{name} has a meaning of its own")
            for name in ("timeout", "lambda", "file", "scales", "version", "uses", "effort", "__call__")
        ),
        ("command = 'a {lr} {sr}'\npaper_iterations = 3\n[parameters]\niterations = 1.5", "iterations must be an int"),
        ("command =", "is not TOML"),
    ],
)
def test_a_wrong_file_is_one_line(ikebench, tmp_path, text, words):
    (tmp_path / "theirs.toml").write_text(text)
    outcome = ikebench("run", "--methods", "theirs.toml")
    assert outcome.code == 2 and outcome.err.count("\n") == 1 and words in outcome.err


def test_names_that_cannot_be(ikebench, program):
    program(name="bicubic")
    assert "bicubic.toml and bicubic have one name" in ikebench("run", "--methods", "bicubic.toml").err
    assert "nowhere.toml: no such file" in ikebench("run", "--methods", "nowhere.toml").err
    assert "use letters, digits, '-' and '_' before .toml" in ikebench("run", "--methods", program(name="p9.v2")).err


def test_parameters_are_hyperparameters(ikebench, program):
    [choice] = choose_methods([program()], {"theirs": {"mood": "fail", "timeout": "3"}})
    assert choice.label == choice.name == "theirs" and choice.settings == {"mood": "fail"}
    assert "theirs.mood" in ikebench("list", "methods", "theirs.toml").out


@pytest.mark.parametrize(
    ("device", "visible", "said"), [("cpu", "3", ""), ("cuda:1", "3,5", "5"), ("cuda:1", None, "1"), ("cuda", "", "0")]
)
def test_the_gpu_is_ours_under_the_name_that_others_know(device, visible, said):
    assert command_call.leased_gpu(torch.device(device), visible) == said


def test_the_environment_is_the_command_s_own(tmp_path, ikebench, program, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "ours")
    program(environment="venv")
    (tmp_path / "venv").mkdir()
    with pytest.raises(UserError, match=r"environment .*venv/bin: no such folder: give the folder of a virtual"):
        method_class("theirs.toml")
    (tmp_path / "venv/bin").mkdir()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    method = method_class("theirs.toml")()
    assert command_call._environment(method, torch.device("cuda:1"))["CUDA_VISIBLE_DEVICES"] == "5"
    variables = command_call._environment(method, torch.device("cpu"))
    assert variables["CUDA_VISIBLE_DEVICES"] == ""
    assert variables["PATH"].startswith(f"{tmp_path / 'venv/bin'}{os.pathsep}") and "PYTHONPATH" not in variables
    assert variables["OMP_NUM_THREADS"] == "1" and variables["VIRTUAL_ENV"] == str(tmp_path / "venv")
