"""What `ikebench run` tells before it starts rests on these: each method's effort, and how IKE compares with a product.

    python benchmarks/estimate.py

Prints a Markdown table of CPU seconds for the unit of `ikebench.run.jobs.cost` (a SR pixel of an iteration, or of the
image for methods that do not train on it), in fp32, one thread, and as multiples of IKE's: the `effort` of a method.
Trained networks have random weights. Forms take turns; the least of each counts. The last line is the share of a
float32 matrix product's rate that a step of IKE reaches (`SHARE_OF_PRODUCTS`).
"""

import time
from collections.abc import Callable

import click
import skimage.data
import torch
from trainings import NAMES, build

from baselines.bicubic import Bicubic
from baselines.contract import Task
from baselines.normalisation import Normalisation
from ikebench.catalog import METHODS, method_class
from ikebench.run.estimate import IKE_GFLOP_PER_COST, product_rate
from ikebench.run.jobs import cost

SIDE = 96  # LR px, for trained networks
TURNS = 3


@click.command()
def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    lr = torch.from_numpy(skimage.data.astronaut()[:256, :256].copy()).permute(2, 0, 1)[None].float() / 255
    works = {name: zero_shot(name, lr) for name in NAMES if name in METHODS}
    works |= {name: trained(name, lr) for name in METHODS if method_class(name).supervision == "supervised"}
    works["bicubic"] = (lambda: Bicubic()([Task(lr)], 2), cost(None, 2, *lr.shape[-2:]))
    seconds = {name: float("inf") for name in works}
    for _ in range(TURNS):
        for name, (work, units) in works.items():
            started = time.process_time()
            work()
            seconds[name] = min(seconds[name], (time.process_time() - started) / units)
    print("| method | CPU seconds for a million units | times IKE's |\n| --- | ---: | ---: |")
    for name, value in seconds.items():
        print(f"| {name} | {1e6 * value:.3g} | {value / seconds['ike']:.2g} |")
    share = IKE_GFLOP_PER_COST / seconds["ike"] / product_rate()
    print(f"\nShare of a product's {product_rate():.0f} GFLOP/s: {share:.2f}")


def zero_shot(name: str, lr: torch.Tensor) -> tuple[Callable[[], object], float]:
    """Give two training steps at x2, and their cost."""
    training = build(name, 2, 50, Task(lr), "fp32")
    drawn = training.draw(0)

    def work() -> None:
        for index in (0, 1):
            training.step({key: value[index] for key, value in drawn.items()})

    work()
    return work, cost(2, 2, *lr.shape[-2:])


def trained(name: str, lr: torch.Tensor) -> tuple[Callable[[], object], float]:
    """Give the enlargement of a small image by a network with random weights, and its cost."""
    method = method_class(name)()
    scale = method.scales[0]
    network = method.build(scale, Normalisation(255)).eval().to(memory_format=torch.channels_last)
    image = lr[..., :SIDE, :SIDE]

    def work() -> None:
        with torch.no_grad():
            network(image)

    return work, cost(None, scale, SIDE, SIDE)


if __name__ == "__main__":
    main()
