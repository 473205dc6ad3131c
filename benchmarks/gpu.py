"""Measure on a GPU all that is said of it: captured steps, images in flight, memory, precisions, hours for the tables.

    python benchmarks/gpu.py                 # writes benchmarks/gpu.md
    python benchmarks/gpu.py --device cpu --iterations 3 --in-flight 1,2 --side 64 --output /tmp/gpu.md   # does it run?

Everything is measured on crops of one photograph. Seconds are wall-clock, synchronised, after a warm-up that ends with
the capture. On a CPU nothing is captured, and the numbers mean nothing.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

import click
import numpy as np
import skimage.data
import torch
from trainings import FP32_ALONE, build

from baselines.contract import Capture, Method, Precision, Task
from baselines.memory import lacks_memory
from baselines.zeroshot.captured import EAGER
from baselines.zeroshot.conv_stack import CUDA_FORMATS
from baselines.zeroshot.training import TrainingRun
from baselines.zeroshot.turns import in_turns
from degradations.resample import imresize, quantise
from ikebench import devices
from ikebench.catalog import method_class
from ikebench.scoring.metrics import psnr

WARM_UP = EAGER + 2  # iterations: up to the capture, and one more
IMAGES, CELLS, ITERATIONS = 100, 5, 3000  # of Tables 2 and 3: images of a cell, cells at each of x2 and x4

Stage = tuple[str, int]
"""A training of `benchmarks/trainings.py` and its scale."""

STAGES: dict[str, tuple[list[Stage], list[Stage]]] = {  # the trainings of one image at x2, and at x4
    "kernelgan-zssr": ([("kernelgan", 2), ("zssr", 2)], [("kernelgan", 2), ("zssr", 2), ("zssr", 4)]),
    "zssr": ([("zssr", 2)], [("zssr", 2), ("zssr", 4)]),
    "dualsr": ([("dualsr", 2)], [("dualsr", 2), ("dualsr", 2)]),
    "ike": ([("ike", 2)], [("ike", 4)]),
    "ike-release": ([("ike-release", 2)], [("ike-release", 4)]),
}


@dataclass(frozen=True)
class Bench:
    """What to measure, where and how long."""

    device: torch.device
    methods: Sequence[str]
    iterations: int
    side: int
    remarks: dict[str, None] = field(default_factory=dict)
    """Lines that went wrong on the way, each once."""
    capture: Capture = field(default_factory=Capture)

    def stages(self) -> list[Stage]:
        """Give the trainings of the methods, each once."""
        return list(dict.fromkeys(s for method in self.methods for stages in STAGES[method] for s in stages))

    def tasks(self, count: int, *, capture: bool = True) -> list[Task]:
        """Give tasks with different LR crops of a photograph."""

        def say(line: str) -> None:
            self.remarks[line] = None

        images = [_tensor(_lr(self.side, index), self.device) for index in range(count)]
        shared = self.capture if capture else Capture(wanted=False)
        return [Task(lr, seed, say=say, capture=shared) for seed, lr in enumerate(images)]

    def seconds(self, stage: Stage, count: int, precision: Precision, *, capture: bool) -> tuple[float, float]:
        """Give seconds per iteration and image of `count` images in flight, and the peak memory in MiB."""
        devices.set_arithmetic(self.device, precision)
        devices.reset_peak_memory(self.device)
        iterations = WARM_UP + self.iterations
        tasks = self.tasks(count, capture=capture)
        runs = [TrainingRun(build(*stage, iterations, task, precision), task) for task in tasks]
        self._train(runs, WARM_UP)
        devices.synchronise(self.device)
        started = time.perf_counter()
        self._train(runs, iterations)
        devices.synchronise(self.device)
        seconds = (time.perf_counter() - started) / self.iterations / count
        return seconds, devices.peak_memory_mib(self.device)

    def _train(self, runs: Sequence[TrainingRun], until: int) -> None:
        for outcome in in_turns([run.chunks(until) for run in runs], self.device):
            if outcome is not None:
                raise outcome


def _title(stage: Stage) -> str:
    name, scale = stage
    return f"{name} x{scale}"


def _hr(side: int, index: int) -> np.ndarray:
    top, left = 8 * index % 64, 16 * index % 112  # 56 different ones
    photograph = np.tile(skimage.data.astronaut(), (2, 2, 1))
    return photograph[top : top + 2 * side, left : left + 2 * side]


def _lr(side: int, index: int) -> np.ndarray:
    return quantise(imresize(_hr(side, index), 0.5))


def _tensor(pixels: np.ndarray, device: torch.device) -> torch.Tensor:
    return torch.from_numpy(pixels).to(device).permute(2, 0, 1)[None].float() / 255


def steps_table(bench: Bench, precisions: Sequence[Precision]) -> Iterator[str]:
    """Measure one image: eager and captured, in every precision."""
    yield "## Seconds per iteration, one image"
    yield ""
    yield "| training | eager, fp32 | " + " | ".join(f"captured, {precision}" for precision in precisions) + " |"
    yield "| --- |" + " ---: |" * (len(precisions) + 1)
    for stage in bench.stages():
        cells = [bench.seconds(stage, 1, "fp32", capture=False)[0]]
        cells += [bench.seconds(stage, 1, precision, capture=True)[0] for precision in precisions]
        yield f"| {_title(stage)} | " + " | ".join(f"{seconds:.5f}" for seconds in cells) + " |"


def formats_table(bench: Bench) -> Iterator[str]:
    """Measure both memory formats of the convs' images in every arithmetic; KernelGAN has no such convs."""
    formats = {"contiguous": torch.contiguous_format, "channels-last": torch.channels_last}
    modes: list[tuple[Precision, torch.dtype]] = [("fp32", torch.float32), ("bf16", torch.bfloat16)]
    if bench.device.type == "cuda":
        modes.insert(1, ("tf32", torch.float32))
    columns = [(precision, dtype, name) for precision, dtype in modes for name in formats]
    yield "## Seconds per iteration by the memory format of the convs' images, one image, captured"
    yield ""
    yield "| training | " + " | ".join(f"{precision}, {name}" for precision, _, name in columns) + " |"
    yield "| --- |" + " ---: |" * len(columns)
    for stage in bench.stages():
        if stage[0] in FP32_ALONE:
            continue
        cells = []
        for precision, dtype, name in columns:
            with patch.dict(CUDA_FORMATS, {dtype: formats[name]}):
                cells.append(bench.seconds(stage, 1, precision, capture=True)[0])
        yield f"| {_title(stage)} | " + " | ".join(f"{seconds:.5f}" for seconds in cells) + " |"


