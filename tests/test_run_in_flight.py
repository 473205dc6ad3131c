"""Several jobs handed to a worker at once: the same bytes, a row each, and less at once where memory lacks."""

import json
import time
import weakref
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import pytest
import torch
import torch.nn.functional as F
from tables import read_table

from baselines.bicubic import Bicubic
from baselines.contract import Restored, SomeFailed
from baselines.dualsr import DualSR
from baselines.kernelgan import KernelGANZSSR
from baselines.memory import SIGNS, lacks_memory
from ikebench import devices, machine
from ikebench.engines.contract import LastResult, Lost, Spoiled
from ikebench.ike.method import IKE
from ikebench.images import read_image, write_png
from ikebench.run.jobs import MethodChoice, Selection, plan
from ikebench.run.pending import pending
from ikebench.run.restoring import SHARE_OF_FREE, Restoring
from ikebench.run.runner import execute, grouped
from ikebench.run.worker import Restorer
from ikebench.store.hashes import Hashes
from ikebench.store.row_files import RowFiles
from ikebench.store.rows import DataRow
from ikebench.store.tables import read_rows
from ikebench.store.workspace import Workspace
from ikebench.train import loop


@dataclass(frozen=True)
class Hungry:
    """Enlarges; memory holds `holds` images, or one of tiles up to `tile_held` px; fails on odd widths."""

    version: ClassVar[int] = 1
    scales: ClassVar[tuple[int, ...]] = (2,)
    source: ClassVar[str] = "a test"
    supervision: ClassVar[str] = "zero-shot"
    paper_iterations: ClassVar[int | None] = None
    calls: ClassVar[list[int]] = []

    holds: int = 9
    tile: int = 0
    tile_held: int = 0
    seconds: float = 0.0
    partly: bool = False
    troubled: bool = False
    vague: bool = False
    uncapturable: bool = False

    def __call__(self, tasks, scale, precision="fp32"):
        self.calls.append(len(tasks))
        time.sleep(self.seconds)
        if len(tasks) > self.holds or self.tile > self.tile_held:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. And more. And more.")
        for number, task in enumerate(tasks):
            task.progress(number + 1, 4)
            task.say("restored by a test")
            if self.uncapturable and task.capture.trouble is None:
                task.capture.trouble = "an operation that cannot be captured"
                task.say("tried to capture")
        outcomes = [Restored(F.interpolate(task.lr, scale_factor=scale)) for task in tasks]
        if self.partly and len(tasks) > 1:  # as cuBLAS says it
            outcomes[1] = RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate")
            raise SomeFailed(outcomes)
        if self.troubled:
            outcomes[0] = FloatingPointError("it diverged")
            if len(tasks) == 1 or self.vague:
                raise outcomes[0]
            raise SomeFailed(outcomes)
        return outcomes


@pytest.fixture
def planned(medians):
    """Five small images to restore; gives what plans jobs of a method."""
    medians(3)
    Hungry.calls.clear()

    def jobs_of(method):
        choice = MethodChoice("hungry", "hungry", method)
        return plan(read_rows(Path("bench/data.parquet"), DataRow), [choice], Selection())[0]

    return jobs_of


def restored(jobs, in_flight=4, **settings):
    sent = []
    restorer = Restorer(Path("bench"), ("cpu",), in_flight=in_flight, **settings)
    return restorer(jobs, 0, lambda *done: sent.append(done)), sent


def test_each_job_of_a_group_has_its_row(planned):
    jobs = planned(Hungry())
    rows, sent = restored(jobs)
    assert Hungry.calls == [4, 1] and [row.in_flight for row in rows] == [4, 4, 4, 4, 1]
    assert [row.key for row in rows] == [job.key for job in jobs] and {row.status for row in rows} == {"ok"}
    assert {row.note for row in rows} == {"restored by a test"}
    alone, _ = restored(jobs, in_flight=None)
    assert [row.sr_sha256 for row in alone] == [row.sr_sha256 for row in rows]
    assert {row.in_flight for row in alone} == {1}
    assert sent[0] == (0, 4)  # the mean of five jobs


def test_the_seconds_of_a_group_are_shared(planned):
    jobs, started = planned(Hungry(seconds=0.2))[:4], time.perf_counter()
    rows, _ = restored(jobs)
    assert Hungry.calls == [4] and 0.2 <= sum(row.seconds for row in rows) < time.perf_counter() - started


