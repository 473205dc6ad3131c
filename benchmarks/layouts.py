"""Time a training step with the upscalers' images lying channel by channel, and channels last; fp32, one thread.

    python benchmarks/layouts.py

CPU seconds of this process, the two layouts in turns, median after a warm-up. What is the faster on a CPU belongs into
`CPU_FORMATS` of `baselines/zeroshot/conv_stack.py`.
"""

import statistics
from unittest.mock import patch

import click
import torch
from step_seconds import WARM_UP, own_step, photograph, step_seconds
from trainings import build

from baselines.zeroshot import conv_stack
from ikebench.engines.contract import keep_memory

FORMATS = {"channel by channel": torch.contiguous_format, "channels last": torch.channels_last}


@click.command()
@click.option("--methods", default="zssr,dualsr,ike", show_default=True)
@click.option("--repetitions", default=6, show_default=True)
def main(methods: str, repetitions: int) -> None:
    """Print a Markdown table."""
    keep_memory()
    torch.set_num_threads(1)
    capability = torch.backends.cpu.get_cpu_capability()
    print(
        f"Seconds per iteration at x2 with {capability}.\n\n| method | {' | '.join(FORMATS)} |\n| --- | ---: | ---: |"
    )
    for name in methods.split(","):
        training = build(name, 2, repetitions + WARM_UP, photograph(), "fp32")
        drawn = training.draw(0)
        seconds: dict[str, list[float]] = {layout: [] for layout in FORMATS}
        for index in range(repetitions + WARM_UP):
            inputs = {key: values[index] for key, values in drawn.items()}
            for layout, memory_format in FORMATS.items():
                with patch.dict(conv_stack.CPU_FORMATS, {capability: memory_format}):
                    seconds[layout].append(step_seconds(own_step(training), inputs, index))
        medians = (statistics.median(values[WARM_UP:]) for values in seconds.values())
        print(f"| {name} | {' | '.join(f'{median:.3f}' for median in medians)} |", flush=True)


if __name__ == "__main__":
    main()
