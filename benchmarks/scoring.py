"""Time and memory of scoring an image, in strips and in one piece, and of `correlate` against its plain formula.

    python benchmarks/scoring.py --out benchmarks/scoring

Photographs that come with scikit-image, tiled. Each case runs in a process of its own, which has loaded the images and
scored a small pair before: MiB are its peak memory less what it held then, CPU seconds the least of several calls.
Writes OUT.md.
"""

import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import TypeVar

import click
import cv2
import numpy as np
import skimage.data

from degradations import resample
from ikebench.catalog import PAPER_KINDS, kind_class
from ikebench.scoring import metrics, registration
from ikebench.scoring.stretch import stretch
from reports.protocols import PROTOCOLS

SIZES = {"256 px": (256, 256), "2K": (1356, 2040), "12 MP": (3000, 4000), "24 MP": (4000, 6000)}
STRIPS = ((metrics, "STRIP_PIXELS"), (registration, "SPLINE_STRIP_PIXELS"), (registration, "LUMA_STRIP_PIXELS"))
KERNEL_SIDE = 15
SCALE = 2
WARM = 64  # pixels of a side

T = TypeVar("T")


@dataclass(frozen=True)
class Cost:
    """What a call costs.

    Attributes:
        seconds: CPU time.
        mebibytes: peak memory of the process, less what it held before.
    """

    seconds: float
    mebibytes: float


BEFORE = {
    "2K": {"score_pair": Cost(1.28, 673), "register": Cost(0.63, 221), "correlate": Cost(6.14, 254)},
    "12 MP": {"score_pair": Cost(7.17, 2925), "register": Cost(3.61, 870), "correlate": Cost(28.54, 1101)},
}
"""The modules of commit b754aa9, without strips, called as the cases are and right after them; quoted."""


@click.command()
@click.option("--sizes", default="256 px,2K,12 MP", show_default=True, help=f"Of {', '.join(SIZES)}.")
@click.option("--repetitions", default=2, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("benchmarks/scoring"), show_default=True)
def main(sizes: str, repetitions: int, out: Path) -> None:
    """Measure, then write a Markdown table."""
    costs = {}
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes.split(","):
            in_own_process(save_pair, size, Path(folder))
            for case in CASES:
                costs[size, case] = in_own_process(measure, case, Path(folder), repetitions)
                click.echo(f"{size}, {case}: {costs[size, case]}", err=True)
    out.with_suffix(".md").write_text(as_markdown(costs, " ".join(["python benchmarks/scoring.py", *sys.argv[1:]])))


def in_own_process(work: Callable[..., T], *arguments: object) -> T:
    """Call in a new process. This one stays small: a child's peak memory starts at what its parent holds."""
    with ProcessPoolExecutor(1, get_context("spawn")) as processes:
        return processes.submit(work, *arguments).result()


