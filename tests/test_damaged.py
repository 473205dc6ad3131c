"""Damaged state: what cannot be believed is set aside and made anew; nothing leads out of the workspace."""

import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tables import read_table

from ikebench.errors import UserError
from ikebench.store.row_files import RowFiles, load_row, read_row, write_row
from ikebench.store.rows import LATER, DataRow, RunCase, RunRow, ScoreRow
from ikebench.store.tables import read_frame, read_rows, read_sound_rows, write_rows
from ikebench.store.workspace import Workspace, lr_path, row_path, sr_path

RUN = ("run", "--methods", "bicubic")
SR = Path("bench/sr/bicubic/photos/median/X2")


@pytest.fixture
def bicubic(ikebench, photos):
    assert ikebench("make-data", "--hr", photos, "--kind", "median").code == 0
    assert ikebench(*RUN).code == 0


def changed(**values):
    """What makes a row file of a sound one with these values; None takes a column away."""

    def damage(path):
        row = json.loads(path.read_text()) | values
        path.write_text(json.dumps({name: value for name, value in row.items() if value is not None}))

    return damage


def directory(path):
    path.unlink()
    path.mkdir()
    (path / "something").write_text("of the user's")


DAMAGES = {
    "list": lambda path: path.write_text("[]"),
    "half": lambda path: path.write_bytes(path.read_bytes()[:40]),
    "binary": lambda path: path.write_bytes(b"\xff\xfe\x00"),
    "deep": lambda path: path.write_text("[" * 100_000),
    "digits": lambda path: path.write_text('{"seed": ' + "9" * 5000 + "}"),
    "directory": directory,
    "type": changed(seconds="soon"),
    "nested": changed(note={"a": [1]}),
    "truth for a number": changed(iterations=True),
    "number for a truth": changed(retry=1),
    "missing": changed(key=None),
    "huge": changed(paper_iterations=10**30),
    "huge real": changed(seconds=10**400),
    "infinite": changed(seconds=float("inf")),
    "seed": changed(seed=2**63),
    "surrogate": changed(error="\ud800"),
    "status": changed(status="perhaps"),
    "no image": changed(sr_path=None),
    "elsewhere": changed(set="../../../esc"),
    "sr elsewhere": changed(sr_path="../../etc/passwd"),
    "kernel elsewhere": changed(kernel_path="/etc/passwd"),
    "another's": changed(image="cup"),
    "settings": changed(settings="[1]"),
}


def test_a_bad_row_file_is_set_aside_by_name(tmp_path, capsys):
    case = RunCase(set="s", image="cat", kind="median", scale=2, method="m", seed=0)
    path, sr = tmp_path / row_path(sr_path(case)), sr_path(case)
    sound = RunRow(**vars(case), key="k", status="ok", sr_path=sr, sr_sha256="0", seconds=1.0)
    for name, damage in DAMAGES.items():
        write_row(path, sound)
        assert RowFiles(Workspace(tmp_path)).of(case) == sound
        damage(path)
        looking = RowFiles(Workspace(tmp_path))
        assert looking.of(case) is None and looking.all() == [] and not capsys.readouterr().err, name
        assert RowFiles(Workspace(tmp_path), mend=True).of(case) is None, name
        [line] = capsys.readouterr().err.splitlines()
        assert line.startswith(f"{path} cannot be used (") and len(line) < len(str(path)) + 300, (name, line)
        assert not path.exists()
    assert len(list(path.parent.iterdir())) == len(DAMAGES)
    assert (path.parent / "cat.json.damaged5/something").exists()


@pytest.mark.parametrize("name", ["directory", "surrogate"])
def test_its_job_runs_again_and_the_rest_goes_on(ikebench, bicubic, name):
    sound = read_table(Path("bench/runs.parquet"))["sr_sha256"].tolist()
    DAMAGES[name](SR / "cat.json")
    done = ikebench(*RUN)
    assert done.code == 0 and "cat.json cannot be used" in done.err and "1 job run, 1 already done" in done.err
    assert read_table(Path("bench/runs.parquet"))["sr_sha256"].tolist() == sound
    assert "cannot be used" not in ikebench("score").err


def test_score_goes_on_without_a_bad_row(ikebench, bicubic):
    changed(seed=2**63)(SR / "cat.json")
    dry = ikebench(*RUN, "--dry-run")
    assert dry.code == 0 and "1 job to run, 1 done" in dry.out and (SR / "cat.json").exists()
    done = ikebench("score")
    assert done.code == 0 and "cat.json cannot be used (seed is out of range): renamed to cat.json.damaged" in done.err
    assert read_table(Path("bench/scores.parquet"))["image"].tolist() == ["cup"]


