"""The deep linear downscaler: KernelGAN's G and DualSR's G_DN. It is one 13x13 kernel in disguise."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines.zeroshot.conv_stack import Draw
from baselines.zeroshot.deep_linear import compose_chain, convolution
from baselines.zeroshot.sizes import DOWNSCALER_SIDES

WIDTH = 64  # channels of every hidden layer


class LinearDownscaler(nn.Module):
    """Bias-free convs without activation, on R, G and B apart, run as the one kernel that they are.

    The layers stay the parameters: what gradient descent finds through them differs from what it finds on the kernel.
    """

    def __init__(self, draw: Draw, generator: torch.Generator) -> None:
        """Draw the layers' weights."""
        super().__init__()
        widths = [1, *[WIDTH] * (len(DOWNSCALER_SIDES) - 1), 1]
        shapes = zip(widths[1:], widths, DOWNSCALER_SIDES, strict=False)
        self.weights = nn.ParameterList(nn.Parameter(draw((*shape, shape[-1]), generator)) for shape in shapes)

    def kernel(self) -> Tensor:
        """Compose the kernel as the weights are now: (13, 13), applied by correlation. Once per change of weights."""
        return compose_chain(list(self.weights))[0, 0]


def normal_around_mean(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Draw N(1 / n, 1 / n), n = fan-in: a chain of such layers starts as a positive blur (DualSR release)."""
    fan_in = math.prod(shape[1:])
    return (1 + torch.randn(shape, generator=generator)) / fan_in


def filter_valid(image: Tensor, kernel: Tensor, step: int) -> Tensor:
    """Filter every channel with `kernel` at every `step`-th pixel where it lies inside the image.

    Args:
        image: (n, c, h, w).
        kernel: (m, m), correlated.
        step: distance of the wanted pixels; 1, 2 or 4 where the image wants its gradient.

    Returns:
        (n, c, (h - m) // step + 1, (w - m) // step + 1).
    """
    planes, kernels = image.flatten(0, 1)[:, None], kernel[None, None]
    if image.requires_grad:  # the image's own gradient is what is slow for one channel
        filtered = convolution(kernels, stride=step)(planes)
    else:
        filtered = F.conv2d(planes, kernels, stride=step)
    return filtered[:, 0].unflatten(0, image.shape[:2])
