"""Every number of the zero-shot methods, written down a second time: defaults, borders, initial weights."""

from dataclasses import asdict

import numpy as np
import pytest
import skimage.data
import torch

from baselines.contract import Task
from baselines.dualsr import DualSR
from baselines.dualsr_training import DualSRTraining
from baselines.kernelgan import KernelGANZSSR
from baselines.kernelgan_training import KernelGANTraining
from baselines.zssr import ZSSR
from baselines.zssr_training import ZSSRTraining
from degradations.resample import bicubic_kernel
from ikebench.catalog import method_class
from ikebench.ike.method import IKE
from ikebench.ike.release import IKERelease


def photo():
    pixels = skimage.data.astronaut()[60:160, 140:280]
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255


ZSSR_NUMBERS = {
    "iterations": 3000,
    "layers": 8,
    "width": 64,
    "crop": 128,
    "learning_rate": 1e-3,
    "smallest_rate": 9e-6,
    "log_every": 50,
    "check_every": 60,
    "patience": 256,
    "fit_over": 5,
    "slope_ratio": 1.5,
    "back_projections": 4,
    "son_noise": 0.0,
    "quirks": "none",
}
IKE_NUMBERS = {
    "iterations": 3000,
    "blocks": 4,
    "layers": 5,
    "growth": 32,
    "activation": "none",
    "xavier_gain": 0.1,
    "tri_channel": True,
    "bicubic_residual": True,
    "grid": "half-pixel",
    "pd2_decay": False,
    "z_gradient": False,
    "u_layers": 8,
    "u_width": 64,
    "crop": 128,
    "lambda_forward": 1.0,
    "lambda_energy": 4.0,
    "lambda_energy_end": 1.0,
    "energy_window": 9,
    "lambda_backward": 5.0,
    "lambda_tv": 1.0,
    "lambda_interpolation": 5.0,
    "learning_rate": 2e-4,
    "beta1": 0.25,
    "beta2": 0.999,
    "decay_every": 750,
    "decay": 0.1,
    "noise": 1 / 255,
    "energy_schedule": "linear",
    "adam_per_phase": False,
    "phases_in_turns": False,
    "pd2_crop": False,
    "pd2_noise": 0.0,
    "value_range": "signed",
    "bicubic_a": -0.5,
    "invertible": True,
}
NUMBERS = {
    "zssr": ZSSR_NUMBERS,
    "zssr-gt": ZSSR_NUMBERS,
    "kernelgan-zssr": ZSSR_NUMBERS
    | {
        "kernel_crop": 64,
        "kernel_rate": 2e-4,
        "kernel_beta1": 0.5,
        "kernel_beta2": 0.999,
        "kernel_decay_every": 750,
        "kernel_decay": 0.1,
        "bicubic_threshold": 0.4,
        "noise": 1 / 255,
        "kept_values": 40,
        "cut_share": 0.75,
    },
    "dualsr": {
        "iterations": 3000,
        "layers": 8,
        "width": 64,
        "crop": 128,
        "lambda_cycle": 5.0,
        "lambda_interpolation": 2.0,
        "lambda_kernel": 2.0,
        "bicubic_threshold": 0.4,
        "rate_up": 1e-3,
        "rate_down": 2e-4,
        "beta1": 0.5,
        "beta2": 0.999,
        "decay_every": 750,
        "decay_up": 0.5,
        "decay_down": 0.25,
        "quirks": "none",
    },
    "ike": IKE_NUMBERS,
    "ike-release": IKE_NUMBERS
    | {
        "grid": "align-corners",
        "lambda_energy": 0.0,
        "lambda_backward": 2.0,
        "bicubic_threshold": 1.0,
        "quirks": "all",
    },
}


@pytest.mark.parametrize("name", NUMBERS)
def test_defaults(name):
    assert asdict(method_class(name)()) == NUMBERS[name]


def test_crops_keep_10_px_off_the_border():
    """KernelGAN's and DualSR's; the released IKE's may touch it."""
    lr = photo()
    kernelgan = KernelGANTraining(KernelGANZSSR(iterations=2000), Task(lr)).crops.pairs
    dualsr = DualSRTraining(DualSR(iterations=1000, crop=48), Task(lr)).pairs
    for pairs in (kernelgan, dualsr):
        for corners, side in ((pairs.large, pairs.large_side), (pairs.small, pairs.small_side)):
            assert corners.min() == 10 and (corners.max(axis=0) <= [90 - side, 130 - side]).all()
            assert (corners.max(axis=0) > [86 - side, 126 - side]).all()
    released = IKERelease(iterations=2000, crop=48).training(Task(lr), 2, "fp32").pairs
    assert released.large.min() == 0


def trainings():
    task = Task(photo())
    ike = IKE(iterations=1, crop=48).training(task, 2, "fp32")
    return {
        "kernelgan": KernelGANTraining(KernelGANZSSR(iterations=1), task),
        "zssr": ZSSRTraining(ZSSR(iterations=1), task, 2, bicubic_kernel(2)),
        "dualsr": DualSRTraining(DualSR(iterations=1), task),
        "ike": ike,
    }


def test_initial_weights():
    made = trainings()
    kernelgan, zssr, dualsr, ike = (made[name] for name in ("kernelgan", "zssr", "dualsr", "ike"))
    xavier = {  # gain 0.1: std = 0.1 sqrt(2 / (fan in + fan out))
        kernelgan.down.weights[1]: 0.1 * np.sqrt(2 / (2 * 64 * 25)),
        ike.u.weights[1]: 0.1 * np.sqrt(2 / (2 * 64 * 9)),
        ike.flow.blocks[0][0].phi.weights[2]: 0.1 * np.sqrt(2 / ((2 + 2 * 32 + 32) * 9)),
    }
    for weight, spread in (
        xavier | {zssr.net.weights[1]: np.sqrt(0.1 / 576), dualsr.up.weights[1]: np.sqrt(2 / 576)}
    ).items():
        assert weight.std().item() == pytest.approx(spread, rel=0.02)
        assert weight.mean().item() == pytest.approx(0, abs=3 * spread / weight.numel() ** 0.5)
    blur = dualsr.down.weights[1]  # N(1 / n, 1 / n)
    assert blur.mean().item() == pytest.approx(1 / 1600, rel=0.02)
    assert blur.std().item() == pytest.approx(1 / 1600, rel=0.02)
    for judge in (kernelgan.judge, dualsr.judge, ike.pd1, ike.pd2):
        for weight in judge.weights:  # PyTorch's default: the released xavier call has no effect
            bound = 1 / np.sqrt(weight.shape[1])
            assert weight.abs().max().item() == pytest.approx(bound, rel=0.2) and weight.abs().max() <= bound
        scales = torch.cat(list(judge.norm_scales))
        assert scales.mean().item() == pytest.approx(1, abs=0.004)
        assert scales.std().item() == pytest.approx(0.02, rel=0.15)
        assert not judge.bias.any() and not any(shift.any() for shift in judge.norm_shifts)
    assert not any(bias.any() for bias in (*ike.u.biases, *dualsr.up.biases))
    assert zssr.net.biases == [None] * 8
