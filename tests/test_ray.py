"""`run --engine ray`: real Ray processes, lost workers and nodes, the bytes of the local engine."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from processes import start, wait_for
from tables import read_table

from ikebench import machine
from ikebench.engines.contract import LastResult, Spoiled
from ikebench.run.placement import place
from ikebench.store.row_files import read_row

TIMINGS = ("seconds", "peak_mem_mib")

WATCHED = '''
import os
import sys
from dataclasses import dataclass
from baselines.zssr import ZSSR

@dataclass(frozen=True)
class Watched(ZSSR):
    """ZSSR that says in a file which process of which Ray node trains, from what, and when that has ended."""

    def __call__(self, tasks, scale, precision="fp32"):
        checkpoint = tasks[0].checkpoint
        self.log("start resumed" if checkpoint and checkpoint.load() else "start anew")
        results = super().__call__(tasks, scale, precision)
        self.log("end")
        return results

    def log(self, what):
        ray = sys.modules.get("ray")
        node = ray.get_runtime_context().get_node_id() if ray else "none"
        with open(os.environ["WATCHED_LOG"], "a") as file:
            file.write(f"{what} {os.getpid()} {node}\\n")
'''


@pytest.fixture
def watched(tmp_path, monkeypatch, install_method):
    """Install the method `watched`; gives its log."""
    folder = install_method("watched", WATCHED, "Watched")
    log = tmp_path / "watched.log"
    log.touch()
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv("WATCHED_LOG", str(log))
    return log


@pytest.fixture
def four_images(medians):
    medians(2)


def started(log):
    """The process and the node of every training that has begun, in order."""
    return [line.split()[2:] for line in log.read_text().splitlines() if line.startswith("start")]


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def checkpoints(folder):
    return list(folder.rglob("*.checkpoint"))


def results(workspace):
    """SR files by their bytes, and row files but for what was timed."""
    folder = Path(workspace) / "sr"
    images = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.png")}
    rows = {str(path.relative_to(folder)): read_row(path) for path in folder.rglob("*.json")}
    return images, {name: {k: v for k, v in vars(row).items() if k not in TIMINGS} for name, row in rows.items()}


def test_a_killed_workers_job_runs_again_and_all_is_as_local_to_the_byte(ikebench, tmp_path, four_images, watched):
    pytest.importorskip("ray")
    run = ("--methods", "watched", "--iterations", "40", "--workers", "2")
    process = start(tmp_path, "run", *run, "--engine", "ray", "--checkpoint-every", "10")
    wait_for(lambda: len(checkpoints(tmp_path)) == 2)
    os.kill(int(started(watched)[0][0]), signal.SIGKILL)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0 and "4 jobs run, 0 already done, 0 failed" in err, err
    assert "[4/4 jobs] watched" in err
    assert len(started(watched)) == 5 and watched.read_text().count("end") == 4
    assert watched.read_text().count("resumed") == 1
    assert not any(is_alive(pid) for pid, _ in started(watched))
    by_ray = results("bench")
    shutil.rmtree("bench/sr")
    assert ikebench("run", *run).code == 0
    images, rows = results("bench")
    assert len(images) == len(rows) == 4
    assert by_ray == (images, rows)


# In a process of its own: one that keeps clients of a Ray that has ended is ended by them, a minute later.
CLUSTER = """
import sys
from ray.cluster_utils import Cluster
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
print(cluster.address, flush=True)
for line in sys.stdin:
    if line == "add\\n":
        other = cluster.add_node(num_cpus=1)
        print(other.node_id, flush=True)
    else:
        cluster.remove_node(other, allow_graceful=False)
