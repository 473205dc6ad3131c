"""Cut one crop out of DIV2K's HR images and, at the same place, out of their Track 2 LR images.

A whole 2K image costs a zero-shot method no more training than a crop of it, but this machine-friendly pair makes every
other step quick, and `make-data --hr OUT --track2-lr OUT/DIV2K_valid_LR_unknown` takes it like the full set:

    python benchmarks/crop_pair.py DIV2K_valid_HR DIV2K_valid_LR_unknown OUT --image 0863
"""

from pathlib import Path

import click
from skimage.io import imread, imsave

SCALE = 2


@click.command()
@click.argument("hr_folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("lr_folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--image", required=True, help="Its name in DIV2K: 0863, say.")
@click.option("--side", default=512, show_default=True, help="Of the HR crop, from the middle of the image.")
def main(hr_folder: Path, lr_folder: Path, out: Path, image: str, side: int) -> None:
    """Write OUT/DIV2K_valid_HR/IMAGE.png and OUT/DIV2K_valid_LR_unknown/X2/IMAGEx2.png."""
    hr = imread(hr_folder / f"{image}.png")
    lr = imread(lr_folder / f"X{SCALE}" / f"{image}x{SCALE}.png")
    if side % SCALE or side > min(hr.shape[:2]):
        raise click.UsageError(f"--side {side}: must be even and fit into {hr.shape[1]}x{hr.shape[0]} px")
    top, left = ((length - side) // 2 // SCALE for length in hr.shape[:2])  # in LR px, so that both crops agree
    targets = {
        out / "DIV2K_valid_HR" / f"{image}.png": hr[SCALE * top :, SCALE * left :][:side, :side],
        out / "DIV2K_valid_LR_unknown" / f"X{SCALE}" / f"{image}x{SCALE}.png": lr[top:, left:][
            : side // SCALE, : side // SCALE
        ],
    }
    for path, crop in targets.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        imsave(path, crop, check_contrast=False)


if __name__ == "__main__":
    main()
