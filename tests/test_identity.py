"""What decides a result is in its key, and nothing else; a file that is not what was written is no result."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import skimage.data
from tables import read_table

from baselines.bicubic import Bicubic
from baselines.edsr import EDSRBaseline
from baselines.rcan import RCAN
from baselines.zssr import ZSSR, ZSSRGroundTruth
from degradations.median import Median
from ikebench.catalog import METHODS, method_class, parameters, uses
from ikebench.errors import UserError
from ikebench.files import sha256_file
from ikebench.images import read_image, write_png
from ikebench.run.jobs import MethodChoice, Selection, in_smaller_tiles, plan
from ikebench.run.pending import is_longer, pending
from ikebench.scoring import scorer
from ikebench.scoring.metrics import score_pair
from ikebench.seeds import derive_seed, lr_seed
from ikebench.store.hashes import Hashes
from ikebench.store.row_files import RowFiles, write_row
from ikebench.store.rows import DataRow, RunRow
from ikebench.store.tables import read_rows, write_rows
from ikebench.store.workspace import Workspace, row_path
from ikebench.weight_files import WeightsFile

ROW = {
    "set": "photos",
    "image": "cat",
    "kind": "gaussian",
    "scale": 2,
    "preset": "nl-v1",
    "version": 1,
    "parameters": "{}",
    "seed": 1,
    "hr_path": "data/photos/HR/cat.png",
    "hr_sha256": "a",
    "lr_path": "data/photos/LR_gaussian/X2/catx2.png",
    "lr_sha256": "b",
    "kernel_path": "data/photos/kernels/gaussian/X2/cat.npy",
    "kernel_sha256": "c",
    "height": 50,
    "width": 60,
}
WEIGHTS = WeightsFile(Path("edsr.pt"), "d")


def job(method=None, *, label="m", name="m", selection=None, weights=WEIGHTS, **changes):
    method = method or ZSSR()
    choice = MethodChoice(label, name, method)
    files = {(name, scale): weights for scale in (2, 4)}
    [planned], _ = plan([DataRow(**ROW | changes)], [choice], selection or Selection(), files)
    return planned


def key(*arguments, **changes):
    return job(*arguments, **changes).key


@dataclass(frozen=True)
class Newer(ZSSR):
    version: ClassVar[int] = ZSSR.version + 1


@dataclass(frozen=True)
class Unsaid:
    """Does not say what it uses, as a method of somebody else's might."""

    version: ClassVar[int] = 1
    scales: ClassVar[tuple[int, ...]] = (2,)
    paper_iterations: ClassVar[int | None] = None
    tile: int = 64


DECISIVE = {
    "name": lambda: key(name="other"),
    "version": lambda: key(Newer()),
    "hyperparameter": lambda: key(ZSSR(width=32)),
    "seed": lambda: key(selection=Selection(seeds=(1,))),
    "precision": lambda: key(selection=Selection(precision="bf16")),
    "image, for its seed": lambda: key(image="dog"),
    "kind, for its seed": lambda: key(kind="random"),
    "scale, for its seed": lambda: key(scale=4),
    "LR": lambda: key(lr_sha256="x"),
}


@pytest.mark.parametrize("part", DECISIVE)
def test_each_part_of_a_key_counts(part):
    assert DECISIVE[part]() != key()
    assert key() == key()


def test_where_an_image_lies_and_what_it_is_called_does_not_count():
    for change in ({"set": "other"}, {"hr_sha256": "x"}, {"lr_path": "y"}, {"kernel_sha256": "x"}, {"preset": "z"}):
        assert key(**change) == key()
    assert key(label="variant") == key() == key(weights=replace(WEIGHTS, sha256="x"))


def test_what_came_later_counts_where_it_is_used():
    """Or every result of before would be run again for an option that nobody asked for."""
    assert "son_noise" not in job().choice.hyperparameters and key(ZSSR(son_noise=0.01)) != key()
    assert job(ZSSR(son_noise=0.01)).choice.settings == {"son_noise": 0.01}


def test_the_kernel_counts_for_those_who_know_it():
    assert key(ZSSRGroundTruth()) != key(ZSSRGroundTruth(), kernel_sha256="x")
    assert job(ZSSRGroundTruth()).row().upper_bound and not job().row().upper_bound


def test_weights_count_for_those_who_take_some():
    assert key(EDSRBaseline()) != key(EDSRBaseline(), weights=replace(WEIGHTS, sha256="x"))
    assert key(EDSRBaseline(), weights=replace(WEIGHTS, path=Path("y"))) == key(EDSRBaseline())