def test_what_memory_does_not_hold_is_halved(planned):
    rows, _ = restored(planned(Hungry(holds=1)))
    assert Hungry.calls == [4, 2, 1, 1, 1, 1, 1]
    assert {(row.status, row.in_flight) for row in rows} == {("ok", 1)} and len(rows) == 5


def test_what_ended_before_memory_ran_out_is_kept(planned):
    jobs = planned(Hungry(partly=True))
    rows, _ = restored(jobs)
    assert Hungry.calls == [4, 2, 1] and [row.in_flight for row in rows] == [4, 2, 4, 4, 1]
    assert {row.status for row in rows} == {"ok"} and [row.key for row in rows] == [job.key for job in jobs]


def test_then_come_smaller_tiles_and_the_row_says_so(planned):
    rows, _ = restored(planned(Hungry(holds=1, tile=256, tile_held=70))[:2])
    assert Hungry.calls == [2, 1, 1, 1, 1, 1, 1]
    assert {row.status for row in rows} == {"ok"} and {json.loads(row.settings)["tile"] for row in rows} == {64}


def test_and_at_last_the_job_fails_in_one_clear_line(planned):
    rows, _ = restored(planned(Hungry(holds=0))[:2])
    assert Hungry.calls == [2, 1, 1] and [row.status for row in rows] == ["failed"] * 2
    expected = "the GPU's memory does not hold it: CUDA out of memory. Tried to allocate 2.00 GiB"
    assert {row.error for row in rows} == {expected}


@pytest.mark.parametrize(("vague", "calls"), [(False, [4, 1]), (True, [4, 1, 1, 1, 1, 1])])
def test_trouble_with_one_image_leaves_the_others(planned, vague, calls):
    """A method that names the image at fault costs nothing; with one that does not, each is tried alone."""
    rows, _ = restored(planned(Hungry(troubled=True, vague=vague)))
    assert Hungry.calls == calls
    expected = ["failed"] * 5 if vague else ["failed", "ok", "ok", "ok", "failed"]  # alone, each is the first
    assert [row.status for row in rows] == expected
    assert rows[0].error == "it diverged" and "FloatingPointError" in rows[0].traceback


def test_a_damaged_file_in_a_group_costs_that_job_alone(planned):
    jobs = planned(Hungry())
    write_png("bench/" + jobs[1].data.lr_path, read_image("bench/" + jobs[0].data.lr_path))
    rows, _ = restored(jobs)
    assert [row.status for row in rows] == ["ok", "failed", "ok", "ok", "ok"] and "make-data" in rows[1].error


def test_a_lost_group_is_tried_again(ikebench, planned):
    """One of its images ended its process, and nobody knows which; a job alone is at fault itself."""
    jobs = planned(Hungry())

    def engine(groups, work):
        yield from (Lost(index, "the worker process was ended by SIGSEGV") for index in range(len(groups)))

    workspace = Workspace(Path("bench"))
    restorer = Restorer(Path("bench"), ("cpu",), in_flight=4)
    assert len(execute(workspace, grouped(jobs, 4), restorer, engine)) == 5
    again = pending(jobs, RowFiles(workspace), Hashes(workspace.root))
    assert len(again.todo) == 4 and len(again.failed) == 1


def test_only_trainings_of_one_method_and_scale_are_put_together(planned):
    jobs = planned(Hungry())
    others = [replace(job, case=replace(job.case, scale=4)) for job in jobs]
    mixed = [job for pair in zip(jobs, others, strict=True) for job in pair]
    assert [len(group) for group in grouped(mixed, 3)] == [3, 3, 2, 2]
    assert {job.key for group in grouped(mixed, 3) for job in group} == {job.key for job in mixed}
    assert [len(group) for group in grouped(jobs, 1)] == [1] * 5


def test_run_in_flight_gives_the_bytes_of_one_at_a_time(ikebench, photos):
    ikebench("make-data", "--hr", photos, "--kind", "median")
    ikebench("run", "--methods", "ike,bicubic", "--iterations", 2, "--workers", 1)
    alone = read_table(Path("bench/runs.parquet")).set_index(["method", "image"])
    for path in Path("bench/sr").rglob("*.json"):
        path.unlink()
    command = ("run", "--methods", "ike,bicubic", "--iterations", 2, "--workers", 1, "--in-flight", 2)
    outcome = ikebench(*command)
    assert outcome.code == 0 and "4 jobs run" in outcome.err
    together = read_table(Path("bench/runs.parquet")).set_index(["method", "image"])
    assert (together["sr_sha256"] == alone["sr_sha256"]).all()
    assert together["in_flight"]["ike"].tolist() == [2, 2] and together["in_flight"]["bicubic"].tolist() == [1, 1]
    assert (alone["in_flight"] == 1).all() and "0 jobs run, 4 already done" in ikebench(*command).err


