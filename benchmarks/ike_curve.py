"""Train IKE on one image and score it along the way: the curves of docs/ike.md.

    python benchmarks/ike_curve.py --hr HR.png --kind median --at 0,250,750,1500,3000 -o curve.csv

One thread, so that the seconds per iteration compare with the figures of the released code. If it was interrupted, it
goes on from the `.state` file beside the curve.
"""

import csv
import time
from pathlib import Path
from typing import Any

import click
import torch

from baselines.contract import Task
from baselines.zeroshot.training import TrainingRun
from degradations.resample import cut_to_multiple, imresize, quantise
from ikebench.catalog import configured, kind_class
from ikebench.ike.method import IKE, IKETraining
from ikebench.image_files import read_image, write_png
from ikebench.metrics import score_pair
from ikebench.seeds import derive_seed, lr_rng
from ikebench.settings import parse_overrides


class StateFile:
    """A checkpoint beside the curve."""

    every = 250

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> dict[str, Any] | None:
        """Read the state."""
        return torch.load(self.path, weights_only=True) if self.path.exists() else None

    def save(self, state: dict[str, Any]) -> None:
        """Write the state."""
        torch.save(state, self.path)


@click.command()
@click.option("--hr", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True)
@click.option("--kind", default="median")
@click.option("--scale", type=click.Choice(["2", "4"]), default="2")
@click.option(
    "--at", default="0,250,750,1500,3000", help="Iterations at which to score; the last is where training ends."
)
@click.option("--set", "settings", multiple=True, metavar="NAME.FIELD=VALUE")
@click.option("--seed", default=0)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True)
def main(hr: Path, kind: str, scale: str, at: str, settings: tuple[str, ...], seed: int, output: Path) -> None:
    """Write a CSV row of scores for every iteration of --at, bicubic first, and the last SR image beside it."""
    torch.set_num_threads(1)
    stops = sorted(int(stop) for stop in at.split(","))
    overrides = parse_overrides(settings)
    factor = int(scale)
    truth = cut_to_multiple(read_image(hr), factor)
    degradation = configured(kind_class(kind), kind, overrides.get(kind, {}))
    lr = degradation(truth, factor, lr_rng(0, hr.stem, kind, factor)[1]).lr

    values = {**overrides.get("ike", {}), "iterations": str(stops[-1])}
    task = Task(
        torch.from_numpy(lr).permute(2, 0, 1)[None].float() / 255,
        seed=derive_seed(seed, hr.stem, kind, factor) % 2**63,
        checkpoint=StateFile(output.with_suffix(".state")),
    )
    training = IKETraining(configured(IKE, "ike", values), task, factor)
    run = TrainingRun(training, task)
    new = not output.exists() or run.iteration == 0
    with output.open("w" if new else "a", newline="") as file:
        names = ["method", "iteration", "seconds_per_iteration"]
        writer = csv.DictWriter(file, [*names, *score_pair(truth, truth, factor)])
        if new:
            bicubic = quantise(imresize(lr, factor))
            writer.writeheader()
            writer.writerow(_row("bicubic", None, None, score_pair(bicubic, truth, factor)))
        for stop in stops[stops.index(0) if new and 0 in stops else 0 :]:
            if stop < run.iteration or (stop == run.iteration and not new):
                continue
            trained, started = stop - run.iteration, time.perf_counter()
            run.advance(stop)
            seconds = (time.perf_counter() - started) / trained if trained else None
            sr = quantise(training.restore()[0].permute(1, 2, 0).numpy() * 255)
            writer.writerow(_row("ike", stop, seconds, score_pair(sr, truth, factor)))
            file.flush()
    write_png(output.with_suffix(".png"), sr)
    output.with_suffix(".state").unlink(missing_ok=True)


def _row(method: str, iteration: int | None, seconds: float | None, scores: dict[str, float]) -> dict[str, object]:
    rounded = {name: f"{value:.4f}" for name, value in scores.items()}
    return {"method": method, "iteration": iteration, "seconds_per_iteration": seconds and f"{seconds:.3f}", **rounded}


if __name__ == "__main__":
    main()