def test_bicubic_knows_neither_seed_nor_precision():
    other = job(Bicubic(), selection=Selection(seeds=(5,), precision="bf16"))
    assert other.key == key(Bicubic()) == key(Bicubic(), image="dog") != key(Bicubic(), scale=4)
    assert other.case.seed == 0 and other.row().precision == "fp32"


def test_tiles_count_where_they_change_the_image():
    assert key(RCAN()) != key(RCAN(tile=512)) and key(EDSRBaseline()) == key(EDSRBaseline(tile=64))
    assert job(RCAN(tile=512)).choice.settings == {"tile": 512} and job(EDSRBaseline(tile=64)).choice.settings == {}


def test_who_does_not_say_uses_seed_precision_and_tiles():
    assert uses(Unsaid) == {"seed", "precision", "tile"}
    assert len({key(Unsaid()), key(Unsaid(tile=32)), key(Unsaid(), selection=Selection(seeds=(1,)))}) == 3


def test_a_method_that_says_what_there_is_not(install_method):
    install_method("rival", RIVAL_OF_NOTHING, "Rival")
    with pytest.raises(UserError, match="unknown thing that method rival uses 'kernels': did you mean 'kernel'"):
        method_class("rival")


RIVAL_OF_NOTHING = """
from baselines.bicubic import Bicubic
class Rival(Bicubic):
    uses = ("kernels",)
"""


@pytest.mark.parametrize("name", METHODS)
def test_every_method_of_ours_says_what_it_uses(name):
    method = method_class(name)
    assert hasattr(method, "uses")
    assert ("seed" in uses(method)) == (method.supervision == "zero-shot")


def test_smaller_tiles_have_their_own_key_and_still_are_the_job_done(tmp_path):
    workspace, planned = Workspace(tmp_path), job(RCAN())
    smaller = in_smaller_tiles(planned)
    assert smaller.choice.method.tile == 512 and smaller.key == key(RCAN(tile=512)) != planned.key
    write_png(tmp_path / planned.sr_path, np.zeros((8, 8, 3), np.uint8))
    sha256 = sha256_file(tmp_path / planned.sr_path)

    def ended(job):
        row = replace(job.row(), status="ok", sr_path=job.sr_path, sr_sha256=sha256)
        write_row(tmp_path / row_path(job.sr_path), row)

    def sorted_out(job):
        return pending([job], RowFiles(workspace), Hashes(tmp_path))

    ended(smaller)
    assert sorted_out(planned).done == 1
    assert len(sorted_out(job(RCAN(tile=256))).todo) == 1  # asked for smaller ones: larger ones do not do
    ended(job(RCAN(tile=512)))  # by hand, not for want of memory
    assert len(sorted_out(planned).todo) == 1
    assert len(sorted_out(job(RCAN(width=32))).todo) == 1


def test_a_longer_training_is_kept_unless_an_older_version_of_the_method_made_it():
    row = replace(job(ZSSR(iterations=9)).row(), status="ok")
    assert is_longer(row, job(ZSSR(iterations=8))) and not is_longer(row, job(ZSSR(iterations=9)))
    assert not is_longer(row, job(Newer(iterations=8)))


def test_training_does_not_go_on_in_the_random_numbers_of_the_data():
    assert job().seed != derive_seed(0, "cat", "gaussian", 2) % 2**63
    assert lr_seed(0, "cat", "gaussian", 2) == derive_seed(0, "cat", "gaussian", 2)  # data sets stay as they were


# ---- true kernels


@pytest.fixture
def with_kernels(ikebench):
    write_png(Path("photos/cat.png"), skimage.data.chelsea()[60:156, 90:194])
    assert ikebench("make-data", "--hr", "photos", "--kind", "gaussian").code == 0
    return Path("bench/data/photos/kernels/gaussian/X2/cat.npy")


def overwritten(path):
    kernel = np.load(path)
    np.save(path, kernel[::-1])


def truncated(path):
    path.write_bytes(path.read_bytes()[:100])


@pytest.mark.parametrize("spoil", [truncated, Path.unlink])
def test_make_data_mends_a_kernel(ikebench, with_kernels, spoil):
    whole = with_kernels.read_bytes()
    spoil(with_kernels)
    assert "1 LR image made" in ikebench("make-data", "--hr", "photos", "--kind", "gaussian").err
    assert with_kernels.read_bytes() == whole


