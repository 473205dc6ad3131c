"""A training step with static buffers, captured or not, and several images at work at once: the same bits."""

import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest
import skimage.data
import torch
from torch.utils import backend_registration
from torch.utils._python_dispatch import TorchDispatchMode

from baselines.contract import Capture, Restored, SomeFailed, Task
from baselines.dualsr import DualSR
from baselines.dualsr_training import DualSRTraining
from baselines.kernelgan import KernelGANZSSR
from baselines.kernelgan_training import KernelGANTraining
from baselines.memory import lacks_memory
from baselines.zeroshot import turns
from baselines.zeroshot.captured import EAGER, CapturedStep
from baselines.zeroshot.conv_stack import conv_format
from baselines.zeroshot.training import TrainingRun
from baselines.zeroshot.turns import in_turns, restore_in_turns
from baselines.zssr import ZSSR
from baselines.zssr_training import ZSSRTraining
from degradations.resample import bicubic_kernel
from ikebench.ike.method import IKE
from ikebench.ike.release import IKERelease

COUNT = 8  # iterations: some before the capture, some after it, of either turn where there are two


def photo(height=112, width=120, top=60):
    pixels = skimage.data.astronaut()[top : top + height, 140 : 140 + width]
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255


SMALL_IKE = {"crop": 48, "blocks": 2, "layers": 3, "growth": 8, "u_layers": 4, "u_width": 16}
CHOICES = {"adam_per_phase": True, "phases_in_turns": True, "pd2_crop": True, "pd2_noise": 0.01, "z_gradient": True}
TRAININGS = {
    "kernelgan": lambda task: KernelGANTraining(KernelGANZSSR(iterations=COUNT), task),
    "zssr": lambda task: ZSSRTraining(ZSSR(iterations=COUNT, width=16), task, 2, bicubic_kernel(2)),
    "dualsr": lambda task: DualSRTraining(DualSR(iterations=COUNT, width=16, crop=64), task),
    "ike": lambda task: IKE(iterations=COUNT, **SMALL_IKE).training(task, 2, "fp32"),
    "ike in bf16": lambda task: IKE(iterations=COUNT, **SMALL_IKE).training(task, 2, "bf16"),
    "ike, choices": lambda task: IKE(iterations=COUNT, **SMALL_IKE, **CHOICES).training(task, 2, "fp32"),
    "ike-release": lambda task: IKERelease(iterations=COUNT, **SMALL_IKE).training(task, 2, "fp32"),
}


def losses_of(build, task, wrapped):
    """Train with a step wrapped in something; gives the losses of every iteration and the weights at the end."""
    training = build(task)
    step, inputs = wrapped(training.step), training.draw(0)
    losses = [step({name: drawn[index] for name, drawn in inputs.items()}).clone() for index in range(COUNT)]
    return losses, [weight.detach() for weight in training.networks.parameters()]


@pytest.mark.parametrize("build", TRAININGS.values(), ids=TRAININGS)
def test_static_buffers_change_no_bit(build):
    task, said = Task(photo(), seed=3), []
    plain = losses_of(build, task, lambda step: step)
    buffered = losses_of(build, task, lambda step: CapturedStep(step, Capture(wanted=False), said.append))
    for values, expected in zip(buffered, plain, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(values, expected, strict=True))
    assert not said


def test_a_capture_that_fails_is_said_and_costs_nothing():
    task, said, capture = Task(photo(), seed=3), [], Capture()
    build = TRAININGS["kernelgan"]
    plain, weights = losses_of(build, task, lambda step: step)
    tried, tried_weights = losses_of(build, task, lambda step: CapturedStep(step, capture, said.append))
    assert all(torch.equal(a, b) for a, b in zip(tried + tried_weights, plain + weights, strict=True))
    assert len(said) == 1 and said[0].startswith("not captured in a CUDA graph: ")  # there is none on the CPU
    assert said[0].endswith(capture.trouble)