def test_tf32_without_a_gpu_is_one_line(ikebench, photos):
    ikebench("make-data", "--hr", photos, "--kind", "median")
    outcome = ikebench("run", "--methods", "zssr", "--precision", "tf32", "--device", "cpu")
    assert outcome.code == 2 and "fp32 or bf16" in outcome.err and len(outcome.err.strip().splitlines()) == 1


@pytest.mark.parametrize(("flags", "said"), [("fma avx512_bf16", False), ("fma avx2", True)])
def test_bf16_on_a_cpu_without_it_is_said(ikebench, photos, tmp_path, monkeypatch, flags, said):
    ikebench("make-data", "--hr", photos, "--kind", "median", "--limit", "1")
    monkeypatch.setattr(machine, "CPU_INFO", tmp_path / "cpuinfo")
    (tmp_path / "cpuinfo").write_text(f"processor : 0\nflags : {flags}\n")
    command = ("run", "--methods", "zssr", "--iterations", 1, "--precision", "bf16", "--device", "cpu")
    outcome = ikebench(*command, "--workers", 1)
    assert outcome.code == 0 and ("no instructions for bfloat16" in outcome.err) == said


@pytest.fixture
def gpu_memory(monkeypatch):
    """Fake a GPU of 80 GiB, 60 of them free, on which 10 were taken."""
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda device: 10 * 2**30)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (60 * 2**30, 80 * 2**30))


@pytest.mark.parametrize(("share", "room", "calls"), [(1.0, 4, [4, 1]), (0.5, 3, [3, 2]), (0.1, 1, [1] * 5)])
def test_the_first_image_tells_how_many_fit(planned, gpu_memory, share, room, calls):
    gpu, jobs = torch.device("cuda:1"), planned(Hungry())
    assert max(devices.room_for(gpu, SHARE_OF_FREE, share), 1) == room
    restorer = Restorer(Path("bench"), ("cpu",), gpu_share=share)
    restoring = Restoring(restorer, 0)
    restoring.device = gpu
    restoring._learn_room({0: jobs[0]})
    restorer(jobs, 0, lambda *done: None)
    assert Hungry.calls == calls


def test_what_one_image_takes_is_looked_at_once(planned, gpu_memory, monkeypatch):
    looked, jobs = [], planned(Hungry())
    monkeypatch.setattr(devices, "room_for", lambda *what: looked.append(what) or 3)
    restoring = Restoring(Restorer(Path("bench"), ("cpu",)), 0)
    restoring.device = torch.device("cuda:1")
    for others in (jobs, jobs, [replace(job, case=replace(job.case, scale=4)) for job in jobs]):
        restoring._learn_room(dict(enumerate(others)))
    assert len(looked) == 2 and set(restoring.restorer.room.values()) == {3}


def test_the_peak_counts_what_graphs_keep_for_themselves(gpu_memory, monkeypatch):
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 2**30)
    assert devices.peak_memory_mib(torch.device("cuda:1")) == 10 * 1024


def test_the_device_is_chosen_before_anything_touches_a_gpu(planned, monkeypatch):
    calls, plain = [], {name: getattr(devices, name) for name in ("select", "set_arithmetic", "reset_peak_memory")}
    for name, function in plain.items():
        monkeypatch.setattr(
            devices, name, lambda *what, name=name, function=function: calls.append(name) or function(*what)
        )
    restored(planned(Hungry()))
    assert calls == ["select", "set_arithmetic", "reset_peak_memory", "reset_peak_memory"]


def test_training_chooses_its_device_first(monkeypatch):
    def select(device):
        raise InterruptedError

    monkeypatch.setattr(devices, "select", select)
    with pytest.raises(InterruptedError):
        loop.train(Path(), None, torch.device("cuda:1"), {}, print)


class Activations:
    """Something that a step leaves in its frames."""


