"""Draw the figures of docs/ike.md and print its tables.

    python benchmarks/plot_ike.py --curves docs/ike --ablation WORKSPACE -o docs

Reads `<image>_<kind>.csv` of ike_curve.py and the workspace of ike_ablation.sh.
"""

from pathlib import Path

import click
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd

from ikebench.scoring.metrics import PROTOCOLS
from ikebench.store import Workspace, read_table

Folder = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.option("--curves", type=Folder, required=True)
@click.option("--ablation", type=Folder, required=True, help="Workspace of ike_ablation.sh.")
@click.option("-o", "--output", type=Folder, required=True)
def main(curves: Path, ablation: Path, output: Path) -> None:
    """Draw both figures and print both tables as Markdown."""
    files = sorted(curves.glob("*_*.csv"))
    draw_curves({file.stem: pd.read_csv(file) for file in files}, output / "ike-curves.png")
    for file in files:
        print(f"\n{file.stem}\n\n{curve_table(pd.read_csv(file))}")
    scores = read_table(Workspace(ablation).scores_table)
    draw_ablation(scores, output / "ike-ablation.png")
    print(f"\nablation\n\n{ablation_table(scores)}")


def draw_curves(curves: dict[str, pd.DataFrame], path: Path) -> None:
    """Draw PSNR over iterations, a panel for each LR kind, a colour for each protocol, bicubic as a dashed line."""
    figure, panels = plt.subplots(1, len(curves), figsize=(5.2 * len(curves), 3.6), layout="constrained", squeeze=False)
    for panel, (name, curve) in zip(panels[0], curves.items(), strict=True):
        image, kind = name.rsplit("_", 1)
        bicubic, trained = curve[curve["method"] == "bicubic"].iloc[0], curve[curve["method"] == "ike"]
        for index, protocol in enumerate(PROTOCOLS):
            column = f"psnr_{protocol}"
            panel.plot(trained["iteration"], trained[column], "o-", color=f"C{index}", ms=4, label=f"IKE, {protocol}")
            panel.axhline(bicubic[column], color=f"C{index}", ls="--", lw=1, label=f"bicubic, {protocol}")
        panel.set(title=f"{image}, {kind} LR, x2", xlabel="iteration", ylabel="PSNR (dB)")
        panel.grid(alpha=0.3)
    panels[0][-1].legend(fontsize=8)
    figure.savefig(path, dpi=110)


def draw_ablation(scores: pd.DataFrame, path: Path) -> None:
    """Draw each variant's PSNR minus bicubic's, for each LR kind."""
    gains = ablation_gains(scores)
    figure, panel = plt.subplots(figsize=(8, 0.42 * len(gains) + 1.2), layout="constrained")
    for offset, kind in zip((0.2, -0.2), gains.columns, strict=True):
        panel.barh([row + offset for row in range(len(gains))], gains[kind], height=0.38, label=f"{kind} LR")
    panel.set_yticks(range(len(gains)), gains.index)
    panel.axvline(0, color="black", lw=1)
    panel.invert_yaxis()
    panel.set_xlabel("PSNR minus bicubic's (dB, RGB, nothing shaved)")
    panel.grid(axis="x", alpha=0.3)
    panel.legend()
    figure.savefig(path, dpi=110)


def ablation_gains(scores: pd.DataFrame) -> pd.DataFrame:
    """Give method x kind -> dB above bicubic."""
    table = scores.pivot_table(index="method", columns="kind", values="psnr_ike", sort=False)
    gains = (table - table.loc["bicubic"]).drop(index="bicubic")
    return gains.sort_values(by=list(gains.columns)[-1], ascending=False)


def curve_table(curve: pd.DataFrame) -> str:
    """Render a curve as Markdown: PSNR / SSIM under every protocol."""
    lines = [f"| iteration | {' | '.join(PROTOCOLS)} |", "| ---: |" + " ---: |" * len(PROTOCOLS)]
    for row in curve.to_dict("records"):
        label = "bicubic" if row["method"] == "bicubic" else f"{row['iteration']:.0f}"
        cells = [f"{row[f'psnr_{name}']:.2f} / {row[f'ssim_{name}']:.4f}" for name in PROTOCOLS]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(lines)


def ablation_table(scores: pd.DataFrame) -> str:
    """Render the ablation as Markdown: PSNR, gain over bicubic and shift, for each LR kind."""
    kinds = sorted(scores["kind"].unique())
    heads = [f"{kind}: PSNR | against bicubic | shift y, x (px)" for kind in kinds]
    lines = [f"| variant | {' | '.join(heads)} |", "| --- |" + " ---: |" * (3 * len(kinds))]
    cells = scores.set_index(["method", "kind"])
    for method in ["bicubic", *ablation_gains(scores).index]:
        texts = []
        for kind in kinds:
            row = cells.loc[(method, kind)]
            gain = row["psnr_ike"] - cells.loc[("bicubic", kind), "psnr_ike"]
            texts.append(f"{row['psnr_ike']:.2f} | {gain:+.2f} | {row['shift_y']:+.2f}, {row['shift_x']:+.2f}")
        lines.append(f"| {method} | {' | '.join(texts)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