def save_pair(size: str, folder: Path) -> None:
    """Save SR and HR: photographs tiled, and the same blurred and half a pixel further down and right."""
    height, width = SIZES[size]
    photographs = [
        image[:300, :400] for image in (skimage.data.astronaut(), skimage.data.coffee(), skimage.data.chelsea())
    ]
    strip = np.hstack([photographs[index % 3] for index in range(-(-width // 400))])[:, :width]
    hr = np.vstack([np.roll(strip, 400 * index, axis=1) for index in range(-(-height // 300))])[:height]
    shift = np.array([[1, 0, 0.5], [0, 1, 0.5]])
    sr = cv2.warpAffine(cv2.GaussianBlur(hr, (0, 0), 1.0), shift, (width, height), borderMode=cv2.BORDER_REFLECT_101)
    np.save(folder / "sr.npy", sr)
    np.save(folder / "hr.npy", hr)


def measure(case: str, folder: Path, repetitions: int) -> Cost:
    """Give the cost of one case on the saved pair."""
    prepare, call = CASES[case]
    prepare()
    sr, hr = (np.load(folder / f"{name}.npy") for name in ("sr", "hr"))
    call(sr[:WARM, :WARM], hr[:WARM, :WARM])
    before = resident()
    seconds = []
    for _ in range(repetitions):
        started = time.process_time()
        call(sr, hr)
        seconds.append(time.process_time() - started)
    return Cost(min(seconds), getrusage(RUSAGE_SELF).ru_maxrss / 1024 - before)


def resident() -> float:
    """Give the MiB that this process holds; its peak so far may lie above, and then growth is overstated."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def processor() -> str:
    """Name the CPU."""
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return names[0].partition(":")[2].strip() if names else platform.machine()


def as_shipped() -> None:
    """Leave the strips as they are."""


def in_one_piece() -> None:
    """Make every strip the whole image."""
    for module, name in STRIPS:
        setattr(module, name, sys.maxsize)


def score_pair(sr: np.ndarray, hr: np.ndarray) -> None:
    """PSNR and SSIM."""
    metrics.score_pair(sr, hr, SCALE)


def register(sr: np.ndarray, hr: np.ndarray) -> None:
    """Shift and registered PSNR."""
    registration.register(sr, hr, SCALE)


def stretched(sr: np.ndarray, hr: np.ndarray) -> None:
    """Shifts of blocks, once that of the whole is known."""
    stretch(sr, hr, np.array([0.5, 0.5]), limit=PROTOCOLS["ntire17"].border(SCALE))


def degrade_again(kind: str, sr: np.ndarray, hr: np.ndarray) -> None:
    """Degrade the SR as LR consistency does."""
    kind_class(kind)()(sr, SCALE, np.random.Generator(np.random.PCG64(0)))


def correlate(sr: np.ndarray, hr: np.ndarray) -> None:
    """Filter HR with a Gaussian."""
    resample.correlate(hr, gaussian())


def plain_correlate(sr: np.ndarray, hr: np.ndarray) -> None:
    """Filter HR with the same Gaussian, by the formula."""
    kernel, (height, width) = gaussian(), hr.shape[:2]
    radius = KERNEL_SIDE // 2
    padded = np.pad(hr.astype(np.float64), ((radius, radius), (radius, radius), (0, 0)), mode="symmetric")
    total = np.zeros(hr.shape)
    for (u, v), weight in np.ndenumerate(kernel):
        total += weight * padded[u : u + height, v : v + width]


def gaussian() -> np.ndarray:
    """Give the kernel, sigma 2."""
    taps = cv2.getGaussianKernel(KERNEL_SIDE, 2.0, cv2.CV_64F)
    return taps @ taps.T


CASES: dict[str, tuple[Callable[[], None], Callable[[np.ndarray, np.ndarray], None]]] = {
    "score_pair, in strips": (as_shipped, score_pair),
    "score_pair, in one piece": (in_one_piece, score_pair),
    "register, in strips": (as_shipped, register),
    "register, in one piece": (in_one_piece, register),
    "stretch": (as_shipped, stretched),
    **{f"LR consistency, {kind}": (as_shipped, partial(degrade_again, kind)) for kind in PAPER_KINDS},
    f"correlate, {KERNEL_SIDE}x{KERNEL_SIDE}, in strips": (as_shipped, correlate),
    f"correlate, {KERNEL_SIDE}x{KERNEL_SIDE}, plain formula": (as_shipped, plain_correlate),
}
"""Case -> what is set up in its process, and what is measured."""


def as_markdown(costs: dict[tuple[str, str], Cost], command: str) -> str:
    """Lay out the table."""
    sizes = list(dict.fromkeys(size for size, _ in costs))
    lines = [
        "# Scoring",
        "",
        f"`{command}` on {processor()}, {len(os.sched_getaffinity(0))} cores.",
        "",
        "CPU seconds of a call (the least of several); peak memory less what the process held before, images and all.",
        "",
        "| | " + " | ".join(f"{size}, s | MiB" for size in sizes) + " |",
        "| --- |" + " ---: |" * 2 * len(sizes),
    ]
    for case in CASES:
        cells = [f"{cost.seconds:.2f} | {cost.mebibytes:.0f}" for cost in (costs[size, case] for size in sizes)]
        lines.append(f"| {case} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "Before there were strips (the modules of commit b754aa9 in their place, in processes like the above, on an",
        "Intel Xeon with AVX-512 whose two cores were shared with other work; quoted, not measured in this run):",
        "",
        "| | " + " | ".join(f"{size}, s | MiB" for size in BEFORE) + " |",
        "| --- |" + " ---: |" * 2 * len(BEFORE),
    ]
    for name in BEFORE["2K"]:
        cells = [f"{costs[name].seconds:.2f} | {costs[name].mebibytes:.0f}" for costs in BEFORE.values()]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