@dataclass(frozen=True)
class Forgetful(Hungry):
    """Fails for lack of memory, hidden behind other errors, while its frames hold something of each step."""

    holds: int = 1
    left: ClassVar[list[weakref.ref]] = []
    alive: ClassVar[list[int]] = []

    def __call__(self, tasks, scale, precision="fp32"):
        self.alive.append(sum(reference() is not None for reference in self.left))
        if len(tasks) <= self.holds:
            return super().__call__(tasks, scale, precision)
        cause = None
        try:
            self.step("a step that lacks memory", torch.OutOfMemoryError("CUDA out of memory"))
        except RuntimeError as error:
            cause = error
        try:
            self.step("what hides it", ValueError("the end of a capture"))
        except ValueError:
            raise RuntimeError("it did not work out") from cause

    def step(self, name, error):
        held = Activations()
        self.left.append(weakref.ref(held))
        raise error


def test_a_failed_step_is_forgotten_before_the_next_try(planned):
    rows, _ = restored(planned(Forgetful())[:4])
    assert {row.status for row in rows} == {"ok"} and len(Forgetful.left) == 4  # of four images at once, and of two
    assert Forgetful.alive == [0] * 6


@pytest.mark.parametrize("sign", SIGNS)
def test_memory_lacks_in_the_words_of_every_library(sign):
    assert lacks_memory(RuntimeError(f"cuDNN error: {sign} when calling something"))
    assert not lacks_memory(ValueError(sign)) and not lacks_memory(RuntimeError("an illegal memory access"))


@pytest.fixture
def lost_gpu(monkeypatch):
    """Fake a GPU that answers no more once work has been done on it."""
    asked = []

    def synchronise(device):
        asked.append(device)
        if len(asked) > 1:
            raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(devices, "synchronise", synchronise)


def test_a_process_that_has_lost_its_gpu_writes_no_rows(planned, lost_gpu):
    with pytest.raises(Spoiled, match="illegal memory access"):
        restored(planned(Hungry()))
    assert not list(Path("bench/sr").rglob("*.json"))


def test_what_no_process_can_do_is_tried_again_by_the_next_run(ikebench, planned):
    [job] = planned(Hungry())[:1]
    workspace = Workspace(Path("bench"))
    for spoiled in (True, False):
        event = Lost(0, "an illegal memory access was encountered", spoiled)
        [row] = execute(workspace, [[job]], None, lambda groups, work, event=event: iter([event]))
        assert row.status == "failed" and bool(row.retry) == spoiled


def test_after_a_failed_capture_another_process_takes_over(planned):
    jobs = planned(Hungry(uncapturable=True))
    restorer = Restorer(Path("bench"), ("cpu",), in_flight=2)
    last = restorer(jobs, 0, lambda *done: None)
    assert isinstance(last, LastResult) and {row.status for row in last.result} == {"ok"} and len(last.result) == 5
    assert last.successor.trouble == "an operation that cannot be captured"
    assert [row.note.endswith("tried to capture") for row in last.result] == [True] + [False] * 4
    rows = last.successor(jobs, 0, lambda *done: None)  # in a list: the successor stays
    assert isinstance(rows, list) and {row.note for row in rows} == {"restored by a test"}


def test_workers_take_the_gpus_in_turns(planned, monkeypatch):
    taken = []

    def select(device):
        taken.append(str(device))
        raise InterruptedError

    monkeypatch.setattr(devices, "select", select)
    monkeypatch.setattr(machine, "gpu_count", lambda: 2)
    restorer = Restorer(Path("bench"), machine.available("auto"))
    for worker in range(4):
        with pytest.raises(InterruptedError):
            restorer(planned(Hungry()), worker, lambda *done: None)
    assert taken == ["cuda:0", "cuda:1", "cuda:0", "cuda:1"] and machine.available("cuda:1") == ("cuda:1",)


def test_what_trains_nothing_comes_first_then_the_longest(medians):
    medians(2)
    methods = [KernelGANZSSR(), replace(IKE(), iterations=3000), replace(DualSR(), iterations=100), Bicubic()]
    choices = [MethodChoice(name, name, method) for name, method in zip("kidb", methods, strict=True)]
    jobs, _ = plan(read_rows(Path("bench/data.parquet"), DataRow), choices, Selection())
    order = [job.choice.label for job in jobs]
    assert order == sorted(order, key="bikd".index) and set(order) == set("bikd")


@pytest.mark.gpu
def test_gpu_worker_measures_the_first_image_and_fills_the_memory(planned):
    rows = Restorer(Path("bench"), ("cuda:0",))(planned(Hungry()), 0, lambda *done: None)
    assert Hungry.calls == [1, 4] and {row.status for row in rows} == {"ok"}
    assert not torch.backends.cudnn.allow_tf32