def test_after_a_failed_capture_those_who_share_it_try_none_and_others_do(monkeypatch):
    tries = []

    def graph():
        tries.append(True)
        raise RuntimeError("a driver that cannot")

    def train(capture):
        step = CapturedStep(lambda inputs: inputs["x"], capture, said.append)
        for _ in range(EAGER + 1):
            step({"x": torch.ones(1)})

    monkeypatch.setattr(torch.cuda, "CUDAGraph", graph)
    said, shared = [], Capture()
    for capture in (shared, shared, Capture(), Capture(wanted=False)):
        train(capture)
    assert len(tries) == 2 and said == ["not captured in a CUDA graph: RuntimeError: a driver that cannot"] * 3


@pytest.mark.parametrize("memory", [True, False])
def test_the_error_that_ends_a_capture_hides_no_lack_of_memory(monkeypatch, memory):
    """With a stand-in for CUDA's graphs, whose end of a broken capture raises another error, as torch's does."""

    @contextmanager
    def record(graph, stream):
        try:
            yield
        finally:
            raise RuntimeError("cudaErrorStreamCaptureInvalidated")

    def step(inputs):
        if torch.cuda.graph is record and seen:
            raise (torch.OutOfMemoryError("CUDA out of memory") if memory else ValueError("a look at a value"))
        return inputs["x"]

    monkeypatch.setattr(torch.cuda, "CUDAGraph", object)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: None)
    seen, said = [], []
    captured = CapturedStep(step, Capture(), said.append)
    for _ in range(EAGER):
        captured({"x": torch.ones(1)})
    monkeypatch.setattr(torch.cuda, "graph", record)
    seen.append(True)
    with pytest.raises(RuntimeError if memory else ValueError) as raised:
        captured({"x": torch.ones(1)})
    assert lacks_memory(raised.value) == memory
    assert captured.capture.trouble  # the capture was not ended well, whatever broke it
    assert said == ([] if memory else ["not captured in a CUDA graph: ValueError: a look at a value"])


def test_every_iteration_is_run_once_around_the_capture(monkeypatch):
    """With a stand-in for CUDA's graphs: what is recorded is not run, what is replayed sees the new inputs."""
    seen, recording, recorded = [], [], []

    def step(inputs):
        if recording:
            recorded.append(lambda: seen.append(float(inputs["x"])))
        else:
            seen.append(float(inputs["x"]))
        return inputs["x"] + 0

    class Graph:
        def replay(self):
            recorded[-1]()

    @contextmanager
    def record(graph, stream):
        recording.append(True)
        yield
        recording.pop()

    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", record)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: None)
    captured = CapturedStep(step, Capture(), pytest.fail)
    for value in range(EAGER + 4):
        captured({"x": torch.tensor(float(value))})
    assert seen == [float(value) for value in range(EAGER + 4)] and len(recorded) == 1


class Watch(TorchDispatchMode):
    """Collects the names of the operations that are run."""

    def __init__(self):
        super().__init__()
        self.names = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor) and result.is_meta:
            self.names.add("made where nobody said")
        self.names.add(func.overloadpacket.__name__)
        return result


WAITING = {"_local_scalar_dense", "nonzero", "masked_select", "equal", "unique"}  # the host looks at values
ON_THE_HOST = {"lift_fresh", "made where nobody said"}  # then copied to the device, which waits
RANDOM = {"rand", "randn", "randint", "bernoulli", "normal", "uniform", "randperm"}


def forbidden(work):
    """Give what a CUDA graph cannot hold; a tensor made without a device lands on `meta`, on a GPU on the host."""
    with torch.device("meta"), Watch() as watch:
        work()
    assert watch.names
    return watch.names & (WAITING | ON_THE_HOST | RANDOM)


@pytest.mark.parametrize("build", TRAININGS.values(), ids=TRAININGS)
def test_a_step_holds_nothing_that_a_graph_cannot(build):
    training = build(Task(photo(), seed=3))
    inputs = {name: drawn[0] for name, drawn in training.draw(0).items()}
    for step, _ in getattr(training, "turns", [(training.step, ())]):
        assert not forbidden(partial(step, inputs))
    run = TrainingRun(training, Task(photo()))
    losses = torch.ones(2)
    assert not forbidden(lambda: run._watch(losses))