def flight_table(bench: Bench, counts: Sequence[int], best: dict[Stage, float]) -> Iterator[str]:
    """Measure several images in flight, captured, in fp32; `best` takes the least seconds of each training."""
    yield "## Images in flight, captured, fp32: seconds per iteration and image (peak memory, MiB)"
    yield ""
    yield "| training | " + " | ".join(map(str, counts)) + " |"
    yield "| --- |" + " ---: |" * len(counts)
    for stage in bench.stages():
        cells = []
        for count in counts:
            try:
                seconds, mebibytes = bench.seconds(stage, count, "fp32", capture=True)
            except Exception as error:
                if not lacks_memory(error):
                    raise
                cells.append("does not fit")
                continue
            best[stage] = min(seconds, best.get(stage, seconds))
            cells.append(f"{seconds:.5f} ({mebibytes:.0f})")
        yield f"| {_title(stage)} | " + " | ".join(cells) + " |"


def quality_table(bench: Bench, precisions: Sequence[Precision]) -> Iterator[str]:
    """Compare the images of every mode with those of eager fp32 training."""
    yield f"## PSNR against the HR image at x2 after {bench.iterations} iterations: differences from eager fp32, dB"
    yield ""
    modes: dict[str, tuple[int, Precision, bool]] = {"eager again": (1, "fp32", False)}
    modes |= {f"captured, {precision}": (1, precision, True) for precision in precisions}
    modes["4 in flight, fp32"] = (4, "fp32", True)
    yield "| method | eager fp32, dB | " + " | ".join(modes) + " |"
    yield "| --- |" + " ---: |" * (len(modes) + 1)
    for name in bench.methods:
        method = method_class(name)(iterations=bench.iterations)
        reference = _psnr(bench, method, 1, "fp32", capture=False)
        cells = [_psnr(bench, method, count, how, capture=capture) for count, how, capture in modes.values()]
        yield f"| {name} | {reference:.3f} | " + " | ".join(f"{value - reference:+.4f}" for value in cells) + " |"


