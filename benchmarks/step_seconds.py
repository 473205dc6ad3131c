"""Time one training iteration of every zero-shot method, one thread: as ikebench runs it, and plainly, layer by layer.

    python benchmarks/step_seconds.py

CPU seconds of this process, so that other work on the machine disturbs little. The forms take turns, so that all see
the same machine; the median of several iterations after a warm-up. The official figures are quoted (x2, fp32, one
thread of a 2-core AVX-512 CPU), not measured in this run.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import click
import skimage.data
import torch
from plain import plain_form
from torch import Tensor
from trainings import FP32_ALONE, NAMES, build

from baselines.contract import Precision, Task
from baselines.zeroshot.training import Training
from ikebench.engines.contract import keep_memory

OFFICIAL = {"kernelgan": 0.087, "dualsr": 1.46, "ike-release": 6.86}  # seconds per iteration
WARM_UP = 2

PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16")

Step = Callable[[dict[str, Tensor], int], object]
"""Trains one iteration: the drawn inputs, and which iteration it is."""


@click.command()
@click.option("--scale", type=click.Choice(["2", "4"]), default="2", show_default=True)
@click.option("--repetitions", default=10, show_default=True)
@click.option("--methods", default=",".join(NAMES), show_default=True)
@click.option("--precisions", default=",".join(PRECISIONS), show_default=True, help="fp32 where bf16 is emulated.")
def main(scale: str, repetitions: int, methods: str, precisions: str) -> None:
    """Print a Markdown table."""
    print(f"Seconds per iteration at x{scale}, one thread; in brackets how many times as fast as layer by layer.\n")
    print("| method | fp32 | bf16 | layer by layer, fp32 | official code | official / fp32 |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name in methods.split(","):
        seconds = form_seconds(name, int(scale), repetitions, precisions.split(","))
        ours = " | ".join(
            f"{seconds[form]:.4f} ({seconds['plain'] / seconds[form]:.1f})" if form in seconds else "-"
            for form in ("fp32", "bf16")
        )
        official = OFFICIAL.get(name) if scale == "2" else None
        quoted = f"{official:g} | {official / seconds['fp32']:.1f}" if official else "- | -"
        print(f"| {name} | {ours} | {seconds['plain']:.4f} | {quoted} |", flush=True)


def form_seconds(name: str, scale: int, repetitions: int, precisions: Sequence[str] = PRECISIONS) -> dict[str, float]:
    """Give the median CPU seconds of a step in each form, in a process like those of `ikebench run`."""
    keep_memory()
    with ProcessPoolExecutor(1, get_context("spawn")) as processes:
        return processes.submit(_form_seconds, name, scale, repetitions, precisions).result()


def _form_seconds(name: str, scale: int, repetitions: int, precisions: Sequence[str]) -> dict[str, float]:
    torch.set_num_threads(1)
    iterations = repetitions + WARM_UP
    task = photograph()
    trainings = {
        precision: build(name, scale, iterations, task, precision)
        for precision in PRECISIONS
        if precision == "fp32" or (precision in precisions and name not in FP32_ALONE)
    }
    steps: dict[str, Step] = {form: own_step(training) for form, training in trainings.items()}
    steps["plain"] = plain_form(trainings["fp32"]).step
    # Drawing the crops is left out: it is shared by the iterations of a chunk.
    drawn = trainings["fp32"].draw(0)
    seconds: dict[str, list[float]] = {form: [] for form in steps}
    for index in range(iterations):
        inputs = {name: values[index] for name, values in drawn.items()}
        for form, step in steps.items():
            seconds[form].append(step_seconds(step, inputs, index))
    return {form: statistics.median(values[WARM_UP:]) for form, values in seconds.items()}


def own_step(training: Training) -> Step:
    """Give the training's own step, whichever iteration it is."""
    return lambda inputs, iteration: training.step(inputs)


def step_seconds(step: Step, inputs: dict[str, Tensor], iteration: int) -> float:
    """Take one step; gives its CPU seconds."""
    started = time.process_time()
    step(inputs, iteration)
    return time.process_time() - started


def photograph() -> Task:
    """Give the LR photograph to train on, 256x256."""
    return Task(torch.from_numpy(skimage.data.astronaut()[:256, :256].copy()).permute(2, 0, 1)[None] / 255)


if __name__ == "__main__":
    main()
