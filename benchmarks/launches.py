"""Count the operators that compute in a step of each training: what a GPU launches.

    python benchmarks/launches.py --scale 2

Counted on a CPU, discriminators in their form for GPUs. Views and allocations are left out, and so are operators that
only call others.
"""

import click
import torch
from step_seconds import photograph
from torch.profiler import ProfilerActivity, profile
from trainings import NAMES, build

from baselines.zeroshot import discriminator
from baselines.zeroshot.training import Training

IDLE = """_reshape_alias _unsafe_view alias as_strided detach empty empty_like empty_strided expand expand_as flatten
 lift_fresh narrow numpy_T mT permute reshape resize_ result_type select slice split split_with_sizes squeeze t to
 transpose unbind unflatten unfold unsqueeze view view_as contiguous"""
IDLE_NAMES = {f"aten::{name}" for name in IDLE.split()}
"""What computes nothing; where `reshape`, `contiguous` or `to` copy, their `copy_` counts."""


@click.command()
@click.option("--scale", type=click.Choice(["2", "4"]), default="2", show_default=True)
@click.option("--methods", default=",".join(NAMES), show_default=True)
def main(scale: str, methods: str) -> None:
    """Print a Markdown table."""
    torch.set_num_threads(1)
    discriminator.score_patches = discriminator.score_in_layers
    print(f"Operators that compute, a step at x{scale}, fp32.\n\n| method | operators |\n| --- | ---: |")
    for name in methods.split(","):
        print(f"| {name} | {operators(build(name, int(scale), 2, photograph(), 'fp32'))} |", flush=True)


def operators(training: Training) -> int:
    """Count the operators of a step that compute and call no other operator."""
    first, second = ({name: drawn[index] for name, drawn in training.draw(0).items()} for index in range(2))
    training.step(first)  # optimisers make their state
    with profile(activities=[ProfilerActivity.CPU]) as watch:
        training.step(second)
    return sum(
        event.name.startswith("aten::") and event.name not in IDLE_NAMES and _is_leaf(event) for event in watch.events()
    )


def _is_leaf(event: torch.autograd.profiler_util.FunctionEvent) -> bool:
    return all(child.name in IDLE_NAMES for child in event.cpu_children)


if __name__ == "__main__":
    main()
