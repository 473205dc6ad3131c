"""Train IKE on one image and score it along the way: the curves of docs/ike.md.

    python benchmarks/ike_curve.py --hr HR.png --kind median --at 0,250,750,1500,3000 -o curve.csv

One thread, so that the seconds per iteration compare with the figures of the released code.
"""

import csv
import time
from pathlib import Path

import click
import torch

from baselines.contract import Task
from baselines.zeroshot.training import TrainingRun
from degradations.resample import cut_to_multiple, imresize, quantise
from ikebench.catalog import configured, kind_class
from ikebench.ike.method import IKE
from ikebench.ike.training import IKETraining
from ikebench.images import read_image, write_png
from ikebench.run.jobs import MAX_SEED
from ikebench.scoring.metrics import score_pair
from ikebench.seeds import derive_seed, lr_rng
from ikebench.settings import parse_overrides


@click.command()
@click.option("--hr", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True)
@click.option("--kind", default="median")
@click.option("--scale", type=click.Choice(["2", "4"]), default="2")
@click.option("--at", default="0,250,750,1500,3000", help="Iterations at which to score; the last ends it.")
@click.option("--set", "settings", multiple=True, metavar="NAME.FIELD=VALUE")
@click.option("--seed", default=0)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True)
def main(hr: Path, kind: str, scale: str, at: str, settings: tuple[str, ...], seed: int, output: Path) -> None:
    """Write a CSV row of scores for bicubic and for every iteration of --at, and the last SR image beside it."""
    torch.set_num_threads(1)
    stops = sorted(int(stop) for stop in at.split(","))
    overrides = parse_overrides(settings)
    factor = int(scale)
    truth = cut_to_multiple(read_image(hr), factor)
    degradation = configured(kind_class(kind), kind, overrides.get(kind, {}))
    lr = degradation(truth, factor, lr_rng(0, hr.stem, kind, factor)[1]).lr

    pixels = torch.from_numpy(lr).permute(2, 0, 1)[None].float() / 255
    task = Task(pixels, seed=derive_seed(seed, hr.stem, kind, factor) % MAX_SEED)  # as `ikebench run` seeds it
    ike = configured(IKE, "ike", {**overrides.get("ike", {}), "iterations": str(stops[-1])})
    training = IKETraining(ike, task, factor)
    run = TrainingRun(training, task)
    output.parent.mkdir(parents=True, exist_ok=True)
    with output.open("w", newline="") as file:
        writer = csv.DictWriter(
            file, ["method", "iteration", "seconds_per_iteration", *score_pair(truth, truth, factor)]
        )
        writer.writeheader()
        writer.writerow(csv_row("bicubic", None, None, score_pair(quantise(imresize(lr, factor)), truth, factor)))
        for stop in stops:
            trained, started = stop - run.iteration, time.perf_counter()
            run.advance(stop)
            seconds = (time.perf_counter() - started) / trained if trained else None
            sr = quantise(training.restore()[0].permute(1, 2, 0).numpy() * 255)
            writer.writerow(csv_row("ike", stop, seconds, score_pair(sr, truth, factor)))
            file.flush()
            write_png(output.with_suffix(".png"), sr)


def csv_row(
    method: str, iteration: int | None, seconds: float | None, scores: dict[str, float]
) -> dict[str, str | int | None]:
    """Round what goes into a row."""
    rounded = {name: f"{value:.4f}" for name, value in scores.items()}
    spent = None if seconds is None else f"{seconds:.3f}"
    return {"method": method, "iteration": iteration, "seconds_per_iteration": spent, **rounded}


if __name__ == "__main__":
    main()
