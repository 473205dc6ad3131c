"""What DualSR's upscaler makes of a downscaler that is held: the experiments of benchmarks/parity.md.

    python benchmarks/dualsr_kernel.py REFERENCE --true                    # the true kernel, from the start
    python benchmarks/dualsr_kernel.py REFERENCE --true --bright-until 200  # 2.7 times too bright at first
    python benchmarks/dualsr_kernel.py REFERENCE --true --flicker 0.1         # of another brightness at every look
    python benchmarks/dualsr_kernel.py REFERENCE --hold KERNEL.mat            # another kernel, from the start
    python benchmarks/dualsr_kernel.py REFERENCE --still-from 600 --set sparsity_floor=1e-4
    python benchmarks/dualsr_kernel.py REFERENCE --spread 4                   # other initial weights, nothing held
    python benchmarks/dualsr_kernel.py REFERENCE --gain 0.1                   # KernelGAN's initial weights

REFERENCE as for benchmarks/parity.py; urban004-aniso, quirks on, one thread. Says at every --at the PSNR, the kernel's
correlation with the truth, and over the iterations since 40 before how far the kernel moved in one (of its norm), the
standard deviation of its sum, and its mean centre of mass (wanted: 6.5, 6.5).
"""

from pathlib import Path

import click
import numpy as np
import scipy.io
import torch
from parity import rgb_psnr
from scipy.ndimage import center_of_mass, shift
from torch import Tensor

from baselines import dualsr as dualsr_module
from baselines.contract import Task
from baselines.dualsr import SCALE, DualSR, DualSRTraining
from baselines.zeroshot.conv_stack import Draw, xavier_normal
from baselines.zeroshot.downscaler import KERNEL_SIDE
from baselines.zeroshot.training import TrainingRun
from degradations.resample import kernel_centre, quantise
from ikebench.catalog import configured
from ikebench.image_files import read_image
from ikebench.kernels import correlation

IMAGE = "urban004"
BRIGHTNESS = 2.7  # what the quirk channel-sum makes of the kernel's sum
LOOK_BACK = 40  # iterations over which the motion is taken; the last half of them make the still kernel


@click.command()
@click.argument("reference", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--true", "use_truth", is_flag=True, help="Hold the true kernel from the start.")
@click.option("--bright-until", default=0, show_default=True, help="With --true: 2.7 times too bright until then.")
@click.option(
    "--hold", "kernel_file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Hold this one."
)
@click.option("--flicker", default=0.0, show_default=True, help="Standard deviation of a held kernel's sum.")
@click.option("--spread", default=1.0, show_default=True, help="Initial weights of G_DN: N(1 / n, spread / n).")
@click.option("--gain", default=None, type=float, help="Initial weights of G_DN: Xavier-normal of this gain, instead.")
@click.option("--still-from", default=None, type=int, help="Hold the mean of the last kernels from then on.")
@click.option("--set", "settings", multiple=True, metavar="PARAMETER=VALUE")
@click.option("--seed", default=0, show_default=True)
@click.option("--at", default="100,200,250,300,400,500,750,1000", show_default=True)
def main(  # noqa: PLR0913 (an option each)
    reference: Path,
    use_truth: bool,
    bright_until: int,
    kernel_file: Path | None,
    flicker: float,
    spread: float,
    gain: float | None,
    still_from: int | None,
    settings: tuple[str, ...],
    seed: int,
    at: str,
) -> None:
    """Train, and print a line at every --at."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)  # of the flicker
    stops = sorted(map(int, at.split(",")))
    values = {"quirks": "all"} | dict(setting.split("=", 1) for setting in settings)
    dualsr: DualSR = configured(DualSR, "dualsr", values | {"iterations": str(max(1000, stops[-1]))})
    lr, hr = read_image(reference / "lr" / f"{IMAGE}-aniso.png"), read_image(reference / "hr" / f"{IMAGE}.png")
    truth = np.load(reference / "aniso_kernel.npy")
    held = placed(truth) if use_truth else None if kernel_file is None else read_kernel(kernel_file)
    draw = spread_normal(spread) if gain is None else xavier_normal(gain)
    dualsr_module.normal_around_mean = draw  # type: ignore[attr-defined]
    task = Task(torch.from_numpy(lr).permute(2, 0, 1)[None].float() / 255, seed=seed)
    training = DualSRTraining(dualsr, task)
    run, recent = TrainingRun(training, task), []
    for iteration in range(1, stops[-1] + 1):
        if held is not None:
            hold(training, held * (BRIGHTNESS if iteration <= bright_until else 1), flicker)
        if still_from is not None and iteration == still_from + 1:
            mean = torch.stack(recent[-LOOK_BACK // 2 :]).mean(0)
            hold(training, mean / mean.sum())
        run.advance(iteration)
        with torch.no_grad():
            recent = [*recent[-LOOK_BACK + 1 :], training.down.kernel()]
        if iteration in stops:
            sr = quantise(training.restore()[0].permute(1, 2, 0).double().numpy() * 255)
            found = correlation(training.kernel().double().numpy(), truth)
            print(f"{iteration:5} {rgb_psnr(sr, hr):.2f} dB, correlation {found:.3f}, {motion(recent)}", flush=True)


def hold(training: DualSRTraining, kernel: Tensor, flicker: float = 0) -> None:
    """Let the downscaler be this kernel, whatever its weights; `flicker` is the standard deviation of its sum."""
    # Its weights have no say in the losses now; `allow_unused` in `descend` leaves them as they are.
    training.down.kernel = lambda: kernel * (1 + flicker * torch.randn(()))  # type: ignore[method-assign,assignment]


def read_kernel(path: Path) -> Tensor:
    """Read a kernel as DualSR and KernelGAN write it, .mat or .npy; its sum becomes 1."""
    kernel = np.load(path) if path.suffix == ".npy" else scipy.io.loadmat(path)["Kernel"]
    return torch.from_numpy(kernel / kernel.sum()).float()


def spread_normal(spread: float) -> Draw:
    """Give draws of N(1 / n, spread / n), n = fan-in: DualSR's own for a spread of 1."""

    def draw(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        fan_in = np.prod(shape[1:])
        return (1 + spread * torch.randn(shape, generator=generator)) / fan_in

    return draw


def placed(truth: np.ndarray) -> Tensor:
    """Place the true kernel in G_DN's window, its centre of mass where the regularisers want it; sum 1."""
    border = (KERNEL_SIDE - len(truth)) // 2
    kernel = np.pad(truth, border)
    wanted = kernel_centre(KERNEL_SIDE, SCALE, "kernelgan")
    kernel = shift(kernel, wanted - np.array(center_of_mass(kernel)), order=3)
    return torch.from_numpy(kernel / kernel.sum()).float()


def motion(kernels: list[Tensor]) -> str:
    """Say how far the kernel moves in an iteration, in percent of its norm, its sum's scatter, its centre."""
    if len(kernels) < 2:
        return "no motion yet"
    stacked = torch.stack(kernels)
    steps = (stacked[1:] - stacked[:-1]).flatten(1).norm(dim=1).mean() / stacked.mean(0).norm()
    centre_y, centre_x = np.mean([center_of_mass(kernel.numpy()) for kernel in kernels], axis=0)
    scatter = stacked.sum((1, 2)).std()
    return f"moves by {100 * steps:.1f} %, sum scatters by {100 * scatter:.1f} %, centre {centre_y:.2f}, {centre_x:.2f}"


if __name__ == "__main__":
    main()
