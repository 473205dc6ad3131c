"""The kernel that IKE's encoder implies: how its downscaled image answers to a small impulse in what it downscales."""

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ikebench.ike.training import IKETraining

REACH = 4  # downscaled px to either side of the middle: twice as far as bicubic's kernel reaches
PLACES = (-1, 0, 1)  # downscaled px from the middle of the image, in y and in x: nine answers are averaged


def implicit_kernel(training: "IKETraining") -> NDArray[np.float64] | None:
    """Measure the kernel at the end of a training, at the middle of the LR image.

    X_LLR is differentiated with respect to the image, bicubic part included, at nine places and in all three colours.
    That is the exact answer to an impulse where the network is linear, and the answer to a small one where it is not.

    Returns:
        (n, n) float64, n = 2 x REACH x scale + 1, sum 1, placed as `degradations.contract` says; None where the answers
        do not sum to something positive and finite.
    """
    scale, side = training.scale, training.crop
    top, left = ((length - side) // 2 for length in training.lr.shape[-2:])
    image = training.lr[..., top : top + side, left : left + side].detach().clone().requires_grad_()
    middle, half = side // scale // 2, REACH * scale
    total = torch.zeros(2 * half + 1, 2 * half + 1, dtype=torch.float64)
    with torch.enable_grad():
        crop = training.companions(image)
        downscaled = training.downscaled(crop)  # (3, 1, side / scale, side / scale)
        for y in (middle + place for place in PLACES):
            for x in (middle + place for place in PLACES):
                answer = torch.autograd.grad(downscaled[..., y, x].sum(), image, retain_graph=True)[0][0].sum(dim=0)
                rows, columns = (slice(scale * place - half, scale * place + half + 1) for place in (y, x))
                total += answer[rows, columns].double().cpu()
    weight = float(total.sum())
    return (total / weight).numpy() if np.isfinite(weight) and weight > 0 else None
