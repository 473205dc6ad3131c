"""`run --trace`: what is recorded of trainings, that it changes none of them, and how it goes on."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import skimage.data
from tables import read_table

from ikebench.images import write_png
from ikebench.store.row_files import RowFiles
from ikebench.store.traces import COLLECTED, PSNR, read_trace, read_traces
from ikebench.store.workspace import Workspace

CAT = "photos/median/X2/cat"
WORKSPACE = Workspace(Path("bench"))


@pytest.fixture
def photos(tmp_path):
    """Two photographs large enough for every method's crops, 88x96 and 84x92 px."""
    for name, image in {
        "cat": skimage.data.chelsea()[60:148, 90:186],
        "cup": skimage.data.coffee()[150:234, 200:292],
    }.items():
        write_png(tmp_path / f"photos/{name}.png", np.ascontiguousarray(image))
    return tmp_path / "photos"


def run(ikebench, method, *more):
    return ikebench("run", "--methods", method, "--iterations", "5", "--set", f"{method}.crop=52", *more)


def frame():
    return read_traces(WORKSPACE, RowFiles(WORKSPACE).all())


@pytest.mark.parametrize(
    ("method", "stages"),
    [
        ("ike", {"": {"encoder", "PD1", "decoder", "PD2", PSNR}}),
        ("ike-release", {"": {"encoder", "PD1", "decoder", "PD2", PSNR}}),
        ("dualsr", {"DualSR x2": {"generators", "discriminator", PSNR}}),
        (
            "kernelgan-zssr",
            {"KernelGAN": {"generator", "discriminator"}, "ZSSR x2": {"reconstruction", PSNR}},
        ),
    ],
)
def test_a_trace_has_losses_and_psnr_and_changes_no_result(ikebench, medians, method, stages):
    medians(0)
    assert run(ikebench, method, "--in-flight", "2", "--trace", "2").code == 0
    traced = read_table(Path("bench/runs.parquet")).set_index("image")
    found, scores = frame(), read_table(Path("bench/scores.parquet")).set_index("image")
    assert sorted(set(found["image"])) == ["cat", "cup"]
    for image, of_image in found.groupby("image"):
        assert {stage: set(rows["name"]) for stage, rows in of_image.groupby("stage")} == stages
        assert sorted(set(of_image["iteration"])) == [2, 4, 5]
        last = of_image[(of_image["name"] == PSNR) & (of_image["iteration"] == 5)]["value"]
        assert last.item() == pytest.approx(scores.loc[image, "psnr_ike"])
    Path(f"bench/sr/{method}/{CAT}.json").unlink()
    Path(f"bench/sr/{method}/{CAT}_trace.parquet").unlink()
    again = run(ikebench, method)
    assert again.code == 0 and "1 job run, 1 already done" in again.err
    plain = read_table(Path("bench/runs.parquet")).set_index("image")
    assert plain["sr_sha256"].equals(traced["sr_sha256"]) and plain["key"].equals(traced["key"])
    assert not Path(f"bench/sr/{method}/{CAT}_trace.parquet").exists()


def test_what_is_done_is_not_done_again_for_a_trace(ikebench, medians):
    medians(0)
    assert run(ikebench, "zssr").code == 0
    assert "0 jobs run, 2 already done" in run(ikebench, "zssr", "--trace", "1").err
    assert frame().empty


def test_a_trace_goes_on_with_its_training(ikebench, medians, monkeypatch):
    """A training that was cut short after a checkpoint leaves the same trace as one that was not."""
    from baselines.zeroshot import training
    from ikebench.catalog import configured, method_class
    from ikebench.run import jobs
    from ikebench.run.worker import Restorer
    from ikebench.store.rows import DataRow
    from ikebench.store.tables import read_rows

    medians(0)
    method = configured(method_class("dualsr"), "dualsr", {"iterations": "5", "crop": "52"})
    data = [row for row in read_rows(Path("bench/data.parquet"), DataRow) if row.image == "cat"]
    [job] = jobs.plan(data, [jobs.MethodChoice("dualsr", "dualsr", method)], jobs.Selection())[0]
    restorer = Restorer(Path("bench"), ("cpu",), checkpoint_every=3, trace_every=1)
    path = Path(f"bench/sr/dualsr/{CAT}_trace.parquet")

    def restored():
        [row] = restorer([job], 0, lambda done, total: None)
        return row

    whole = restored()
    expected = read_trace(path, job.key)
    path.unlink()
    record = training.TrainingRun._trace

    def struck(self):
        record(self)
        if self.iteration == 4:
            raise OSError("the disk has gone")

    with monkeypatch.context() as patch:
        patch.setattr(training.TrainingRun, "_trace", struck)
        assert restored().retry
    assert max(point.iteration for point in read_trace(path, job.key)) == 4
    monkeypatch.setattr(training.TrainingRun, "_trace", record)
    again = restored()
    assert again.sr_sha256 == whole.sr_sha256 and read_trace(path, job.key) == expected


def test_a_trace_of_another_job_or_damaged_is_none(ikebench, medians):
    medians(0)
    assert run(ikebench, "zssr", "--trace", "5").code == 0
    path = Path(f"bench/sr/zssr/{CAT}_trace.parquet")
    assert pq.read_schema(path).names == ["stage", "iteration", "name", "value"]
    assert read_trace(path, "another key") == [] and set(frame()["image"]) == {"cat", "cup"}
    path.write_bytes(path.read_bytes()[:50])
    assert set(frame()["image"]) == {"cup"}


def test_without_hr_the_losses_alone(ikebench, medians):
    medians(0)
    assert run(ikebench, "zssr", "--lr", "bench/data/photos/LR_median/X2", "--scale", "2", "--trace", "5").code == 0
    assert set(frame()["name"]) == {"reconstruction"}


def test_a_damaged_table_of_traces_is_none(tmp_path):
    """One byte of a name flipped, so that it is no UTF-8."""
    columns = {name: [0] for name in ("scale", "seed", "iteration", "value")}
    texts = {name: pa.array([b"\xff"]).view(pa.string()) for name in COLLECTED.names if name not in columns}
    pq.write_table(pa.table(columns | texts), tmp_path / "traces.parquet")
    assert len(read_traces(Workspace(tmp_path), [])) == 0
