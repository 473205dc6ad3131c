"""The networks layer by layer, on copies of the weights of ikebench's own."""

from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from baselines.zeroshot.discriminator import PatchDiscriminator


def copies(weights: Iterable[Tensor]) -> list[Tensor]:
    """Copy weights, as leaves that want gradients."""
    return [weight.detach().clone().requires_grad_() for weight in weights]


class Judge:
    """KernelGAN's patch discriminator: conv 7x7; 5 x [conv 1x1, batch norm, ReLU]; conv 1x1; sigmoid."""

    def __init__(self, judge: PatchDiscriminator) -> None:
        """Copy the weights and spectral vectors."""
        self.convs = [
            weight.detach().clone().view(len(weight), -1, side, side).requires_grad_()
            for weight, side in zip(judge.weights, (7, 1, 1, 1, 1, 1, 1), strict=True)
        ]
        self.scales, self.shifts, [self.bias] = (
            copies(weights) for weights in (judge.norm_scales, judge.norm_shifts, [judge.bias])
        )
        self.vectors = [judge.get_buffer(f"singular_{index}").clone() for index in range(len(self.convs))]

    def parameters(self) -> list[Tensor]:
        """In the order of `PatchDiscriminator.parameters`."""
        return [self.bias, *self.convs, *self.scales, *self.shifts]

    def __call__(self, images: Tensor) -> Tensor:
        """One forward in training mode: (n, 3, h, w) -> (n, 1, h - 6, w - 6)."""
        convs = [self._normed(index) for index in range(len(self.convs))]
        x = F.conv2d(images, convs[0])
        for conv, scale, shift in zip(convs[1:-1], self.scales, self.shifts, strict=True):
            x = F.relu(F.batch_norm(F.conv2d(x, conv), None, None, scale, shift, training=True))
        return torch.sigmoid(F.conv2d(x, convs[-1], self.bias))

    def _normed(self, index: int) -> Tensor:
        """Spectral norm by one power iteration."""
        weight = self.convs[index]
        matrix = weight.flatten(1)
        with torch.no_grad():
            right = F.normalize(matrix.T @ self.vectors[index], dim=0)
            self.vectors[index] = left = F.normalize(matrix @ right, dim=0)
        return weight / (left @ matrix @ right)


def downscale(weights: Sequence[Tensor], images: Tensor, strided: int) -> Tensor:
    """Run the deep linear generator: bias-free convs 7, 5, 3, 1, 1, 1 on every channel, one of them with stride 2."""
    x = images.flatten(0, 1)[:, None]  # (3 n, 1, h, w)
    for index, weight in enumerate(weights):
        x = F.conv2d(x, weight, stride=2 if index == strided else 1)
    return x[:, 0].unflatten(0, images.shape[:2])


def kernel_of(weights: Sequence[Tensor]) -> Tensor:
    """Give what the generator makes of an impulse, flipped to the image's orientation: (13, 13)."""
    x = weights[0].new_zeros(1, 1, 25, 25)
    x[..., 12, 12] = 1
    for weight in weights:
        x = F.conv2d(x, weight)
    return x[0, 0].flip(0, 1)


def conv_stack(weights: Sequence[Tensor], biases: Sequence[Tensor | None], x: Tensor) -> Tensor:
    """3x3 convs of the same size, ReLU between."""
    for weight, bias in list(zip(weights, biases, strict=True))[:-1]:
        x = F.relu(F.conv2d(x, weight, bias, padding=1))
    return F.conv2d(x, weights[-1], biases[-1], padding=1)


def dense(weights: Sequence[Tensor], biases: Sequence[Tensor], x: Tensor) -> Tensor:
    """Run a dense block without activations: each layer sees the input and all layers before it. Padded once."""
    x = F.pad(x, [len(weights)] * 4)
    for weight, bias in list(zip(weights, biases, strict=True))[:-1]:
        x = torch.cat([x[..., 1:-1, 1:-1], F.conv2d(x, weight, bias)], dim=1)
    return F.conv2d(x, weights[-1], biases[-1])
