"""Properties that hold for any input: drawn by Hypothesis, few and always the same, so that a failure is no accident.

More of them: `pytest tests/test_properties.py --hypothesis-seed=1 -o addopts=` after raising `EXAMPLES`.
"""

import json
from dataclasses import fields, replace
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from ikebench import zips
from ikebench.cli import COMMANDS, main
from ikebench.errors import UserError
from ikebench.images import png_bytes, read_image
from ikebench.plans import Plan, read_plan
from ikebench.settings import parse_settings, parse_value
from ikebench.store.row_files import RowFiles, read_row, write_row
from ikebench.store.rows import RunRow, schema_of
from ikebench.store.tables import read_rows, write_rows
from ikebench.store.workspace import Workspace, sr_path

EXAMPLES = 40

quickly = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

names = st.text(st.characters(categories=("L", "N"), include_characters="-_ ."), min_size=1, max_size=12)
values = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=20)
documents = st.recursive(values, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3))
rows = st.builds(
    RunRow,
    set=st.just("set"),
    image=st.just("image"),
    kind=st.just("median"),
    scale=st.sampled_from([2, 3, 4]),
    method=st.just("bicubic"),
    seed=st.integers(0, 2**63 - 1),
    key=st.text(st.characters(codec="utf-8")),
    status=st.sampled_from(["ok", "failed"]),
    error=st.none() | st.text(st.characters(codec="utf-8")),
    seconds=st.none() | st.floats(0, allow_infinity=False),
    in_flight=st.none() | st.integers(1, 2**31 - 1),
    upper_bound=st.none() | st.booleans(),
).map(lambda row: replace(row, sr_path=sr_path(row) if row.status == "ok" else None))


def is_line(error):
    return "\n" not in str(error) and str(error)


# ---- images


@quickly
@given(arrays(np.uint8, st.tuples(st.integers(1, 20), st.integers(1, 20), st.just(3))))
def test_any_image_is_read_as_it_was_written(image):
    with TemporaryDirectory() as folder:
        Path(folder, "a.png").write_bytes(png_bytes(image))
        assert np.array_equal(read_image(Path(folder, "a.png")), image)


def encoded(suffix):
    buffer = BytesIO()
    gradient = np.arange(24 * 20 * 3, dtype=np.uint32).reshape(24, 20, 3) % 251
    Image.fromarray(gradient.astype(np.uint8)).save(buffer, suffix)
    return buffer.getvalue()


ENCODED = {suffix: encoded(suffix) for suffix in ("png", "jpeg", "tiff", "webp", "bmp", "gif", "ppm")}


@quickly
@given(st.sampled_from(sorted(ENCODED)), st.data())
def test_a_damaged_image_is_an_image_or_a_line(suffix, data):
    content = bytearray(ENCODED[suffix])
    for at in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=6)):
        content[at] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(0, len(content)))]
    with TemporaryDirectory() as folder:
        path = Path(folder, f"a.{suffix}")
        path.write_bytes(content)
        try:
            image = read_image(path)
        except ValueError as error:
            assert is_line(error) and str(path) in str(error)
        else:
            assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3


# ---- TOML and settings


