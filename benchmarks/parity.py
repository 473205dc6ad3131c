"""Train on LR images that the official codes were run on, and compare: the figures of benchmarks/parity.md.

REFERENCE holds lr/<image>-<kind>.png, hr/<image>.png and aniso_kernel.npy.

    python benchmarks/parity.py REFERENCE --method dualsr --image urban004-aniso --seed 0 --at 250,500,750,1000

A row of benchmarks/parity/<method>.csv for every iteration of --at. One thread, as the official figures.
"""

import csv
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch

from baselines.contract import Precision, Task
from baselines.dualsr_training import DualSRTraining
from baselines.kernelgan import clean_kernel
from baselines.kernelgan_training import KernelGANTraining
from baselines.zeroshot.training import TrainingRun
from degradations.resample import imresize, quantise
from ikebench.catalog import configured, method_class
from ikebench.ike.release_training import ReleaseTraining
from ikebench.images import read_image, write_png
from ikebench.scoring.kernels import correlation
from ikebench.scoring.metrics import psnr, shave

SCALE = 2
SHAVED = 4  # px that some official figures leave out on every side
COLUMNS = (
    "image",
    "seed",
    "precision",
    "settings",
    "iteration",
    "psnr",
    "correlation",
    "seconds_per_iteration",
    "psnr_shave4",
)


@click.command()
@click.argument("reference", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--method", type=click.Choice(["dualsr", "kernelgan-zssr", "ike-release"]), required=True)
@click.option("--image", required=True, help="urban004-aniso, say.")
@click.option("--seed", default=0, show_default=True)
@click.option("--set", "settings", multiple=True, metavar="PARAMETER=VALUE", help="Change a parameter; quirks is all.")
@click.option("--precision", type=click.Choice(["fp32", "bf16"]), default="fp32", show_default=True)
@click.option("--at", default="250,500,750,1000", show_default=True, help="Iterations to look at; the last ends it.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("benchmarks/parity"), show_default=True)
def main(reference: Path, method: str, image: str, seed: int, precision: Precision, **options: Any) -> None:  # noqa: ANN401
    """Train METHOD on one image and append what it gives along the way."""
    torch.set_num_threads(1)
    stops = [int(stop) for stop in options["at"].split(",")]
    out: Path = options["out"]
    hr = read_image(reference / "hr" / f"{image.split('-')[0]}.png")
    lr = read_image(reference / "lr" / f"{image}.png")
    kernel_file = reference / "aniso_kernel.npy"
    truth = np.load(kernel_file) if image.endswith("aniso") else None
    values = {"quirks": "all"} | dict(setting.split("=", 1) for setting in options["settings"])
    shown = ",".join(f"{name}={value}" for name, value in values.items())
    configuration = configured(method_class(method), method, values | {"iterations": str(stops[-1])})
    task = Task(torch.from_numpy(lr).permute(2, 0, 1)[None].float() / 255, seed=seed)
    training = training_of(method)(configuration, task, precision)
    run = TrainingRun(training, task)
    print(f"bicubic (Keys, a = -0.5): {rgb_psnr(quantise(imresize(lr, SCALE)), hr):.3f} dB", flush=True)
    for stop in stops:
        before, started = run.iteration, time.process_time()
        run.advance(stop)
        seconds = (time.process_time() - started) / (stop - before)
        row: dict[str, Any] = {"image": image, "seed": seed, "precision": precision, "settings": shown}
        row["iteration"] = stop
        row["seconds_per_iteration"] = round(seconds, 4)
        if truth is not None and hasattr(training, "kernel"):
            row["correlation"] = correlation(estimated_kernel(training), truth)
        if hasattr(training, "restore"):
            sr = quantise(training.restore()[0].permute(1, 2, 0).double().numpy() * 255)
            row |= {"psnr": rgb_psnr(sr, hr), "psnr_shave4": rgb_psnr(sr, hr, SHAVED)}
            write_png(out / f"{method}_{image}_{shown}_{precision}_seed{seed}_{stop}.png", sr)
        keep(out / f"{method}.csv", row)


def training_of(method: str) -> Callable[[Any, Task, Precision], Any]:
    """Give the training of a method."""
    if method == "dualsr":
        return DualSRTraining
    if method == "kernelgan-zssr":
        return lambda configuration, task, precision: KernelGANTraining(configuration, task)  # fp32 alone
    return lambda configuration, task, precision: ReleaseTraining(configuration, task, SCALE, precision)


def estimated_kernel(training: DualSRTraining | KernelGANTraining) -> np.ndarray:
    """Give the kernel as the method gives it out: KernelGAN cleans it."""
    kernel = training.kernel().double().numpy()
    if isinstance(training, KernelGANTraining):
        return clean_kernel(kernel, training.kernelgan.kept_values, training.kernelgan.cut_share)
    return kernel


def rgb_psnr(sr: np.ndarray, hr: np.ndarray, border: int = 0) -> float:
    """PSNR on RGB in dB, `border` px left out on every side; HR is cut to the size of the SR."""
    return psnr(shave(sr, border), shave(hr[: sr.shape[0], : sr.shape[1]], border))


def keep(path: Path, row: dict[str, Any]) -> None:
    """Append a row, and show it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = not path.exists()
    shown = {column: round(value, 3) if isinstance(value, float) else value for column, value in row.items()}
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(shown)
    print(shown, flush=True)


if __name__ == "__main__":
    main()