def test_a_row_survives_being_written_and_read(tmp_path):
    row = RunRow(set="s", image="ä", kind="median", scale=2, method="m", seed=2**63 - 1, key="k", status="failed")
    row = replace(row, seconds=3, peak_mem_mib=float("nan"), upper_bound=False, error="x" * 1000, settings="{}")
    write_row(tmp_path / "row.json", row)
    assert str(load_row(tmp_path / "row.json", RunRow)) == str(row)
    assert read_row(tmp_path / "none.json") is None


def retyped(column, values):
    def damage(path):
        table = pq.read_table(path)
        place = table.column_names.index(column)
        pq.write_table(table.set_column(place, column, pa.array(values)), path)

    return damage


def without(column):
    return lambda path: pq.write_table(pq.read_table(path).drop_columns(column), path)


TABLES = {
    "empty": lambda path: path.write_bytes(b""),
    "half": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "text": retyped("scale", ["two", "two"]),
    "struct": retyped("image", [{"a": 1}, {"a": 2}]),
    "null": retyped("image", ["cat", None]),
    "too large": retyped("scale", [2**40, 2]),
    "elsewhere": retyped("set", ["../../../esc", "photos"]),
    "missing": without("kind"),
}


def test_a_bad_table_is_one_line(tmp_path):
    path = tmp_path / "data.parquet"
    row = DataRow(set="s", image="cat", kind="median", scale=2, lr_path=lr_path("s", "median", 2, "cat"))
    rows = [replace(row, height=9, width=9), replace(row, image="cup", lr_path=lr_path("s", "median", 2, "cup"))]
    rows[1].height = rows[1].width = 9
    for name, damage in TABLES.items():
        write_rows(path, rows, DataRow, {})
        assert read_rows(path, DataRow) == rows
        damage(path)
        for read in (read_rows, read_frame):
            with pytest.raises(UserError, match="delete it and run the step|another version") as error:
                read(path, DataRow)
            assert "\n" not in str(error.value) and len(str(error.value)) < len(str(path)) + 400, name
        assert read_sound_rows(path, DataRow) == []


def test_a_table_of_before_a_column_is_read(tmp_path):
    row = ScoreRow(set="s", image="cat", kind="median", scale=2, method="edsr", seed=0)
    write_rows(tmp_path / "scores.parquet", [row], ScoreRow, {})
    without(list(LATER))(tmp_path / "scores.parquet")
    assert read_frame(tmp_path / "scores.parquet", ScoreRow)[list(LATER)].isna().all(axis=None)


def test_what_can_be_made_anew_is(ikebench, bicubic):
    scores = read_table(Path("bench/scores.parquet"))
    changed(commands="none")(Path("bench/manifest.json"))
    for name in ("runs", "scores"):
        retyped("scale", ["two", "two"])(Path(f"bench/{name}.parquet"))
    assert ikebench("report").code == ikebench("compare", "bench", "bench").code == 2
    done = ikebench(*RUN)
    assert done.code == 0 and "manifest.json cannot be used" in done.err and "0 jobs run" in done.err
    assert read_table(Path("bench/scores.parquet")).equals(scores)
    retyped("scale", ["two", "two"])(Path("bench/data.parquet"))
    done = ikebench(*RUN)
    assert done.code == 2 and len(done.err.splitlines()) == 1 and "delete it" in done.err
    Path("bench/data.parquet").unlink()
    assert ikebench("make-data", "--hr", "photos", "--kind", "median").code == 0
    assert "0 jobs run, 2 already done" in ikebench(*RUN).err


def test_paths_in_a_table_are_not_followed_out_of_the_workspace(ikebench, bicubic, tmp_path):
    table = Path("bench/data.parquet")
    rows = read_rows(table, DataRow)
    for change in (
        {"lr_path": str(tmp_path / "secret.png")},
        {"hr_path": "../photos/cat.png"},
        {"kernel_path": "data/../../k.npy"},
        {"set": "../../../esc"},
    ):
        write_rows(table, [replace(rows[0], **change), rows[1]], DataRow, {})
        done = ikebench(*RUN)
        assert done.code == 2 and len(done.err.splitlines()) == 1, done.err
    assert not list(tmp_path.rglob("esc"))
