"""Time one training iteration of every zero-shot method at x2, one thread: the table of benchmarks/parity.md.

    python benchmarks/step_seconds.py

CPU seconds of this process, so that other work on the machine disturbs little; the median of several iterations after a
warm-up. The official figures are quoted (one thread of a 2-core AVX-512 CPU), not measured in this run.
"""

import statistics
import time

import click
import skimage.data
import torch

from baselines.contract import Precision, Task
from baselines.dualsr import DualSR, DualSRTraining
from baselines.kernelgan import KernelGANTraining, KernelGANZSSR
from baselines.zeroshot.training import Training
from baselines.zssr import ZSSR, ZSSRTraining
from degradations.resample import bicubic_kernel
from ikebench.ike.method import IKE
from ikebench.ike.release import IKERelease

SCALE = 2
OFFICIAL = {"kernelgan": 0.087, "dualsr": 1.46, "ike-release": 6.86}  # seconds per iteration
WARM_UP = 2


@click.command()
@click.option("--repetitions", default=10, show_default=True)
@click.option("--precision", type=click.Choice(["fp32", "bf16"]), default="fp32", show_default=True)
def main(repetitions: int, precision: Precision) -> None:
    """Print a Markdown table."""
    torch.set_num_threads(1)
    print(f"| method | s / iteration, {precision} | official code | ratio |\n| --- | ---: | ---: | ---: |")
    for name, training in trainings(repetitions + WARM_UP, precision).items():
        seconds = step_seconds(training, repetitions)
        official = OFFICIAL.get(name)
        quoted = f"{official:g} | {official / seconds:.1f}" if official else "- | -"
        print(f"| {name} | {seconds:.4f} | {quoted} |", flush=True)


def trainings(iterations: int, precision: Precision) -> dict[str, Training]:
    """Build every training on a 256x256 LR photograph."""
    pixels = torch.from_numpy(skimage.data.astronaut()[:256, :256].copy()).permute(2, 0, 1)[None] / 255
    task = Task(pixels)
    return {
        "kernelgan": KernelGANTraining(KernelGANZSSR(iterations=iterations), task),
        "zssr": ZSSRTraining(ZSSR(iterations=iterations), task, SCALE, bicubic_kernel(SCALE), precision),
        "dualsr": DualSRTraining(DualSR(iterations=iterations), task, precision),
        "ike": IKE(iterations=iterations).training(task, SCALE, precision),
        "ike-release": IKERelease(iterations=iterations).training(task, SCALE, precision),
    }


def step_seconds(training: Training, repetitions: int) -> float:
    """Give the median CPU seconds of one step; the drawing of crops is shared by the iterations of a chunk."""
    inputs = training.draw(0)
    seconds = []
    for index in range(repetitions + WARM_UP):
        step = {name: drawn[index] for name, drawn in inputs.items()}
        started = time.process_time()
        training.step(step)
        seconds.append(time.process_time() - started)
    return statistics.median(seconds[WARM_UP:])


if __name__ == "__main__":
    main()
