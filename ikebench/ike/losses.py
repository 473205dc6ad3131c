"""The losses of IKE, equations (1) to (5) of the paper. Image tensors are (3, 1, h, w) or (1, 3, h, w)."""

import torch
import torch.nn.functional as F
from torch import Tensor

REAL, FAKE = 1.0, 0.0


def gan_loss(scores: Tensor, target: float) -> Tensor:
    """Mean |score - target|: equations (1) and (3), for the generator with target REAL."""
    return (scores - target).abs().mean()


def discriminator_loss(scores: Tensor) -> Tensor:
    """Half of the real part and the mean of the fake ones (KernelGAN).

    Args:
        scores: of a real image and k - 1 fakes (k, p).
    """
    real, fakes = scores.split([1, len(scores) - 1])
    return 0.5 * (gan_loss(real, REAL) + gan_loss(fakes, FAKE))


def energy_loss(image: Tensor, reference: Tensor, window: int) -> Tensor:
    """Equation (2): L1 of the local means, window x window, valid area, per colour."""
    return F.avg_pool2d(image - reference, window, stride=1).abs().mean()


def total_variation(image: Tensor) -> Tensor:
    """Equation (5) as a mean over pixels: sqrt(dx^2 + dy^2 + 1e-8), the small term for a gradient at 0."""
    along_x = image[..., :-1, 1:] - image[..., :-1, :-1]
    along_y = image[..., 1:, :-1] - image[..., :-1, :-1]
    return torch.sqrt(along_x**2 + along_y**2 + 1e-8).mean()


def interpolation_loss(image: Tensor, bicubic: Tensor, mask: Tensor) -> Tensor:
    """Equation (4): L1 to the bicubic image where that one is smooth (`mask` near 1)."""
    return (mask * (image - bicubic)).abs().mean()