def toml(value):
    """Write what TOML can say."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)} = {toml(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return "[]" if value is None else json.dumps(value)


keys = st.sampled_from(["kinds", "scales", "images", "iterations", "variants", "degradations", "set"]) | names
ours = st.sampled_from(["median", "random", "bicubic", "ike", 2, 4, 0, -1, {"method": "ike", "blocks": 4}])


@quickly
@given(st.dictionaries(keys, ours | st.lists(ours, max_size=2) | st.dictionaries(names, ours, max_size=2) | documents))
def test_any_plan_is_a_plan_or_a_line(plan):
    with TemporaryDirectory() as folder:
        path = Path(folder, "plan.toml")
        path.write_text("\n".join(f"{json.dumps(name)} = {toml(value)}" for name, value in plan.items()))
        try:
            assert isinstance(read_plan(str(path)), Plan)
        except UserError as error:
            assert is_line(error)


@quickly
@given(st.binary(max_size=60))
def test_any_bytes_are_no_plan_but_a_line(content):
    with TemporaryDirectory() as folder:
        path = Path(folder, "plan.toml")
        path.write_bytes(content)
        with pytest.raises(UserError) as error:
            read_plan(str(path))
        assert is_line(error.value)


@quickly
@given(st.text(max_size=30), st.sampled_from([int, float, bool, str, int | None]))
def test_any_setting_is_a_value_or_a_line(text, hint):
    for read in (lambda: parse_settings([text]), lambda: parse_value("ike.field", text, hint)):
        try:
            read()
        except UserError:
            pass


# ---- row files and tables


@settings(quickly, max_examples=15)
@given(rows)
def test_any_row_comes_back_from_its_file_and_from_a_table(row):
    with TemporaryDirectory() as folder:
        path = Path(folder, "a.json")
        write_row(path, row)
        assert read_row(path) == row
        write_rows(Path(folder, "runs.parquet"), [row], RunRow, {})
        assert read_rows(Path(folder, "runs.parquet"), RunRow) == [row]


@settings(quickly, max_examples=25)
@given(rows, st.dictionaries(st.sampled_from([one.name for one in fields(RunRow)]), documents, min_size=1, max_size=3))
def test_whatever_a_row_file_says_the_table_is_written(row, wrong):
    """Of rows that are right for their file and whose values fit the columns; others are as good as none."""
    with TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder))
        said = {name: value for name, value in vars(row).items() if value is not None} | wrong
        path = workspace.root / "sr/bicubic/set/median/X2/image.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(said))
        found = RowFiles(workspace).all()
        write_rows(workspace.runs_table, found, RunRow, {})
        assert len(read_rows(workspace.runs_table, RunRow)) == len(found) <= 1
        assert set(schema_of(RunRow).names) <= {one.name for one in fields(RunRow)}


@quickly
@given(st.binary(max_size=80) | documents.map(lambda value: json.dumps(value).encode()))
def test_any_row_file_is_a_row_or_none(content):
    with TemporaryDirectory() as folder:
        path = Path(folder, "a.json")
        path.write_bytes(content)
        assert read_row(path) is None


# ---- zip files


@quickly
@given(st.lists(names | st.sampled_from(["a", "a/b", "../a", "/a", "a/../b"]), max_size=4, unique=True), st.data())
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_any_zip_file_is_unpacked_inside_or_a_line(members, data):
    buffer = BytesIO()
    with ZipFile(buffer, "w") as archive:
        for name in members:
            archive.writestr(name, b"content")
    content = bytearray(buffer.getvalue())
    for at in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=4)):
        content[at] ^= data.draw(st.integers(1, 255))
    with TemporaryDirectory() as folder:
        inner = Path(folder, "one/two")
        inner.mkdir(parents=True)
        Path(folder, "a.zip").write_bytes(content)
        try:
            zips.extract(Path(folder, "a.zip"), inner)
        except UserError as error:
            assert is_line(error)
        outside = {path for path in Path(folder).rglob("*") if inner not in (path, *path.parents)}
        assert outside == {Path(folder, "a.zip"), Path(folder, "one")}


# ---- command lines

WORDS = ["--methods", "--kind", "--scale", "--seeds", "--limit", "--set", "--format", "--images", "--iterations", "-o"]
GIVEN = [
    "ike",
    "bicubic,ike",
    "median",
    "2",
    "0",
    "-1",
    "1e9",
    "ike.blocks=4",
    "md,html",
    "nowhere",
    "",
    ",",
    "=",
    "日本",
]
HARMLESS = sorted(set(COMMANDS) - {"fetch", "demo"})  # of an empty folder; these two would go to work
NOWHERE = {"make-data": ["--hr", "nowhere"], "reproduce": ["--hr", "nowhere"], "train": ["--hr", "nowhere"]}


@quickly
@given(st.sampled_from(HARMLESS), st.lists(st.sampled_from(WORDS + GIVEN) | st.text(max_size=5), max_size=5))
def test_any_command_line_ends_with_an_exit_code(capsys, tmp_path, monkeypatch, command, words):
    monkeypatch.chdir(tmp_path)
    words = [word for word in words if "\0" not in word]
    with pytest.raises(SystemExit) as stop:
        main([command, *words, *NOWHERE.get(command, [])])
    said = capsys.readouterr().err
    assert stop.value.code in (0, 1, 2), said
    assert stop.value.code == 0 or said, (command, words)