def test_the_watch_sees_what_it_should():
    ones = torch.ones(2)
    assert forbidden(lambda: float(ones.sum())) == {"_local_scalar_dense"}
    assert forbidden(lambda: torch.zeros(3)) == {"made where nobody said"}
    with pytest.raises(RuntimeError, match="device"):
        forbidden(lambda: ones * torch.tensor([1.0, 2.0]))
    assert forbidden(lambda: torch.randn(2, device="cpu")) == {"randn"}
    assert not forbidden(lambda: torch.where(ones > 0, ones, 0))


@pytest.mark.skipif(
    not hasattr(backend_registration, "_setup_privateuseone_for_python_backend"),
    reason="this torch lets nothing stand in for a device that is not there",
)
def test_every_tensor_of_a_training_is_on_its_device():
    """With tensors without values on a device that is not there; `stand_in.py` says how."""
    script = Path(__file__).parent / "stand_in.py"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    found = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True)
    assert found.stdout.splitlines() == list(TRAININGS), found.stderr


METHODS = {
    "kernelgan-zssr": (KernelGANZSSR(iterations=53, width=8, layers=3, kernel_crop=40, crop=32), 2),
    "zssr": (ZSSR(iterations=70, width=8, layers=3, crop=32, patience=40), 2),
    "dualsr": (DualSR(iterations=3, width=8, crop=40), 4),
    "dualsr chunk by chunk": (DualSR(iterations=53, width=8, layers=3, crop=40), 2),
    "ike": (IKE(iterations=3, **SMALL_IKE), 2),
    "ike chunk by chunk": pytest.param(IKE(iterations=53, crop=48), 2, marks=pytest.mark.slow),
    "ike-release": (IKERelease(iterations=3, **SMALL_IKE), 2),
}


def tasks(device="cpu"):
    sizes = ((64, 70), (60, 72))
    return [Task(photo(*size, top=40 * index).to(device), seed=index) for index, size in enumerate(sizes)]


@pytest.mark.parametrize(("method", "scale"), METHODS.values(), ids=METHODS)
def test_together_as_alone(method, scale):
    order = []
    watched = [
        replace(task, progress=lambda done, total, image=image: order.append(image))
        for image, task in enumerate(tasks())
    ]
    for task, restored in zip(tasks(), method(watched, scale), strict=True):
        [alone] = method([task], scale)
        assert torch.equal(restored.sr, alone.sr) and restored.note == alone.note
        assert (restored.kernel is None) == (alone.kernel is None)
        assert alone.kernel is None or (restored.kernel == alone.kernel).all()
    assert order != sorted(order) or method.iterations < 50  # in turns, chunk by chunk


def test_one_that_diverges_leaves_the_others():
    good, bad = tasks()[0], replace(tasks()[1], lr=1e30 * photo(60, 60))
    method = IKE(iterations=3, **SMALL_IKE)
    with pytest.raises(SomeFailed, match="1 tasks failed") as failed:
        method([good, bad, good], 2)
    first, error, last = failed.value.outcomes
    assert isinstance(error, FloatingPointError) and "iteration 1 of 3" in str(error)
    [alone] = method([good], 2)
    assert torch.equal(first.sr, alone.sr) and torch.equal(last.sr, alone.sr)
    with pytest.raises(FloatingPointError, match="iteration 1 of 3"):
        method([bad], 2)


def test_lack_of_memory_ends_all_that_are_under_way():
    ended = []

    def course(name, greedy):
        try:
            yield
            if greedy:
                raise torch.OutOfMemoryError("CUDA out of memory")
            yield
        finally:
            ended.append(name)
        return Restored(torch.zeros(1))

    def quick():
        return Restored(torch.ones(1))
        yield

    courses = [course("a", False), course("b", True), course("c", False), quick()]
    *lost, kept = in_turns(courses, torch.device("cpu"))
    assert all(isinstance(outcome, torch.OutOfMemoryError) for outcome in lost) and isinstance(kept, Restored)
    assert sorted(ended) == ["a", "b", "c"]
    assert restore_in_turns(lambda task: course("d", False), []) == []


