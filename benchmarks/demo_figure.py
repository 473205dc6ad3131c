"""Draw the picture of the README from the workspace that `make demo` leaves.

python benchmarks/demo_figure.py --workspace demo -o docs/demo.png
"""

from pathlib import Path

import click
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd

from ikebench.images import read_image
from ikebench.store import Workspace, hr_path, lr_path, read_table


@click.command()
@click.option("--workspace", type=click.Path(exists=True, file_okay=False, path_type=Path), default=Path("demo"))
@click.option("--kind", default="median", show_default=True)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True)
def main(workspace: Path, kind: str, output: Path) -> None:
    """Draw a row for each photograph: HR, LR, and every method's SR with its PSNR."""
    scores = read_table(Workspace(workspace).scores_table)
    scores = scores[(scores["set"] == "demo") & (scores["kind"] == kind) & (scores["scale"] == 2)]
    rows = {image: picture_row(image, group) for image, group in scores.groupby("image")}
    figure, panels = plt.subplots(len(rows), len(next(iter(rows.values()))), figsize=(11, 5.8), layout="constrained")
    for line, pictures in zip(panels, rows.values(), strict=True):
        for panel, (title, path) in zip(line, pictures, strict=True):
            panel.imshow(read_image(workspace / path), interpolation="nearest")
            panel.set_title(title, fontsize=10)
            panel.axis("off")
    figure.savefig(output, dpi=90)


def picture_row(image: str, scores: pd.DataFrame) -> list[tuple[str, str]]:
    """Give titles and files of one photograph."""
    pictures = [("HR", hr_path("demo", image)), ("LR", lr_path("demo", scores["kind"].iloc[0], 2, image))]
    for row in scores.sort_values("method").to_dict("records"):
        trained = "" if pd.isna(row["iterations"]) else f", {row['iterations']} iterations"
        title = f"{row['method']}{trained}: {row['psnr_ike']:.2f} dB"
        pictures.append((title, f"sr/{row['method']}/demo/{row['kind']}/X2/{image}.png"))
    return pictures


if __name__ == "__main__":
    main()