cluster.shutdown()
"""


@dataclass
class Cluster:
    """A Ray of one node, more of which come and go."""

    address: str
    process: subprocess.Popen

    def add_node(self):
        """Add a node; gives its name."""
        self.tell("add")
        return self.process.stdout.readline().strip()

    def kill_node(self):
        """Kill the node that came last."""
        self.tell("kill")

    def tell(self, what):
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()


@pytest.fixture
def cluster(watched):  # its nodes have the environment of the moment they start
    pytest.importorskip("ray")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([sys.executable, "-c", CLUSTER], text=True, **pipes) as process:
        yield Cluster(process.stdout.readline().strip(), process)
        process.communicate(timeout=300)  # the end of its input ends it


@pytest.mark.slow
def test_a_running_cluster_that_wins_and_loses_a_node_in_mid_run(tmp_path, cluster, four_images, watched):
    run = ("run", "--methods", "watched", "--iterations", "400", "--checkpoint-every", "10")
    process = start(tmp_path, *run, "--engine", "ray", "--address", cluster.address)
    wait_for(lambda: started(watched))
    node = cluster.add_node()
    wait_for(lambda: node in {where for _, where in started(watched)})
    wait_for(lambda: len(checkpoints(tmp_path)) == 2)
    cluster.kill_node()
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0 and "4 jobs run, 0 already done, 0 failed" in err, err
    assert watched.read_text().count("resumed") == 1
    assert len(started(watched)) == 5 and len(results("bench")[0]) == 4
    host, port = cluster.address.split(":")
    socket.create_connection((host, int(port)), timeout=5).close()  # the cluster goes on without us


def test_ctrl_c_ends_the_tasks_and_leaves_nothing_half_written(ikebench, tmp_path, four_images, watched):
    pytest.importorskip("ray")
    process = start(
        tmp_path, "run", "--methods", "watched", "--iterations", "3000", "--engine", "ray", "--workers", "2"
    )
    wait_for(lambda: len(started(watched)) == 2)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 130 and "Traceback" not in err, err
    assert not any(is_alive(pid) for pid, _ in started(watched))
    assert not [path for path in Path("bench/sr").rglob("*") if path.is_file()]
    assert read_table(Path("bench/runs.parquet")).empty


@pytest.mark.slow
def test_a_job_that_always_kills_its_worker_is_lost_for_good(ikebench, photos, rivals, monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.setattr("ikebench.engines.ray.RETRIES", 1)
    monkeypatch.setenv("PYTHONPATH", str(rivals))  # Ray's processes do not share our sys.path
    ikebench("make-data", "--hr", photos, "--kind", "median")
    command = ("run", "--methods", "bicubic,rival", "--set", "rival.trouble=die", "--engine", "ray", "--workers", 2)
    outcome = ikebench(*command)
    assert outcome.code == 1 and "4 jobs run, 0 already done, 1 failed" in outcome.err
    table = read_table(Path("bench/runs.parquet")).set_index(["method", "image"])
    assert "lost for good: " in table.loc[("rival", "cat"), "error"]
    assert "0 jobs run, 3 already done, 1 failed" in ikebench(*command).err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--address", "auto"], "--address has a meaning with --engine ray only"),
        (["--gpus-per-job", "0"], "--gpus-per-job has a meaning with --engine ray only"),
        (["--engine", "ray", "--device", "cuda:0"], "Ray hands out the GPUs"),
        (["--engine", "ray", "--device", "cpu", "--gpus-per-job", "0.5"], "leave out one of them"),
        (["--engine", "ray", "--device", "cuda", "--gpus-per-job", "0", "--address", "auto"], "leave out one of them"),
    ],
)
def test_options_that_do_not_go_together_are_one_line(ikebench, arguments, words):
    if "ray" in arguments:
        pytest.importorskip("ray")
    outcome = ikebench("run", "--methods", "bicubic", *arguments)
    assert outcome.code == 2 and words in outcome.err and len(outcome.err.strip().splitlines()) == 1


def test_an_address_without_a_cluster_is_one_line(ikebench, photos):
    pytest.importorskip("ray")
    ikebench("make-data", "--hr", photos, "--kind", "median")
    for address, words in {
        "somewhere": "give HOST:PORT",
        "127.0.0.1:1": "no Ray cluster answers there",
        "auto": "Could not find any running Ray instance",
    }.items():
        outcome = ikebench("run", "--methods", "bicubic", "--engine", "ray", "--address", address)
        *told, last = outcome.err.strip().splitlines()
        assert outcome.code == 2 and words in last and len(told) == 2  # how long it would take


def test_without_ray_one_line_tells_how_to_get_it(ikebench, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "ikebench.engines.ray", raising=False)
    outcome = ikebench("run", "--methods", "bicubic", "--engine", "ray")
    assert outcome.code == 2 and outcome.err.strip().endswith("needs Ray: pip install 'ikebench[ray]'")
    assert len(outcome.err.strip().splitlines()) == 1


class Learning:
    """Work that knows what its process has done before; item 1 wishes for another process, item 3 spoils one, once."""

    def __init__(self, mark):
        self.done, self.mark = 0, mark

    def __call__(self, item, worker, send):
        import ray

        self.done += 1
        if item == 3 and not self.mark.exists():
            self.mark.touch()
            raise Spoiled("an illegal memory access was encountered")
        result = {"process": os.getpid(), "done": self.done, "gpus": ray.get_gpu_ids()}
        return LastResult(result, self) if item == 1 else result


GPU_TASKS = """
import json, sys
from pathlib import Path
from ikebench.engines.ray import Cluster, run_ray
from test_ray import Learning
for event in run_ray(range(12), Learning(Path(sys.argv[1])), Cluster(None, 2, 1.0)):
    print(json.dumps(event.result), flush=True)
