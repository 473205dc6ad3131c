"""The patch discriminator of KernelGAN, which DualSR and IKE use too."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines.zeroshot.conv_stack import relu

WIDTH = 64  # channels of every hidden layer
PATCH = 7  # side of the patches that one score judges
HIDDEN = 5  # layers of [conv 1x1, batch norm, ReLU]


class PatchDiscriminator(nn.Module):
    """conv 7x7 valid; 5 x [conv 1x1, norm, ReLU]; conv 1x1; sigmoid. Spectral norm on every conv.

    One call is one forward in training mode, as the releases run it: all images of it share the statistics of their
    batch norms, and every spectral norm takes one power iteration. So who judges a real and a fake image calls it
    twice, and the order decides which of them sees the further iteration.

    Same mathematics, fewer operations: nothing lies between the 7x7 conv and the first 1x1, so both run as one conv; a
    bias before a norm is cancelled by it and is left out; hidden layers run as matrix products over pixels.
    """

    def __init__(self, generator: torch.Generator) -> None:
        """Draw the weights, as KernelGAN's release: convs U(+-1/sqrt(fan-in)), biases 0, norm scales N(1, 0.02)."""
        super().__init__()
        shapes = [(WIDTH, 3 * PATCH**2), *[(WIDTH, WIDTH)] * HIDDEN, (1, WIDTH)]
        self.weights = nn.ParameterList(_uniform(shape, generator) for shape in shapes)
        self.norm_scales = nn.ParameterList(1 + 0.02 * torch.randn(WIDTH, generator=generator) for _ in range(HIDDEN))
        self.norm_shifts = nn.ParameterList(torch.zeros(WIDTH) for _ in range(HIDDEN))
        self.bias = nn.Parameter(torch.zeros(1))
        for index, (rows, _) in enumerate(shapes):
            self.register_buffer(f"singular_{index}", F.normalize(torch.randn(rows, generator=generator), dim=0))

    def forward(self, images: Tensor) -> Tensor:
        """Score every 7x7 patch of (n, 3, h, w), 1 = real: (n (h - 6) (w - 6),) in (0, 1)."""
        with torch.autocast(images.device.type, enabled=False):
            first, *hidden, last = self._normalised_weights()
        first = (hidden[0] @ first).view(WIDTH, 3, PATCH, PATCH)
        features = F.conv2d(images.contiguous(memory_format=torch.channels_last), first)  # (n, 64, h-6, w-6)
        pixels = features.permute(0, 2, 3, 1).reshape(-1, WIDTH)  # (p, 64)
        for index, (scale, shift) in enumerate(zip(self.norm_scales, self.norm_shifts, strict=True)):
            if index > 0:  # the first 1x1 conv is part of the 7x7 one
                pixels = pixels @ hidden[index].T
            pixels = relu(F.batch_norm(pixels, None, None, scale, shift, training=True))
        return torch.sigmoid(pixels @ last.T + self.bias)[:, 0]

    def _normalised_weights(self) -> list[Tensor]:
        """Divide every weight by its largest singular value: one power iteration a forward (Miyato et al. 2018)."""
        normalised = []
        for index, weight in enumerate(self.weights):
            left = self.get_buffer(f"singular_{index}")
            with torch.no_grad():
                right = F.normalize(weight.T @ left, dim=0)
                left.copy_(F.normalize(weight @ right, dim=0))
            # A copy, because the next forward overwrites the buffer before this one's backward has read it.
            normalised.append(weight / torch.dot(left.clone(), weight @ right))
        return normalised


def _uniform(shape: tuple[int, int], generator: torch.Generator) -> nn.Parameter:
    return nn.Parameter((2 * torch.rand(shape, generator=generator) - 1) / math.sqrt(shape[1]))
