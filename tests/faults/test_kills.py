"""Every command that writes, killed at random moments: the same command then finishes, as if never killed."""

import io
import random
from dataclasses import dataclass, field

import checkpoints
import pytest
import torch
from outcomes import ROUNDS, RUN, assert_equal, copy_of, expect_ok, kill_after, results, seconds_of, write_photos

pytestmark = pytest.mark.slow

MAKE = ("make-data", "--hr", "photos", "--kind", "median,random", "--workers", "2")
PLAN = 'kinds = ["median"]\nimages = 2\niterations = 4\n[variants.bicubic]\n[variants.zssr]\n'


@dataclass(frozen=True)
class Command:
    """A command to kill, and the commands before it."""

    words: tuple[str, ...]
    before: tuple[tuple[str, ...], ...] = ()
    removed: tuple[str, ...] = field(default=())  # files that the command is to make anew


COMMANDS = {
    "make-data": Command(MAKE),
    "run": Command(RUN, (MAKE,)),
    "reproduce": Command(("reproduce", "plan.toml", "--hr", "photos", "--workers", "2")),
    "score": Command(("score",), (MAKE, RUN), ("bench/scores.parquet", "bench/runs.parquet")),
    "report": Command(("report", "--format", "md,html,tex,csv"), (MAKE, RUN)),
    "figure": Command(("figure", "-o", "figure.png"), (MAKE, RUN)),
    "bundle": Command(("bundle", "-o", "bundle.zip", "--images"), (MAKE, RUN)),
    "train": Command(
        ("train", "edsr-baseline", "--hr", "photos", "--iterations", "12", "--checkpoint-every", "2")
        + ("--set", "edsr-baseline.batch=2", "--set", "edsr-baseline.patch=24", "--set", "edsr-baseline.blocks=2")
    ),
    "fetch": Command(("fetch", "edsr-baseline", "--scale", "2", "--base-url", "file://{folder}/mirror")),
}


def prepare(folder, command):
    """Make what a command starts from."""
    write_photos(folder / "photos")
    (folder / "plan.toml").write_text(PLAN)
    (folder / "mirror").mkdir()
    buffer = io.BytesIO()
    torch.save(checkpoints.edsr("official", 2, 64, 16), buffer)
    (folder / "mirror/edsr64_x2.pt").write_bytes(buffer.getvalue())
    for words in command.before:
        expect_ok(folder, *words)
    for name in command.removed:
        (folder / name).unlink()


@pytest.mark.parametrize("name", COMMANDS)
def test_killed_at_any_moment_the_same_command_finishes(tmp_path, name):
    command = COMMANDS[name]
    template = tmp_path / "template"
    template.mkdir()
    prepare(template, command)
    words = [word.format(folder=template) for word in command.words]
    whole = copy_of(template, tmp_path / "work")
    lasts, expected = seconds_of(whole, *words), results(whole)
    moments, hit = random.Random(name), 0
    for _ in range(ROUNDS):
        work = copy_of(template, tmp_path / "work")  # the same path: it is in some files
        hit += kill_after(work, moments.uniform(0.2, 1) * lasts, *words)
        expect_ok(work, *words)
        assert_equal(results(work), expected)
    print(f"{name}: {hit} of {ROUNDS} rounds were killed in the middle")
    assert hit >= ROUNDS // 2