def _psnr(bench: Bench, method: Method, count: int, precision: Precision, *, capture: bool) -> float:
    """Restore; gives the first image's PSNR in dB. It is the same image whatever is in flight beside it."""
    devices.set_arithmetic(bench.device, precision)
    sr = method(bench.tasks(count, capture=capture), 2, precision)[0].sr
    return psnr(quantise(255 * sr[0].permute(1, 2, 0).double().cpu().numpy()), _hr(bench.side, 0))


def hours_table(bench: Bench, best: dict[Stage, float]) -> Iterator[str]:
    """Estimate the zero-shot methods of Tables 2 and 3 from the best seconds of every training."""
    yield f"## Hours for Tables 2 and 3: {IMAGES} images, {CELLS} cells at each of x2 and x4, {ITERATIONS} iterations"
    yield ""
    yield "Trainings alone, at the best number in flight, ZSSR to its last iteration (it mostly stops earlier)."
    yield ""
    yield "| method | x2 | x4 |"
    yield "| --- | ---: | ---: |"
    for method in bench.methods:
        if not all(stage in best for stages in STAGES[method] for stage in stages):
            continue  # it did not fit even alone
        per_iteration = [sum(best[stage] for stage in stages) for stages in STAGES[method]]
        hours = [IMAGES * CELLS * ITERATIONS * seconds / 3600 for seconds in per_iteration]
        yield f"| {method} | " + " | ".join(f"{value:.1f}" for value in hours) + " |"
    yield from ["", *(f"- {remark}" for remark in bench.remarks)]


@click.command()
@click.option("--device", default="cuda", show_default=True)
@click.option("--methods", default=",".join(STAGES), show_default=True)
@click.option("--iterations", default=200, show_default=True, help="Timed, and trained for the PSNR.")
@click.option("--in-flight", default="1,2,4,8,16", show_default=True)
@click.option("--side", default=256, show_default=True, help="Of the LR crops, px.")
@click.option("--output", type=click.Path(path_type=Path), default=Path("benchmarks/gpu.md"), show_default=True)
def main(device: str, methods: str, iterations: int, in_flight: str, side: int, output: Path) -> None:
    """Measure, print and write a Markdown file."""
    devices.select(torch.device(device))
    bench = Bench(torch.device(device), methods.split(","), iterations, side)
    precisions: list[Precision] = ["fp32", "tf32", "bf16"] if bench.device.type == "cuda" else ["fp32", "bf16"]
    best: dict[Stage, float] = {}
    lines = [f"# {devices.name_of(bench.device)}, torch {torch.__version__}", ""]
    lines += [f"`python benchmarks/gpu.py --iterations {iterations} --side {side}`; LR crops of {side} px.", ""]
    print("\n".join(lines))
    counts = [int(count) for count in in_flight.split(",")]
    for part in (
        steps_table(bench, precisions),
        formats_table(bench),
        flight_table(bench, counts, best),
        quality_table(bench, precisions),
        hours_table(bench, best),
    ):
        for line in part:
            print(line, flush=True)
            lines.append(line)
        lines.append("")
        print()
        output.write_text("\n".join(lines).rstrip() + "\n")  # part by part: what is measured is kept


if __name__ == "__main__":
    main()
