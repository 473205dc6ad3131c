"""The patch discriminator of KernelGAN, which DualSR and IKE use too."""

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines.zeroshot.conv_stack import relu
from baselines.zeroshot.patch_convolution import PatchConvolution
from baselines.zeroshot.pixel_layers import PixelLayers
from baselines.zeroshot.spectral_norm import SpectrallyNormed

WIDTH = 64  # channels of every hidden layer
PATCH = 7  # side of the patches that one score judges
HIDDEN = 5  # layers of [conv 1x1, batch norm, ReLU]
SMALLEST_ALONE = 2048  # px of an image: smaller ones are judged together, and their 7x7 conv is left to oneDNN


class PatchDiscriminator(nn.Module):
    """conv 7x7 valid; 5 x [conv 1x1, norm, ReLU]; conv 1x1; sigmoid. Spectral norm on every conv.

    A forward in training mode, as the releases run it: all images of it share the statistics of their batch norms, and
    every spectral norm takes one power iteration. So a real and a fake image are judged by a forward `each`, and their
    order decides which of them sees the further iteration.

    Same mathematics, fewer operations: nothing lies between the 7x7 conv and the first 1x1, so both run as one conv; a
    bias before a norm is cancelled by it and is left out; hidden layers run as matrix products over pixels, on a CPU
    and in float32 in tiles of them.
    """

    blank: Tensor

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
        self.register_buffer("blank", torch.zeros(WIDTH, 3 * PATCH**2 - WIDTH), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Score every 7x7 patch of (n, 3, h, w), 1 = real: (n (h - 6) (w - 6),) in (0, 1)."""
        return self.each(images[None]).squeeze(0)

    def each(self, images: Tensor) -> Tensor:
        """Take as many forwards, one after the other, as there are images (k, n, 3, h, w): (k, p), as `forward`."""
        return self._score(images, lambda weight: weight)

    def frozen(self, images: Tensor) -> Tensor:
        """Score as `forward`, with weights that want no gradient: for the step of who is judged, not of the judge."""
        return self._score(images[None], Tensor.detach).squeeze(0)

    def _score(self, images: Tensor, held: Callable[[Tensor], Tensor]) -> Tensor:
        with torch.autocast(images.device.type, enabled=False):
            first, hidden, last = self._normalised_weights([held(weight) for weight in self.weights], len(images))
            through, hidden = hidden.split([1, HIDDEN - 1], dim=1)
            first = (through.squeeze(1) @ first).unflatten(2, (3, PATCH, PATCH))
            norms = torch.stack([held(norm) for norm in (*self.norm_scales, *self.norm_shifts)])
        scores = score_patches(images, first, norms.view(2, HIDDEN, WIDTH), hidden, last)  # (k, p)
        return torch.sigmoid(scores + held(self.bias))

    def _normalised_weights(self, weights: Sequence[Tensor], count: int) -> tuple[Tensor, Tensor, Tensor]:
        """Divide every weight by its largest singular value: one power iteration a forward (Miyato et al. 2018).

        Args:
            weights: of all convs.
            count: forwards k.

        Returns:
            of the first conv (k, 64, 147), of the hidden ones (k, 5, 64, 64), and of the last one (1, 64), whose only
            singular value is its length.
        """
        first, *hidden, last = weights
        with torch.no_grad():
            of_first, of_hidden = self._directions(first, hidden, count)
            of_last = F.normalize(last, dim=1)[None]
        normed = SpectrallyNormed.apply
        return normed(first, of_first), normed(torch.stack(hidden), of_hidden), normed(last, of_last).squeeze(0)

    def _directions(self, first: Tensor, hidden: Sequence[Tensor], count: int) -> tuple[Tensor, Tensor]:
        """Take the power iterations; give u v^T of all, (k, 64, 147) and (k, 5, 64, 64).

        All convs are taken together, hidden ones with zeros where they are narrower than the first.
        """
        wide = torch.cat([first, *(part for weight in hidden for part in (weight, self.blank))], dim=1)
        wide = wide.view(WIDTH, 1 + HIDDEN, -1).transpose(0, 1)  # (6, 64, 147)
        vectors = [self.get_buffer(f"singular_{index}") for index in range(1 + HIDDEN)]
        lefts, rights = [torch.stack(vectors)[..., None]], list[Tensor]()
        for _ in range(count):
            rights.append(wide.mT @ lefts[-1])
            lefts.append(F.normalize(wide @ rights[-1], dim=1))
        torch._foreach_copy_(vectors, lefts[-1][..., 0].unbind())
        directions = torch.stack(lefts[1:]) @ F.normalize(torch.stack(rights), dim=2).mT  # (k, 6, 64, 147)
        return directions[:, 0], directions[:, 1:, :, :WIDTH]


def score_patches(images: Tensor, first: Tensor, norms: Tensor, hidden: Tensor, last: Tensor) -> Tensor:
    """Score patches, before bias and sigmoid, in the form that suits device, precision and size.

    Args:
        images: (k, n, 3, h, w), for k forwards.
        first: kernels (k, 64, 3, 7, 7).
        norms: scales and shifts (2, 5, 64).
        hidden: of the 1x1 convs between norms (k, 4, 64, 64).
        last: of the last conv (1, 64).

    Returns:
        (k, n (h - 6) (w - 6)).
    """
    device = images.device.type
    if device != "cpu" or images[0, :, 0].numel() < SMALLEST_ALONE:
        return score_in_layers(images, first, norms, hidden, last)
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else images.dtype
    scores = []
    for image, kernel, weights in zip(images, first, hidden, strict=True):
        if dtype == torch.bfloat16:
            scores.append(_score_pixels(image.to(dtype), kernel.to(dtype), norms, weights, last))
            continue
        # The first norm takes the mean away again; with it, a flat image's variance would drown in its sums of squares.
        centred = (image - image.detach().mean(dim=(0, 2, 3), keepdim=True)).contiguous()
        scores.append(
            PixelLayers.apply(PatchConvolution.apply(centred, kernel).flatten(2), *norms.unbind(), weights, last[0])
        )
    return torch.stack(scores)


def score_in_layers(images: Tensor, first: Tensor, norms: Tensor, hidden: Tensor, last: Tensor) -> Tensor:
    """Score patches with few, large operators, for GPUs and small images: see `score_patches`."""
    features = [F.conv2d(image, kernel).flatten(2) for image, kernel in zip(images, first, strict=True)]
    together = torch.cat(features, dim=1) if len(features) > 1 else features[0]
    return _through_layers(together, norms, hidden, last)


def _score_pixels(image: Tensor, kernel: Tensor, norms: Tensor, weights: Tensor, last: Tensor) -> Tensor:
    """Score the patches of large images (n, 3, h, w) by one forward, in bfloat16 on a CPU: (n p,).

    An operator a layer, pixels before channels, which is how oneDNN is the fastest there.
    """
    image = image.contiguous(memory_format=torch.channels_last)
    convolve = PatchConvolution.apply if image.requires_grad else F.conv2d
    pixels = convolve(image, kernel).permute(0, 2, 3, 1).flatten(0, 2)
    between = [None, *weights.unbind()]  # the first 1x1 conv is part of the 7x7 one
    for weight, scale, shift in zip(between, *(norm.unbind() for norm in norms), strict=True):
        if weight is not None:
            pixels = pixels @ weight.T
        pixels = relu(F.batch_norm(pixels, None, None, scale, shift, training=True))
    return (pixels @ last.T).flatten()


def _through_layers(features: Tensor, norms: Tensor, hidden: Tensor, last: Tensor) -> Tensor:
    """Take features (n, k 64, p), of k forwards, through all layers, an operator each: (k, n p)."""
    count = len(hidden)
    norms = norms[:, :, None].expand(-1, -1, count, -1).flatten(2)  # (2, 5, k 64)
    rows = norms.flatten(0, 1).unbind()
    between = [None, *hidden.unbind(1)]  # the first 1x1 conv is part of the 7x7 one
    for weight, scale, shift in zip(between, rows[:HIDDEN], rows[HIDDEN:], strict=True):
        if weight is not None:
            features = (weight @ features.unflatten(1, (count, WIDTH))).flatten(1, 2)
        features = relu(F.batch_norm(features, None, None, scale, shift, training=True))
    scores = last.expand(count, 1, WIDTH) @ features.unflatten(1, (count, WIDTH))  # (n, k, 1, p)
    return scores.transpose(0, 1).flatten(1)


def _uniform(shape: tuple[int, int], generator: torch.Generator) -> nn.Parameter:
    return nn.Parameter((2 * torch.rand(shape, generator=generator) - 1) / math.sqrt(shape[1]))
