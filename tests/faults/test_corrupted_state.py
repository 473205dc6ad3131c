"""Files of a workspace damaged in any way: no command falls over one, and what can be made again is made again."""

import os
import random
import shutil
from pathlib import Path

import pytest
from outcomes import ROUNDS, RUN, copy_of, expect_ok, finish, write_photos

pytestmark = pytest.mark.slow

MAKE = ("make-data", "--hr", "photos", "--kind", "median,random", "--workers", "2")
COMMANDS = (RUN, MAKE, ("score",), ("report",), ("verify",), ("doctor",), ("bundle", "-o", "a.zip", "--images"))

DAMAGES = {
    "empty": lambda data, chance: b"",
    "cut": lambda data, chance: data[: chance.randrange(len(data))],
    "flipped": lambda data, chance: flipped(data, chance),
    "noise": lambda data, chance: chance.randbytes(len(data)),
    "another JSON": lambda data, chance: chance.choice([b"null", b"[]", b"{}", b'"a"', b"1e999", b"[" * 100_000]),
    "a value changed": lambda data, chance: changed(data, chance),
}


def flipped(data, chance):
    data = bytearray(data)
    for _ in range(3):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(data)


def changed(data, chance):
    """Put what cannot be in place of a number or a text of a JSON file."""
    parts = data.split(b": ")
    if len(parts) > 1:
        at = chance.randrange(1, len(parts))
        worse = chance.choice([b"null", b"1e300", b"9223372036854775808", b'"\\ud800"', b'"../../../esc"', b"[]"])
        parts[at] = worse + parts[at][parts[at].find(b",") :]
    return b": ".join(parts)


def damage(folder, chance):
    """Damage one of the files that ikebench reads; says which, and how."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != ".lock"]
    path = chance.choice([path for path in files if path.parent.name != "report"])
    how = chance.choice([*DAMAGES, "a folder", "a dangling link", "gone"])
    if how in DAMAGES:
        path.write_bytes(DAMAGES[how](path.read_bytes(), chance))
    else:
        path.unlink()
        if how == "a folder":
            path.mkdir()
        elif how == "a dangling link":
            path.symlink_to("nowhere")
    return f"{path.relative_to(folder)}: {how}"


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    folder = tmp_path_factory.mktemp("template")
    write_photos(folder / "photos", 3)
    expect_ok(folder, *MAKE)
    expect_ok(folder, *RUN, "--trace", "2")
    return folder


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_no_command_falls_over_a_damaged_file(tmp_path, template, words):
    chance = random.Random(words[0])
    for _ in range(ROUNDS):
        work = copy_of(template, tmp_path / "work")
        what = damage(work / "bench", chance)
        code, said = finish(work, *words)
        assert code in (0, 1, 2) and "Traceback" not in said, f"{what}\n{said}"
        assert not os.path.lexists(tmp_path / "esc") and not os.path.lexists(tmp_path.parent / "esc"), what
        if code == 2:  # it said what to do; the data and the results can be made anew
            shutil.rmtree(work / "bench")
            expect_ok(work, *MAKE)
            expect_ok(work, *RUN)


def test_what_is_made_anew_after_damage_is_as_before(tmp_path, template):
    """A damaged result is run again, a damaged LR image made again; SR comes out as it was."""
    chance, images = random.Random(0), {}
    for path in sorted((template / "bench/sr").rglob("*.png")):
        images[path.relative_to(template)] = path.read_bytes()
    for _ in range(ROUNDS):
        work = copy_of(template, tmp_path / "work")
        path = chance.choice([path for path in sorted((work / "bench").rglob("*.png")) if "report" not in path.parts])
        path.write_bytes(chance.choice([b"", path.read_bytes()[:-20], flipped(path.read_bytes(), chance)]))
        expect_ok(work, *MAKE)
        expect_ok(work, *RUN)
        assert {name: Path(work, name).read_bytes() for name in images} == images
        assert finish(work, "verify")[0] == 0
