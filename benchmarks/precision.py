"""What speed costs: the same images and seed in fp32, one image at a time, and in faster modes; scored and compared.

    python benchmarks/precision.py HR_FOLDER WORKSPACE                                          # bf16
    python benchmarks/precision.py HR_FOLDER WORKSPACE --modes bf16,tf32,captured,in-flight     # on a GPU

Runs `ikebench` itself, so it goes on where it was stopped. Prints the table of benchmarks/precision.md: PSNR on RGB,
nothing shaved (protocol ike).
"""

import subprocess
import sys
from pathlib import Path

import click
import pandas as pd

SCORE = "psnr_ike"

MODES = {  # what each adds to a run of one image at a time, in fp32, not captured
    "bf16": ["--in-flight", "1", "--precision", "bf16"],
    "tf32": ["--in-flight", "1", "--precision", "tf32"],
    "captured": ["--in-flight", "1"],
    "in-flight": ["--in-flight", "4"],
}
REFERENCE = ["--in-flight", "1", "--no-capture"]


@click.command()
@click.argument("hr", type=click.Path(exists=True, path_type=Path))
@click.argument("workspace", type=click.Path(path_type=Path))
@click.option("--methods", default="ike,dualsr,kernelgan-zssr", show_default=True)
@click.option("--modes", default="bf16", show_default=True, help=f"Of {', '.join(MODES)}.")
@click.option("--kind", default="gaussian", show_default=True, help="Degradation; at x2.")
@click.option("--limit", default=4, show_default=True, help="Images.")
@click.option("--iterations", default=1000, show_default=True)
@click.option("--device", default="auto", show_default=True)
@click.option("--workers", default=None, type=int, help="As of `ikebench run`.")
def main(  # noqa: PLR0913 (an option each)
    hr: Path,
    workspace: Path,
    methods: str,
    modes: str,
    kind: str,
    limit: int,
    iterations: int,
    device: str,
    workers: int | None,
) -> None:
    """Run METHODS in fp32 and in every mode, and print how far the PSNR moves."""
    names, chosen = methods.split(","), modes.split(",")
    if unknown := set(chosen) - set(MODES):
        raise click.BadParameter(f"{', '.join(unknown)}: give some of {', '.join(MODES)}", param_hint="--modes")
    ikebench(workspace, "make-data", "--kind", kind, "--hr", str(hr), "--limit", str(limit))
    run = ["run", "--kind", kind, "--iterations", str(iterations), "--device", device]
    run += ["--workers", str(workers)] if workers else []
    ikebench(workspace, *run, *REFERENCE, "--methods", methods)
    for name in names:
        for mode in chosen:
            ikebench(workspace, *run, *MODES[mode], "--methods", name, "--as", f"{name}-{mode}")
    scores = pd.read_parquet(workspace / "scores.parquet")
    print("| method | fp32, dB | " + " | ".join(f"{mode}: mean (largest)" for mode in chosen) + " |")
    print("| --- |" + " ---: |" * (1 + len(chosen)))
    for name in names:
        print(row(scores, name, chosen))


def ikebench(workspace: Path, *arguments: str) -> None:
    """Run one step; ends this script where it fails."""
    command = [sys.executable, "-m", "ikebench", *arguments, "--workspace", str(workspace)]
    if subprocess.run(command).returncode != 0:
        raise SystemExit(f"failed: {' '.join(command)}")


def row(scores: pd.DataFrame, method: str, modes: list[str]) -> str:
    """Compare a method's modes with its fp32 runs, on the images that both have: a row of the table."""
    case = ["set", "image", "kind", "scale"]
    ok = scores[scores["status"] == "ok"]
    psnr = {name: ok[ok["method"] == name].set_index(case)[SCORE] for name in (method, *labels(method, modes))}
    cells = [f"{psnr[method].mean():.3f}"]
    for label in labels(method, modes):
        difference = (psnr[label] - psnr[method]).dropna()
        largest = difference.loc[difference.abs().idxmax()]
        cells.append(f"{difference.mean():+.3f} ({largest:+.3f})")
    return f"| {method} | " + " | ".join(cells) + " |"


def labels(method: str, modes: list[str]) -> list[str]:
    """Give the names under which the modes of a method are run."""
    return [f"{method}-{mode}" for mode in modes]


if __name__ == "__main__":
    main()
