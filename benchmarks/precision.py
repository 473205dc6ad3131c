"""What reduced precision costs: the same images, the same seed, float32 and bf16, scored and compared.

    python benchmarks/precision.py HR_FOLDER WORKSPACE --iterations 1000

Runs `ikebench` itself, so it goes on where it was stopped. Prints the table of benchmarks/precision.md: PSNR on RGB,
nothing shaved (protocol ike).
"""

import subprocess
import sys
from pathlib import Path

import click
import pandas as pd

SCORE = "psnr_ike"


@click.command()
@click.argument("hr", type=click.Path(exists=True, path_type=Path))
@click.argument("workspace", type=click.Path(path_type=Path))
@click.option("--methods", default="ike,dualsr,kernelgan-zssr", show_default=True)
@click.option("--kind", default="gaussian", show_default=True, help="Degradation; at x2.")
@click.option("--precision", default="bf16", show_default=True)
@click.option("--limit", default=4, show_default=True, help="Images.")
@click.option("--iterations", default=1000, show_default=True)
@click.option("--device", default="auto", show_default=True)
def main(  # noqa: PLR0913 (an option each)
    hr: Path, workspace: Path, methods: str, kind: str, precision: str, limit: int, iterations: int, device: str
) -> None:
    """Run METHODS in float32 and in another precision, and print how far the PSNR moves."""
    ikebench(workspace, "make-data", "--kind", kind, "--hr", str(hr), "--limit", str(limit))
    common = ["--kind", kind, "--iterations", str(iterations), "--device", device, "--methods"]
    ikebench(workspace, "run", *common, methods)
    for method in methods.split(","):
        ikebench(workspace, "run", *common, method, "--precision", precision, "--as", f"{method}-{precision}")
    scores = pd.read_parquet(workspace / "scores.parquet")
    print(f"| method | fp32 | {precision} | mean difference | largest |\n| --- | ---: | ---: | ---: | ---: |")
    for method in methods.split(","):
        print(comparison(scores, method, f"{method}-{precision}"))


def ikebench(workspace: Path, *arguments: str) -> None:
    """Run one step; ends this script where it fails."""
    command = [sys.executable, "-m", "ikebench", *arguments, "--workspace", str(workspace)]
    if subprocess.run(command).returncode != 0:
        raise SystemExit(f"failed: {' '.join(command)}")


def comparison(scores: pd.DataFrame, method: str, other: str) -> str:
    """Compare two results on the images that both have: a row of the table."""
    case = ["set", "image", "kind", "scale"]
    ok = scores[scores["status"] == "ok"]
    pairs = [ok[ok["method"] == name].set_index(case)[SCORE] for name in (method, other)]
    joined = pd.concat(pairs, axis=1, keys=["fp32", "other"], join="inner")
    difference = joined["other"] - joined["fp32"]
    largest = difference.loc[difference.abs().idxmax()]
    means = " | ".join(f"{joined[column].mean():.3f}" for column in joined)
    return f"| {method} | {means} | {difference.mean():+.3f} | {largest:+.3f} |"


if __name__ == "__main__":
    main()
