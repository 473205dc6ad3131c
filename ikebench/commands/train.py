"""`ikebench train`: HR -> trained weights of a network."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from ikebench import machine
from ikebench.commands.options import FAILED, OK, device_option, say, settings_option, workspace_option
from ikebench.errors import UserError
from ikebench.provenance import provenance
from ikebench.store.workspace import Workspace
from ikebench.train.options import TrainOptions

SET_HELP = (
    "Change a hyperparameter: edsr-baseline.batch=4; also patch, learning_rate, halve_at, beta1, beta2, blocks, width."
)


@click.command()
@click.argument("network")
@click.option(
    "--hr",
    type=click.Path(path_type=Path),
    required=True,
    help="A folder of images to train on (DIV2K's own folder: its training images).",
)
@click.option(
    "--validate", type=click.Path(path_type=Path), default=None, help="A folder of images to measure PSNR on."
)
@click.option("--scale", type=int, default=2, show_default=True, help="How many times larger images are to become.")
@click.option(
    "--iterations",
    type=click.IntRange(min=1),
    default=None,
    help="Of training; the learning rate is halved after two thirds of them.  [default: the release's 300000]",
)
@settings_option(SET_HELP)
@click.option(
    "--seed", type=click.IntRange(min=0, max=2**63 - 1), default=0, show_default=True, help="Of the training."
)
@device_option
@click.option(
    "--precision", type=click.Choice(["fp32", "bf16"]), default="fp32", show_default=True, help="Of the network."
)
@click.option(
    "--checkpoint-every",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    help="Save, and measure PSNR, so often, in iterations.",
)
@click.option("--restart", is_flag=True, help="Train anew, and replace what another training left.")
@workspace_option
def command(workspace: Workspace, **options: Any) -> int:  # noqa: ANN401 (click hands over its options)
    """Train NETWORK (edsr-baseline) on bicubic pairs, for those without downloaded weights.

    Every image of --hr is shrunk with MATLAB's bicubic, and the network learns to undo it, as EDSR was trained. Writes
    <network>_x<scale>.pt, and beside it how it was made (.json) and the log (.csv), into the workspace's weights/ or
    $IKEBENCH_WEIGHTS. Ctrl-C saves; the same command goes on. Full training takes hours on a GPU and weeks on a CPU.
    """
    return train(workspace, TrainOptions(**options))


def train(workspace: Workspace, options: TrainOptions) -> int:
    """HR -> weights of a network; exit code 1 if images are refused, 2 if none is left."""
    device = machine.available(options.device)[0]
    described = provenance("train", asdict(options))
    import torch

    from baselines.memory import lacks_memory
    from ikebench.train import loop

    try:
        done = loop.train(workspace.weights_folder, options, torch.device(device), described, say)
    except Exception as error:
        if not lacks_memory(error):
            raise
        name = options.network
        raise UserError(f"the GPU's memory does not hold it: try --set {name}.batch=... or {name}.patch=...") from error
    return OK if done else FAILED
