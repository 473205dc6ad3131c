"""Time IKE's training step against the same step with its dense blocks run layer by layer, side by side in one run.

    python benchmarks/ike_step.py --scale 2

Same mathematics (tests/test_ike_network.py holds that), one thread, best of several interleaved repetitions.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import click
import skimage.data
import torch

from baselines.contract import Task
from ikebench.ike.method import IKE, IKETraining
from ikebench.ike.network import DenseBlock


@click.command()
@click.option("--scale", type=click.Choice(["2", "4"]), default="2", show_default=True)
@click.option("--repetitions", default=5, show_default=True)
@click.option("--device", default="cpu", show_default=True)
def main(scale: str, repetitions: int, device: str) -> None:
    """Print seconds per iteration of both forms and their ratio."""
    torch.set_num_threads(1)
    pixels = torch.from_numpy(skimage.data.astronaut()[:256, :256].copy()).permute(2, 0, 1)[None].to(device) / 255
    training = IKETraining(IKE(iterations=repetitions + 1), Task(pixels), int(scale))
    inputs = training.draw(0)
    steps = [{name: drawn[index] for name, drawn in inputs.items()} for index in range(repetitions + 1)]
    best = {"layered": float("inf"), "composed": float("inf")}
    for repetition, step in enumerate(steps):
        for form in best:
            seconds = timed_step(training, step, form)
            if repetition > 0:  # the first is the warm-up
                best[form] = min(best[form], seconds)
    for form, seconds in best.items():
        print(f"{form:10} {seconds:.3f} s per iteration")
    print(f"composed is {best['layered'] / best['composed']:.1f} times as fast at x{scale}")


def timed_step(training: IKETraining, inputs: dict[str, torch.Tensor], form: str) -> float:
    """Take one training step in one of the forms; gives its seconds."""
    with dense_blocks(form):
        started = time.perf_counter()
        training.step(inputs)
        if training.lr.is_cuda:
            torch.cuda.synchronize()
        return time.perf_counter() - started


@contextmanager
def dense_blocks(form: str) -> Iterator[None]:
    """Run dense blocks in a form for a while."""
    composed = DenseBlock.map
    if form == "layered":
        DenseBlock.map = lambda block: block.layered  # type: ignore[method-assign]
    try:
        yield
    finally:
        DenseBlock.map = composed  # type: ignore[method-assign]


if __name__ == "__main__":
    main()
