"""The patch discriminator of KernelGAN, which DualSR and IKE use too."""

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines.zeroshot.conv_stack import relu
from baselines.zeroshot.patch_convolution import PatchConvolution
from baselines.zeroshot.pixel_layers import PixelLayers

WIDTH = 64  # channels of every hidden layer
PATCH = 7  # side of the patches that one score judges
HIDDEN = 5  # layers of [conv 1x1, batch norm, ReLU]
SMALLEST_IN_STRIPS = 2048  # px of all images: with fewer, the gradient of the 7x7 conv is better left to oneDNN
SMALLEST_IN_TILES = 16384  # px of all images: with fewer, calls cost more than tiles save
_OF_ONE_SHAPE = (0,), tuple(range(1, 1 + HIDDEN)), (1 + HIDDEN,)  # layers
_GROUPS = (0,), tuple(range(1, 1 + HIDDEN)), (1 + HIDDEN,)  # of layers with weights of one shape


class PatchDiscriminator(nn.Module):
    """conv 7x7 valid; 5 x [conv 1x1, norm, ReLU]; conv 1x1; sigmoid. Spectral norm on every conv.

    One call is one forward in training mode, as the releases run it: all images of it share the statistics of their
    batch norms, and every spectral norm takes one power iteration. So who judges a real and a fake image calls it
    twice, and the order decides which of them sees the further iteration.

    Same mathematics, fewer operations: nothing lies between the 7x7 conv and the first 1x1, so both run as one conv; a
    bias before a norm is cancelled by it and is left out; hidden layers run as matrix products over pixels, on a CPU
    and in float32 in tiles of them.
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
        return self._score(images, lambda weight: weight)

    def frozen(self, images: Tensor) -> Tensor:
        """Score as `forward`, with weights that want no gradient: for the step of who is judged, not of the judge."""
        return self._score(images, Tensor.detach)

    def _score(self, images: Tensor, held: Callable[[Tensor], Tensor]) -> Tensor:
        with torch.autocast(images.device.type, enabled=False):
            first, through, *hidden, last = self._normalised_weights([held(weight) for weight in self.weights])
            first = (through @ first).view(WIDTH, 3, PATCH, PATCH)
        norms = [[held(weight) for weight in weights] for weights in (self.norm_scales, self.norm_shifts)]
        scores = score_patches(images, first, norms, hidden, last)  # (p, 1)
        return torch.sigmoid(scores + held(self.bias))[:, 0]

    def _normalised_weights(self, weights: Sequence[Tensor]) -> list[Tensor]:
        """Divide every weight by its largest singular value: one power iteration a forward (Miyato et al. 2018).

        Weights of one shape are taken together.
        """
        normalised: list[Tensor] = []
        for indices in _OF_ONE_SHAPE:
            stacked = torch.stack([weights[index] for index in indices])
            vectors = [self.get_buffer(f"singular_{index}") for index in indices]
            with torch.no_grad():
                right = F.normalize(stacked.mT @ torch.stack(vectors)[..., None], dim=1)
                left = F.normalize(stacked @ right, dim=1)
                torch._foreach_copy_(vectors, left[..., 0].unbind())
            normalised += (stacked / (left.mT @ stacked @ right)).unbind()
        return normalised


def score_patches(
    images: Tensor, first: Tensor, norms: Sequence[Sequence[Tensor]], weights: Sequence[Tensor], last: Tensor
) -> Tensor:
    """Score patches, before bias and sigmoid, in the form that suits device, precision and size.

    Args:
        images: (n, 3, h, w).
        first: kernel (64, 3, 7, 7).
        norms: five scales and five shifts (64,).
        weights: of the 1x1 convs between norms, (64, 64) each.
        last: of the last conv (1, 64).

    Returns:
        (n (h - 6) (w - 6), 1).
    """
    device = images.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else images.dtype
    size = images[:, 0].numel()
    in_strips = images.requires_grad and size >= SMALLEST_IN_STRIPS
    in_tiles = dtype != torch.bfloat16 and size >= SMALLEST_IN_TILES
    if device != "cpu" or not (in_strips or in_tiles):
        return score_in_layers(images, first, norms, weights, last)
    if not in_tiles:
        pixels = _as_pixels(PatchConvolution.apply(images.to(dtype), first.to(dtype)))
        return _through_layers(pixels, norms, weights, last)
    # The first norm takes the mean away again; with it, a flat image's variance would drown in its sums of squares.
    centred = images - images.detach().mean(dim=(0, 2, 3), keepdim=True)
    pixels = _as_pixels(PatchConvolution.apply(centred, first))
    scales, shifts, stacked = (torch.stack(list(parameters)) for parameters in (*norms, weights))
    return PixelLayers.apply(pixels, scales, shifts, stacked, last[0])[:, None]


def score_in_layers(
    images: Tensor, first: Tensor, norms: Sequence[Sequence[Tensor]], weights: Sequence[Tensor], last: Tensor
) -> Tensor:
    """Score patches with few, large operators, for GPUs: see `score_patches`."""
    features = F.conv2d(images.contiguous(memory_format=torch.channels_last), first)
    return _through_layers(_as_pixels(features), norms, weights, last)


def _through_layers(
    pixels: Tensor, norms: Sequence[Sequence[Tensor]], weights: Sequence[Tensor], last: Tensor
) -> Tensor:
    """Take pixels (p, 64) through all layers, an operator each: (p, 1)."""
    for index, (scale, shift) in enumerate(zip(*norms, strict=True)):
        if index > 0:  # the first 1x1 conv is part of the 7x7 one
            pixels = pixels @ weights[index - 1].T
        pixels = relu(F.batch_norm(pixels, None, None, scale, shift, training=True))
    return pixels @ last.T


def _as_pixels(features: Tensor) -> Tensor:
    """(n, c, h, w) -> (n h w, c)."""
    return features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])


def _uniform(shape: tuple[int, int], generator: torch.Generator) -> nn.Parameter:
    return nn.Parameter((2 * torch.rand(shape, generator=generator) - 1) / math.sqrt(shape[1]))