@pytest.fixture
def streams(monkeypatch):
    """Count the streams that are made on a GPU that is not there."""
    made = []

    class Stream:
        def __init__(self, device):
            made.append(self)

        def wait_stream(self, stream):
            pass

    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: stream)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: None)
    turns._stream.cache_clear()
    yield made
    turns._stream.cache_clear()


def test_groups_share_the_lanes_of_their_device(streams):
    first, second = torch.device("cuda:0"), torch.device("cuda:1")
    lanes = turns._lanes(first, 3)
    assert turns._lanes(first, 2) == lanes[:2] and len(set(lanes)) == len(streams) == 3
    assert turns._lanes(first, 4)[:3] == lanes and len(streams) == 4
    assert not set(turns._lanes(second, 2)) & set(lanes) and len(streams) == 6


@dataclass
class OnGPU:
    """What is asked of an image where its convs' memory format is chosen."""

    dtype: torch.dtype = torch.float32
    is_cuda: bool = True


def test_the_memory_format_of_convs_is_the_devices(monkeypatch):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    capability = "AVX512"
    assert conv_format(torch.ones(1)) == conv_format(torch.ones(1, dtype=torch.bfloat16)) == torch.channels_last
    capability = "AVX2"
    assert conv_format(torch.ones(1)) == torch.contiguous_format
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda device: autocast)
    monkeypatch.setattr(torch, "get_autocast_dtype", lambda device: torch.bfloat16)
    autocast = False
    assert conv_format(OnGPU()) == torch.contiguous_format
    assert conv_format(OnGPU(torch.bfloat16)) == torch.channels_last
    autocast = True
    assert conv_format(OnGPU()) == torch.channels_last


def test_the_gpu_benchmark_runs_without_one(tmp_path):
    script = Path(__file__).resolve().parent.parent / "benchmarks/gpu.py"
    few = ("--device", "cpu", "--methods", "zssr", "--iterations", "1", "--in-flight", "1,2", "--side", "40")
    subprocess.run([sys.executable, script, *few, "--output", tmp_path / "gpu.md"], check=True, capture_output=True)
    text = (tmp_path / "gpu.md").read_text()
    assert text.count("\n## ") == 5 and text.count("| zssr x2 |") == 3 and "| +0.0000 | +0.0000 |" in text


UNCAPTURABLE = """
import torch
from baselines.contract import Capture
from baselines.zeroshot.captured import EAGER, CapturedStep

def step(inputs):
    doubled = 2 * inputs["x"]
    doubled.sum().item()
    return doubled

said = []
with torch.cuda.stream(torch.cuda.Stream()):
    captured = CapturedStep(step, Capture(), said.append)
    for value in range(EAGER + 3):
        assert captured({"x": torch.full((2,), float(value)).cuda()}).tolist() == [2 * value] * 2
assert captured.graph is None and len(said) == 1
"""


@pytest.mark.gpu
def test_gpu_a_step_that_cannot_be_captured_goes_on():
    """In a process of its own: what a failed capture leaves behind must not reach the other tests."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", UNCAPTURABLE], env=environment, check=True)


@pytest.mark.gpu
@pytest.mark.parametrize("build", TRAININGS.values(), ids=TRAININGS)
def test_gpu_captured_as_direct(build):
    said, tracks = [], []
    for capture in (False, True):
        training = build(Task(photo().cuda(), seed=3))
        run = TrainingRun(training, Task(photo().cuda(), seed=3, capture=Capture(capture), say=said.append))
        run.advance(COUNT)
        assert all((turn.step.graph is not None) == capture for turn in run._turns)
        tracks.append([weight.detach().clone() for weight in training.networks.parameters()])
    assert not said
    for direct, captured in zip(*tracks, strict=True):
        torch.testing.assert_close(captured, direct, rtol=1e-2, atol=1e-4)


@pytest.mark.gpu
@pytest.mark.parametrize(("method", "scale"), METHODS.values(), ids=METHODS)
def test_gpu_together_as_alone(method, scale):
    for task, restored in zip(tasks("cuda"), method(tasks("cuda"), scale), strict=True):
        [alone] = method([task], scale)
        assert (restored.sr - alone.sr).abs().mean() < 1e-3
