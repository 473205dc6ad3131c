"""Draw the curves of IKE's course and print them as tables.

    python benchmarks/plot_ike.py --curves docs/ike -o docs

Reads `<image>_<kind>.csv` of ike_curve.py.
"""

from pathlib import Path

import click
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd

from reports.protocols import PROTOCOLS

Folder = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.option("--curves", type=Folder, required=True)
@click.option("-o", "--output", type=Folder, required=True)
def main(curves: Path, output: Path) -> None:
    """Draw the figure and print the tables as Markdown."""
    files = sorted(curves.glob("*_*.csv"))
    draw_curves({file.stem: pd.read_csv(file) for file in files}, output / "ike-curves.png")
    for file in files:
        print(f"\n{file.stem}\n\n{curve_table(pd.read_csv(file))}")


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


def curve_table(curve: pd.DataFrame) -> str:
    """Render a curve as Markdown: PSNR / SSIM under every protocol."""
    lines = [f"| iteration | {' | '.join(PROTOCOLS)} |", "| ---: |" + " ---: |" * len(PROTOCOLS)]
    for row in curve.to_dict("records"):
        label = "bicubic" if row["method"] == "bicubic" else f"{row['iteration']:.0f}"
        cells = [f"{row[f'psnr_{name}']:.2f} / {row[f'ssim_{name}']:.4f}" for name in PROTOCOLS]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