def test_a_spoilt_true_kernel_is_no_truth(ikebench, with_kernels):
    command = ("run", "--methods", "zssr-gt,kernelgan-zssr", "--iterations", 1)
    before, whole = read_table(Path("bench/data.parquet"))["kernel_sha256"][0], with_kernels.read_bytes()
    overwritten(with_kernels)
    spoilt = ikebench(*command)
    assert spoilt.code == 1 and "cat.npy is not as it was written: make-data again" in spoilt.err
    rows = read_table(Path("bench/runs.parquet")).set_index("method")["status"]
    assert rows["zssr-gt"] == "failed" and rows["kernelgan-zssr"] == "ok"
    made = ikebench("make-data", "--hr", "photos", "--kind", "gaussian")
    assert "1 LR image made" in made.err and with_kernels.read_bytes() == whole
    assert read_table(Path("bench/data.parquet"))["kernel_sha256"][0] == before
    again = ikebench(*command)
    assert again.code == 0 and "1 job run, 1 already done" in again.err
    scores = read_table(Path("bench/scores.parquet")).set_index("method")
    assert np.isfinite(scores.loc["kernelgan-zssr", "kernel_psnr"])
    assert bool(scores.loc["zssr-gt", "upper_bound"]) and not scores.loc["kernelgan-zssr", "upper_bound"]


def test_a_spoilt_estimate_is_made_anew(ikebench, with_kernels):
    command = ("run", "--methods", "kernelgan-zssr", "--iterations", 1)
    ikebench(*command)
    before = read_table(Path("bench/scores.parquet"))["kernel_psnr"][0]
    overwritten(Path("bench/sr/kernelgan-zssr/photos/gaussian/X2/cat_kernel_x2.npy"))
    refused = ikebench("score")
    assert refused.code == 1 and "cat_kernel_x2.npy is not as it was written: run again" in refused.err
    again = ikebench(*command)
    assert again.code == 0 and "1 job run" in again.err
    assert read_table(Path("bench/scores.parquet"))["kernel_psnr"][0] == before


# ---- degradations


def test_lr_images_of_an_older_degradation_are_made_anew(ikebench, photos):
    command = ("make-data", "--hr", photos, "--kind", "median")
    ikebench(*command)
    assert "0 LR images made, 2 already there" in ikebench(*command).err
    table = pq.read_table("bench/data.parquet")
    pq.write_table(table.set_column(table.column_names.index("version"), "version", [[0, 0]]), "bench/data.parquet")
    assert "2 LR images made, 0 already there" in ikebench(*command).err
    pq.write_table(table.drop_columns(["version", "kernel_sha256"]), "bench/data.parquet")  # before there were any
    old = ikebench("run", "--methods", "bicubic")
    assert old.code == 2 and "data.parquet is of another version of ikebench" in old.err
    assert "2 LR images made, 0 already there" in ikebench(*command).err
    assert ikebench("run", "--methods", "bicubic").code == 0


def test_listed_parameters_show_their_defaults(ikebench, install_method):
    install_method("listed", LISTED, "Listed")
    shown = [line.split() for line in ikebench("list", "methods", "listed").out.splitlines()[1:]]
    assert shown == [["listed.grid", "half-pixel"], ["listed.sizes", "[1]"], ["listed.strength", "2.0"]]


LISTED = """
from dataclasses import dataclass, field
from baselines.bicubic import Bicubic
@dataclass(frozen=True)
class Listed(Bicubic):
    sizes: list[int] = field(default_factory=lambda: [1])
    strength: float = 2.0
"""


def test_parameters_are_the_fields_with_a_default():
    @dataclass
    class Some:
        internal: str
        size: int = 3
        weights: list[int] = field(default_factory=list)

    assert [parameter.name for parameter in parameters(Some)] == ["size", "weights"]


def test_track2_has_no_parameters(ikebench, photos, tmp_path):
    (tmp_path / "lr").mkdir()
    command = ("make-data", "--hr", photos, "--kind", "track2", "--track2-lr", tmp_path / "lr")
    outcome = ikebench(*command, "--set", "track2.foo=3")
    assert outcome.code == 2 and "unknown parameter of track2 'foo'" in outcome.err
    assert "unknown parameter" in ikebench(*command, "--set", "track2.folder=x").err
    assert ikebench("list", "kinds", "track2").out.strip() == "kind track2: no parameters"


# ---- what neither seed nor precision concerns


def test_bicubic_is_done_whatever_the_precision_and_the_seed(ikebench, photos):
    ikebench("make-data", "--hr", photos, "--kind", "median")
    ikebench("run", "--methods", "bicubic")
    again = ikebench("run", "--methods", "bicubic", "--precision", "bf16", "--seed", 3)
    assert "0 jobs run, 2 already done" in again.err and "replaced" not in again.err
    assert "bf16" not in Path("bench/report/report.md").read_text().replace("--precision bf16", "")
    assert list(Path("bench/sr").iterdir()) == [Path("bench/sr/bicubic")]


