"""Everything about speed in one run: step timings, throughput, peak memory, and how close the machine's peak is.

    make bench                                   # or: python benchmarks/bench.py --out benchmarks/speed

Writes OUT.md and OUT.png. Every figure is measured in this run but the official codes' (quoted).
"""

import os
import platform
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from resource import RUSAGE_SELF, getrusage

import click
import matplotlib.pyplot as plt
import torch
from peaks import convolution_work, machine_peaks
from step_seconds import OFFICIAL, WARM_UP, form_seconds, photograph
from trainings import NAMES, build

from baselines.contract import Precision
from ikebench.engines.contract import keep_memory

ROUNDS = 2  # of throughput: one process and several take turns
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16")


@dataclass(frozen=True)
class Speed:
    """What was measured of one method.

    Attributes:
        seconds: CPU seconds per iteration in each form, one thread.
        gigaflop: floating-point operations of an iteration's convolutions and matrix products.
        alone: iterations per second of one process.
        together: of one process per core, all at once.
        mebibytes: peak memory of a process that trains one image.
    """

    seconds: dict[str, float]
    gigaflop: float
    alone: float
    together: float
    mebibytes: float


@click.command()
@click.option("--methods", default=",".join(NAMES), show_default=True)
@click.option("--repetitions", default=6, show_default=True)
@click.option("--workers", default=len(os.sched_getaffinity(0)), show_default="one per core")
@click.option("--window", default=15.0, show_default=True, help="Seconds over which throughput is taken.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("benchmarks/speed"), show_default=True)
def main(methods: str, repetitions: int, workers: int, window: float, out: Path) -> None:
    """Measure, then write a Markdown table and a plot."""
    torch.set_num_threads(1)
    peaks = {precision: machine_peaks(precision) for precision in PRECISIONS}
    speeds = {}
    for name in methods.split(","):
        seconds = form_seconds(name, 2, repetitions)
        work = convolution_work(build(name, 2, 1, photograph(), "fp32"))
        rounds = [(throughput(name, 1, window), throughput(name, workers, window)) for _ in range(ROUNDS)]
        alone, together = (statistics.mean(rate for rate, _ in measured) for measured in zip(*rounds, strict=True))
        speeds[name] = Speed(seconds, work, alone, together, mebibytes=rounds[0][0][1])
        click.echo(f"{name}: {speeds[name]}", err=True)
    command = " ".join(["python benchmarks/bench.py", *sys.argv[1:]])
    out.with_suffix(".md").write_text(as_markdown(speeds, peaks, workers, command))
    plot(speeds, out.with_suffix(".png"))


def throughput(name: str, processes: int, window: float) -> tuple[float, float]:
    """Give the iterations per second of `processes` trainings at once, and the largest peak memory of one in MiB."""
    keep_memory()
    context = get_context("spawn")
    crew = []
    for _ in range(processes):
        ours, theirs = context.Pipe()
        process = context.Process(target=_train, args=(theirs, name, window), daemon=True)
        process.start()
        theirs.close()  # or the end of a process that dies would not be seen
        crew.append((process, ours))
    for _, connection in crew:
        connection.recv()  # ready: networks built, warm
    for _, connection in crew:
        connection.send(None)
    counts, memory = zip(*(connection.recv() for _, connection in crew), strict=True)
    for process, _ in crew:
        process.join()
    return sum(counts), max(memory)


def _train(connection: Connection, name: str, window: float) -> None:
    torch.set_num_threads(1)
    training = build(name, 2, 50, photograph(), "fp32")
    inputs = [{key: drawn[index] for key, drawn in training.draw(0).items()} for index in range(WARM_UP)]
    for step in inputs:
        training.step(step)
    connection.send("ready")
    connection.recv()
    started, steps = time.perf_counter(), 0
    while time.perf_counter() - started < window:
        training.step(inputs[steps % WARM_UP])
        steps += 1
    connection.send((steps / (time.perf_counter() - started), getrusage(RUSAGE_SELF).ru_maxrss / 1024))


def as_markdown(speeds: dict[str, Speed], peaks: dict[str, dict[str, float]], workers: int, command: str) -> str:
    """Lay out the tables."""
    about = [
        "# Speed",
        "",
        f"`{command}` on {machine()}, torch {torch.__version__}, x2, a 256x256 LR photograph, one thread a process.",
        "",
        "Seconds per iteration (CPU seconds; forms take turns), and how many times as fast as the same step written",
        "plainly, layer by layer (`benchmarks/plain/`), and as the official code (quoted, fp32, a 2-core AVX-512 CPU).",
        "Taking turns chills the caches: a training alone, as under throughput below, is faster, the smallest most.",
        "",
        "KernelGAN knows fp32 alone.",
        "",
    ]
    between = [
        "",
        f"Throughput of fp32 in iterations per second, one process and {workers} at once; peak memory of a process;",
        "work of the convolutions and matrix products of one iteration, and the rate at which the whole iteration gets",
        "through it, in percent of that of a 64-channel 3x3 convolution, forward and backward, on the same machine.",
        "",
    ]
    ceilings = ["", "| peak, GFLOP/s, one thread | matmul | convolution |", "| --- | ---: | ---: |"]
    ceilings += [f"| {name} | {peak['matmul']:.0f} | {peak['convolution']:.0f} |" for name, peak in peaks.items()]
    return "\n".join([*about, *seconds_table(speeds), *between, *rates_table(speeds, peaks, workers), *ceilings, ""])


def seconds_table(speeds: dict[str, Speed]) -> list[str]:
    """Lay out the seconds per iteration."""
    lines = [
        "| method | fp32 | bf16 | layer by layer | layered / fp32, bf16 | official | official / fp32, bf16 |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, speed in speeds.items():
        ours = [speed.seconds.get(precision) for precision in PRECISIONS]
        plain, official = speed.seconds["plain"], OFFICIAL.get(name)
        seconds = " | ".join(f"{value:.4f}" if value else "-" for value in [*ours, plain])
        quoted = f"{official:g} | {ratios(official, ours)}" if official else "- | -"
        lines.append(f"| {name} | {seconds} | {ratios(plain, ours)} | {quoted} |")
    return lines


def rates_table(speeds: dict[str, Speed], peaks: dict[str, dict[str, float]], workers: int) -> list[str]:
    """Lay out throughput, memory and work."""
    lines = [
        "| method | 1 process | " + f"{workers} processes | ratio | MiB | GFLOP | fp32, % of peak | bf16, % of peak |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, speed in speeds.items():
        shares = " | ".join(
            f"{100 * speed.gigaflop / speed.seconds[precision] / peaks[precision]['convolution']:.0f}"
            if precision in speed.seconds
            else "-"
            for precision in PRECISIONS
        )
        rates = f"{speed.alone:.2f} | {speed.together:.2f} | {speed.together / speed.alone:.2f}"
        lines.append(f"| {name} | {rates} | {speed.mebibytes:.0f} | {speed.gigaflop:.1f} | {shares} |")
    return lines


def ratios(slow: float, ours: Sequence[float | None]) -> str:
    """Say how many times as fast as `slow` ours are, each that there is."""
    return ", ".join(f"{slow / seconds:.1f}" for seconds in ours if seconds)


def machine() -> str:
    """Name the CPU, with what it has for bfloat16."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    said = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    special = [flag for flag in said.get("flags", said.get("Features", "")).split() if "bf16" in flag]
    return f"{said.get('model name', platform.machine())} ({', '.join(special) or 'nothing for bfloat16'})"


def plot(speeds: dict[str, Speed], path: Path) -> None:
    """Draw the seconds per iteration of every form, a group of bars for each method."""
    figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
    forms = {"plain": "layer by layer", "fp32": "ikebench, fp32", "bf16": "ikebench, bf16"}
    for index, (form, label) in enumerate(forms.items()):
        bars = axes.bar(
            [place + 0.27 * (index - 1) for place, speed in enumerate(speeds.values()) if form in speed.seconds],
            [speed.seconds[form] for speed in speeds.values() if form in speed.seconds],
            0.25,
            label=label,
        )
        axes.bar_label(bars, fmt="%.2g", fontsize=7)
    axes.set_xticks(range(len(speeds)), list(speeds))
    axes.set_yscale("log")
    axes.set_ylabel("seconds per iteration, one thread")
    axes.legend()
    figure.savefig(path, dpi=150)
    plt.close(figure)


if __name__ == "__main__":
    main()
