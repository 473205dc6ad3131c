"""Count the operators that compute in a step of each training: what a GPU launches.

    python benchmarks/launches.py --scale 2

Counted on a CPU, discriminators in their form for GPUs. Views and allocations are left out, and so are operators that
only call others; what is one kernel on a GPU counts once, whatever a CPU makes of it.
"""

import click
import torch
from step_seconds import photograph
from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity, profile
from trainings import NAMES, build

from baselines.zeroshot import discriminator
from baselines.zeroshot.training import Training

IDLE = """_reshape_alias _unsafe_view alias as_strided as_strided_ chunk contiguous detach empty empty_like
 empty_strided
 expand expand_as flatten lift_fresh mT movedim narrow numpy_T permute reshape resize_ resolve_conj resolve_neg
 result_type select slice split split_with_sizes squeeze t to transpose unbind unflatten unfold unsqueeze view
 view_as"""
IDLE_NAMES = {f"aten::{name}" for name in IDLE.split()}
"""What computes nothing; where `reshape`, `contiguous` or `to` copy, their `copy_` counts."""

WHOLE = ("aten::_foreach_", "aten::_fused_", "aten::native_batch_norm")
"""Beginnings of the names of what a CPU does tensor by tensor or piece by piece, and a GPU at once."""


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
    """Count the operators of a step that compute and call no other operator that does, and those of `WHOLE`."""
    first, second = ({name: drawn[index] for name, drawn in training.draw(0).items()} for index in range(2))
    training.step(first)  # optimisers make their state
    with profile(activities=[ProfilerActivity.CPU]) as watch:
        training.step(second)
    return sum(_computes(event) for event in watch.events())


def _computes(event: FunctionEvent) -> bool:
    if not event.name.startswith("aten::") or event.name in IDLE_NAMES or _is_part(event):
        return False
    return event.name.startswith(WHOLE) or all(child.name in IDLE_NAMES for child in event.cpu_children)


def _is_part(event: FunctionEvent) -> bool:
    """Say whether an operator of `WHOLE` called this one."""
    caller = event.cpu_parent
    return caller is not None and (caller.name.startswith(WHOLE) or _is_part(caller))


if __name__ == "__main__":
    main()
