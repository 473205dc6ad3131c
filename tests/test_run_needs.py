"""run with methods that need trained weights or the true kernel: where they come from, and what is said without."""

from pathlib import Path

import checkpoints
import pytest
import torch
from tables import read_table

from baselines.edsr import EDSRBaseline
from ikebench.files import sha256_file
from ikebench.images import read_image
from ikebench.run import tasks
from ikebench.store.row_files import read_row
from ikebench.weight_files import WeightsFile


def baseline(folder, scale=2, name=None, layout="official", seed=0):
    """Write a checkpoint of EDSR-baseline's true shape."""
    weights = checkpoints.edsr(layout, scale, 64, 16)
    weights = {key: tensor * (1 + 0.1 * seed) for key, tensor in weights.items()}
    folder.mkdir(exist_ok=True, parents=True)
    path = folder / (name or f"edsr-baseline_x{scale}.pt")
    torch.save(weights, path)
    return path


def runs():
    return read_table(Path("bench/runs.parquet")).set_index(["method", "image"])


@pytest.fixture
def median_data(ikebench, photos):
    assert ikebench("make-data", "--hr", photos, "--kind", "median").code == 0


def test_given_weights_restore_score_and_report(ikebench, median_data, tmp_path):
    file = baseline(tmp_path / "mine", name="mine.pth", layout="BasicSR")
    command = ("run", "--methods", "edsr-baseline,bicubic", "--weights", f"edsr-baseline={file}")
    outcome = ikebench(*command)
    assert outcome.code == 0, outcome.err
    row = runs().loc[("edsr-baseline", "cat")]
    assert row["status"] == "ok" and row["note"] == "weights mine.pth" and row["weights_sha256"] == sha256_file(file)
    assert runs().loc["bicubic"]["weights_sha256"].isna().all()
    lr = torch.from_numpy(read_image("bench/data/photos/LR_median/X2/catx2.png")).permute(2, 0, 1)[None] / 255
    with torch.no_grad():
        expected = EDSRBaseline().network(torch.load(file), 2)(lr)[0].permute(1, 2, 0).mul(255).clamp(0, 255).round()
    sr = torch.from_numpy(read_image("bench/" + row["sr_path"])).float()
    assert (sr - expected).abs().max() <= 1
    report = Path("bench/report/report.md").read_text()
    assert "| EDSR-baseline" in report
    assert "0 jobs run, 4 already done" in ikebench(*command).err


def test_other_weights_are_other_jobs(ikebench, median_data, tmp_path):
    first, second = (baseline(tmp_path, name=f"{seed}.pt", seed=seed) for seed in (0, 1))
    ikebench("run", "--methods", "edsr-baseline,bicubic", "--weights", f"edsr-baseline={first}")
    before = runs()["key"]
    outcome = ikebench("run", "--methods", "edsr-baseline,bicubic", "--weights", f"edsr-baseline={second}")
    assert "edsr-baseline: 2 results of other settings" in outcome.err and "2 jobs run, 2 already done" in outcome.err
    assert (runs()["key"] != before).loc["edsr-baseline"].all() and (runs()["key"] == before).loc["bicubic"].all()
    ikebench("run", "--methods", "edsr-baseline", "--weights", f"edsr-baseline={first}", "--limit", 1)
    assert set(read_table(Path("bench/scores.parquet"))["weights_sha256"].dropna()) == {
        sha256_file(first),
        sha256_file(second),
    }
    assert "the mean mixes trained networks" in Path("bench/report/report.md").read_text()


def test_weights_folders(ikebench, median_data, tmp_path, monkeypatch):
    file = baseline(Path("bench/weights"))
    assert ikebench("run", "--methods", "edsr-baseline").code == 0
    monkeypatch.setenv("IKEBENCH_WEIGHTS", str(tmp_path / "elsewhere"))
    missing = ikebench("run", "--methods", "edsr-baseline")
    assert missing.code == 2 and "elsewhere" in missing.err
    (tmp_path / "elsewhere").mkdir()
    file.rename(tmp_path / "elsewhere" / "edsr64_x2.pt")  # a released file's name, without a hash in it
    assert "0 jobs run, 2 already done" in ikebench("run", "--methods", "edsr-baseline").err


def test_one_name_with_files_for_several_scales(ikebench, photos, tmp_path):
    ikebench("make-data", "--hr", photos, "--kind", "median", "--scale", "2,3")
    files = [f"edsr-baseline={baseline(tmp_path / 'mine', scale, f'a{scale}.pt')}" for scale in (3, 2)]
    outcome = ikebench("run", "--methods", "edsr-baseline", "--weights", files[0], "--weights", files[1])
    assert outcome.code == 0 and "4 jobs run" in outcome.err
    twice = ikebench("run", "--methods", "edsr-baseline", "--weights", files[0], "--weights", files[0])
    assert twice.code == 2 and "are both for x3" in twice.err
    one = ikebench("run", "--methods", "edsr-baseline", "--weights", files[0])
    assert one.code == 1 and "edsr-baseline x2 left out: it needs trained weights" in one.err