# ---- the cache of scores


def scores_of(workspace):
    runs, data = read_rows(workspace.runs_table, RunRow), read_rows(workspace.data_table, DataRow)
    scorer.score(workspace, runs, data, Hashes(workspace.root), {})
    return read_table(workspace.scores_table).set_index(["method", "image"])


@pytest.fixture
def scored(ikebench, photos, rivals):
    ikebench("make-data", "--hr", photos, "--kind", "median")
    assert ikebench("run", "--methods", "bicubic,rival").code == 0
    return Workspace(Path("bench"))


def test_scores_of_unchanged_files_are_kept(scored, monkeypatch):
    before = scores_of(scored)
    monkeypatch.setattr(scorer, "score_pair", lambda *_: pytest.fail("scored again"))
    pd.testing.assert_frame_equal(scores_of(scored), before)


def test_other_metrics_score_everything_anew(scored, monkeypatch):
    monkeypatch.setattr(scorer, "METRICS_VERSION", scorer.METRICS_VERSION + 1)
    monkeypatch.setattr(scorer, "score_pair", lambda *_: {"psnr_ike": 12.5, "ssim_ike": 0.5})
    assert (scores_of(scored)["psnr_ike"] == 12.5).all()


def test_lr_consistency_is_known_of_the_degradation_that_made_lr_alone(scored, monkeypatch):
    before = scores_of(scored)["psnr_lr"]
    monkeypatch.setattr(scorer, "lr_psnr", lambda *_: 12.5)
    pd.testing.assert_series_equal(scores_of(scored)["psnr_lr"], before)
    monkeypatch.setattr(Median, "version", Median.version + 1)
    assert scores_of(scored)["psnr_lr"].isna().all()
    data = read_rows(scored.data_table, DataRow)
    for settings, wanted in (("{}", 12.5), ('{"size": 3}', 13.5)):
        monkeypatch.setattr(scorer, "lr_psnr", lambda *_, wanted=wanted: wanted)
        made_anew = [replace(row, version=Median.version, parameters=settings) for row in data]
        write_rows(scored.data_table, made_anew, DataRow, {})
        assert (scores_of(scored)["psnr_lr"] == wanted).all()


def test_every_file_has_its_own_score(ikebench, scored):
    """Scores leak neither between methods nor from what a method gave before."""
    ikebench("run", "--methods", "rival", "--set", "rival.strength=0.5")
    found = scores_of(scored)
    for (method, image), row in found.iterrows():
        sr, hr = (read_image(f"bench/{path}") for path in (f"sr/{method}/photos/median/X2/{image}.png", row_hr(image)))
        expected = score_pair(sr, hr[: sr.shape[0], : sr.shape[1]], 2)
        assert {name: row[name] for name in expected} == expected
    assert len(set(found["psnr_ike"])) == 4


def test_one_image_of_two_hrs_has_two_scores(ikebench, rivals):
    for name, top in (("one", 60), ("two", 120)):
        write_png(Path(f"photos/{name}.png"), skimage.data.chelsea()[top : top + 64, 90:154])
    ikebench("make-data", "--hr", "photos", "--kind", "median")
    assert ikebench("run", "--methods", "rival", "--set", "rival.strength=0").code == 0
    for _ in range(2):  # once more, from the cache
        found = scores_of(Workspace(Path("bench")))
        assert found["sr_sha256"].nunique() == 1 and found["psnr_ike"].nunique() == 2
        for image in ("one", "two"):
            expected = score_pair(np.zeros((64, 64, 3), np.uint8), read_image(f"bench/{row_hr(image)}"), 2)["psnr_ike"]
            assert found.loc[("rival", image), "psnr_ike"] == expected


def row_hr(image):
    return f"data/photos/HR/{image}.png"


def test_scores_of_a_replaced_hr_are_not_reported(ikebench, photos):
    """Imported LR files stay as they are when their HR is replaced."""
    ikebench("make-data", "--hr", photos, "--kind", "median")
    ikebench("run", "--methods", "bicubic")
    data = read_rows(Path("bench/data.parquet"), DataRow)
    write_rows(Path("bench/data.parquet"), [replace(row, hr_sha256="another") for row in data], DataRow, {})
    outcome = ikebench("report")
    assert outcome.code == 2 and "2 scores are on images that have been made anew" in outcome.err
