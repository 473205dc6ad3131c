"""Time one training iteration of every zero-shot method, one thread: as ikebench runs it, and layer by layer.

    python benchmarks/step_seconds.py

CPU seconds of this process, so that other work on the machine disturbs little. The forms take turns, so that all see
the same machine; the median of several iterations after a warm-up. The official figures are quoted (x2, fp32, one
thread of a 2-core AVX-512 CPU), not measured in this run.
"""

import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import click
import plain
import skimage.data
import torch
from torch import Tensor

from baselines.contract import Precision, Task
from baselines.dualsr import DualSR, DualSRTraining
from baselines.kernelgan import KernelGANTraining, KernelGANZSSR
from baselines.zeroshot.training import Training
from baselines.zssr import ZSSR, ZSSRTraining
from degradations.resample import bicubic_kernel
from ikebench.ike.method import IKE
from ikebench.ike.release import IKERelease

OFFICIAL = {"kernelgan": 0.087, "dualsr": 1.46, "ike-release": 6.86}  # seconds per iteration
WARM_UP = 2

FORMS: dict[str, tuple[Precision, Callable[[], AbstractContextManager[None]]]] = {
    "fp32": ("fp32", nullcontext),
    "bf16": ("bf16", nullcontext),
    "plain": ("fp32", plain.plain_forms),
}


@click.command()
@click.option("--scale", type=click.Choice(["2", "4"]), default="2", show_default=True)
@click.option("--repetitions", default=10, show_default=True)
@click.option("--methods", default="kernelgan,zssr,dualsr,ike,ike-release", show_default=True)
def main(scale: str, repetitions: int, methods: str) -> None:
    """Print a Markdown table."""
    torch.set_num_threads(1)
    print(f"Seconds per iteration at x{scale}, one thread; in brackets how many times as fast as layer by layer.\n")
    print("| method | fp32 | bf16 | layer by layer, fp32 | official code | official / fp32 |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name in methods.split(","):
        seconds = form_seconds(name, int(scale), repetitions)
        ours = " | ".join(f"{seconds[form]:.4f} ({seconds['plain'] / seconds[form]:.1f})" for form in ("fp32", "bf16"))
        official = OFFICIAL.get(name) if scale == "2" else None
        quoted = f"{official:g} | {official / seconds['fp32']:.1f}" if official else "- | -"
        print(f"| {name} | {ours} | {seconds['plain']:.4f} | {quoted} |", flush=True)


def form_seconds(name: str, scale: int, repetitions: int) -> dict[str, float]:
    """Give the median CPU seconds of a step in each form; drawing crops is shared by the iterations of a chunk."""
    iterations = repetitions + WARM_UP
    running = {form: build(name, scale, iterations, precision) for form, (precision, _) in FORMS.items()}
    drawn = {form: training.draw(0) for form, training in running.items()}
    seconds: dict[str, list[float]] = {form: [] for form in FORMS}
    for index in range(iterations):
        for form, training in running.items():
            inputs = {name: values[index] for name, values in drawn[form].items()}
            with FORMS[form][1]():
                seconds[form].append(step_seconds(training, inputs))
    return {form: statistics.median(values[WARM_UP:]) for form, values in seconds.items()}


def step_seconds(training: Training, inputs: dict[str, Tensor]) -> float:
    """Take one step; gives its CPU seconds."""
    started = time.process_time()
    training.step(inputs)
    return time.process_time() - started


def build(name: str, scale: int, iterations: int, precision: Precision) -> Training:
    """Build a method's training on a 256x256 LR photograph."""
    pixels = torch.from_numpy(skimage.data.astronaut()[:256, :256].copy()).permute(2, 0, 1)[None] / 255
    task = Task(pixels)
    if name == "kernelgan":  # of x2, whatever the scale: the kernel of x4 follows from it
        return KernelGANTraining(KernelGANZSSR(iterations=iterations), task)
    if name == "zssr":
        return ZSSRTraining(ZSSR(iterations=iterations), task, scale, bicubic_kernel(scale), precision)
    if name == "dualsr":  # x4 is x2 twice
        return DualSRTraining(DualSR(iterations=iterations), task, precision)
    ike = {"ike": IKE, "ike-release": IKERelease}[name]
    return ike(iterations=iterations).training(task, scale, precision)


if __name__ == "__main__":
    main()