"""


def test_gpu_tasks_keep_their_process_unless_it_is_spoiled(tmp_path):
    """With two GPUs that Ray is told of: a process and its CUDA context are not paid for by every task."""
    pytest.importorskip("ray")
    told = {"RAY_OVERRIDE_RESOURCES": '{"GPU": 2}', "CUDA_VISIBLE_DEVICES": "0,1"}
    environment = {**os.environ, **told, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", GPU_TASKS, tmp_path / "spoiled"]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=True)
    results = [json.loads(line) for line in found.stdout.splitlines() if line.startswith("{")]
    assert len(results) == 12 and (tmp_path / "spoiled").exists()
    gpus = {(result["process"], *result["gpus"]) for result in results}
    assert len(gpus) == len({result["process"] for result in results})
    assert len(gpus) <= 6  # 3, the spoiled one among them, and those that Ray starts where the machine is slow; not 12
    assert max(result["done"] for result in results) > 1


def test_a_process_does_not_change_its_gpu(monkeypatch):
    pytest.importorskip("ray")
    from ikebench.engines import ray as engine

    def end(code):
        raise SystemExit(code)

    lent = [["0"], ["0"], ["0"], ["1"]]  # the first task asks twice
    monkeypatch.setattr(engine.ray, "get_gpu_ids", lambda: lent.pop(0))
    monkeypatch.setattr(engine, "_kept", lambda reference: lambda item, worker, send: item)
    monkeypatch.setattr(engine.signal, "signal", lambda *what: None)
    monkeypatch.setattr(os, "_exit", end)
    engine._first_gpus.cache_clear()
    assert [engine._serve(0, item, [None], None) for item in "ab"] == ["a", "b"]
    with pytest.raises(SystemExit):
        engine._serve(0, "c", [None], None)
    engine._first_gpus.cache_clear()


@pytest.mark.parametrize(("share", "expected"), [(None, (2, False)), (0.5, (4, True)), (1.0, (2, False))])
def test_images_are_in_flight_on_whole_gpus_and_not_on_shares(monkeypatch, share, expected):
    pytest.importorskip("ray")
    monkeypatch.setattr(machine, "gpu_count", lambda: 2)
    placed = place("ray", "cuda", gpus_per_job=share)
    assert (placed.workers, placed.shares_devices) == expected and placed.devices == ("cuda", "cuda")
    assert place("ray", "cpu").devices == ("cpu",)