def test_missing_weights_leave_the_other_methods_running(ikebench, median_data):
    outcome = ikebench("run", "--methods", "edsr,bicubic,esrgan")
    assert outcome.code == 1 and "2 jobs run" in outcome.err
    [line] = [line for line in outcome.err.splitlines() if line.startswith("edsr x2")]
    assert "`ikebench fetch edsr --scale 2` gets edsr_x2-0edfb8a3.pt" in line and "--weights edsr=FILE" in line
    assert "edsr_x2.pt into bench/weights" in line
    assert "esrgan does not do x2: left out" in outcome.err
    nothing = ikebench("run", "--methods", "edsr")
    assert nothing.code == 2 and "edsr x2 left out: it needs trained weights" in nothing.err


@pytest.mark.parametrize(
    ("name", "scale", "words"),
    [
        ("edsr_baseline_x2-1bc95232.pt", 2, "whose SHA-256 starts with 1bc95232, not"),
        ("edsr-baseline_x2.pt", 4, "is for x4"),
        ("edsr64_x2.pt", None, "damaged"),
    ],
)
def test_a_wrong_file_in_the_folder_is_one_line(ikebench, median_data, name, scale, words):
    path = baseline(Path("bench/weights"), scale or 2, name)
    if scale is None:
        path.write_text("<html>")
    outcome = ikebench("run", "--methods", "edsr-baseline", "--dry-run")
    assert outcome.code == 2 and outcome.err.count("\n") == 1 and "edsr-baseline x2 left out" in outcome.err
    assert name in outcome.err and words in outcome.err


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("edsr_baseline_x2-1bc95232.pt", "whose SHA-256 starts with 1bc95232, not"),
        ("mine.pt", "these weights are EDSR for x4 with width 64, blocks 16: run them as edsr-baseline"),
    ],
)
def test_a_wrong_file_given_is_one_line(ikebench, median_data, tmp_path, name, words):
    path = baseline(tmp_path, 4, name)
    outcome = ikebench("run", "--methods", "edsr,bicubic", "--weights", f"edsr={path}")
    assert outcome.code == 2 and outcome.err.startswith("ikebench: --weights edsr: ") and outcome.err.count("\n") == 1
    assert words in outcome.err


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ("edsr", "write it as method=file"),
        ("rcan=a.pt", "rcan is not among --methods edsr,bicubic"),
        ("bicubic=a.pt", "bicubic has no use for weights"),
        ("edsr=a.pt", "a.pt: no such file"),
    ],
)
def test_wrong_use_of_weights(ikebench, median_data, weights, words):
    outcome = ikebench("run", "--methods", "edsr,bicubic", "--weights", weights)
    assert outcome.code == 2 and words in outcome.err


def test_weights_that_change_under_a_run_are_no_result(tmp_path):
    file = WeightsFile(baseline(tmp_path), "0" * 64)
    with pytest.raises(OSError, match="changed since the run began"):
        tasks._weights(file)


NEEDY = '''
from dataclasses import dataclass
from typing import ClassVar
from baselines.contract import Restored
from rival_package import Rival, enlarged

@dataclass(frozen=True)
class Needy(Rival):
    """Nearest-neighbour upscaling that wants more than it uses."""

    uses: ClassVar[tuple[str, ...]] = {uses}

    def __call__(self, tasks, scale, precision="fp32"):
        [task] = tasks
        note = f"{{task.kernel is not None}} {{sorted(task.weights or [])}}"
        return [Restored(enlarged(task.lr, scale), note=note)]
'''


@pytest.fixture
def needy(rivals, install_method):
    """Install a method of somebody else's package that needs something."""

    return lambda *uses: install_method("needy", NEEDY.format(uses=uses), "Needy")


def test_the_true_kernel_where_there_is_one(ikebench, photos, needy):
    needy("kernel")
    ikebench("make-data", "--hr", photos, "--kind", "median,gaussian")
    outcome = ikebench("run", "--methods", "needy")
    assert "needy needs the true kernel, which median does not have: left out" in outcome.err
    assert outcome.code == 0 and "2 jobs run" in outcome.err
    assert set(runs()["kind"]) == {"gaussian"} and runs()["note"].iloc[0] == "True []"
    nothing = ikebench("run", "--methods", "needy", "--kind", "median")
    assert nothing.code == 2 and "needs the true kernel" in nothing.err
    [listed] = [line for line in ikebench("list", "methods").out.splitlines() if line.startswith("needy")]
    assert listed.split()[2:4] == ["none", "kernel"]


def test_somebody_elses_method_gets_its_weights(ikebench, median_data, needy, tmp_path):
    """Without `scale_of`, a file is for every scale of the method."""
    needy("weights")
    torch.save({"params": {"a.weight": torch.ones(1)}}, tmp_path / "a.pt")
    missing = ikebench("run", "--methods", "needy,bicubic")
    assert missing.code == 1 and "give --weights needy=FILE, or put needy_x2.pt into" in missing.err
    assert "fetch" not in missing.err
    outcome = ikebench("run", "--methods", "needy", "--weights", f"needy={tmp_path / 'a.pt'}")
    assert outcome.code == 0, outcome.err
    row = read_row(Path("bench/sr/needy/photos/median/X2/cat.json"))
    assert row.note == "weights a.pt; False ['a.weight']" and len(row.weights_sha256) == 64
