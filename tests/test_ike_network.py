"""The invertible network: exact inverse, shapes, and the composed form against the layer-by-layer one."""

import pytest
import torch

from baselines.zeroshot.deep_linear import convolution
from ikebench.ike.network import (
    DenseBlock,
    DenseShape,
    IKENet,
    channels_to_colours,
    colours_to_channels,
    decode,
    dense_maps,
    depth_to_space,
    encode,
    space_to_depth,
)


def dense_shape(activation="none", gain=1.0):
    # The paper's gain of 0.1 makes a fresh network nearly the identity; 1 makes a test of it mean something.
    return DenseShape(layers=5, growth=8, gain=gain, activation=activation)


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("tri_channel", [True, False])
@pytest.mark.parametrize("activation", ["none", "relu", "leaky-relu"])
def test_decode_is_the_inverse_of_encode(scale, tri_channel, activation):
    generator = torch.Generator().manual_seed(scale)
    net = IKENet(scale, blocks=4, shape=dense_shape(activation, gain=0.3), tri_channel=tri_channel, generator=generator)
    for parameter in net.parameters():
        parameter.data += 0.01 * torch.randn(parameter.shape, generator=generator)  # biases too
    image = torch.randn(3, 1, 16 * scale, 12 * scale, generator=generator)
    encoded = encode(image, net.couplings())
    assert encoded.shape == (3, scale**2, 16, 12)
    assert (encoded - encode(image, IKENet.couplings(net))).abs().max() == 0
    assert (encoded[:, :1] - image[:, :, ::scale, ::scale]).abs().max() > 0.01  # it does something
    assert (decode(encoded, net.couplings()) - image).abs().max() < 2e-5


def test_inverse_needs_rho_first():
    """The order of Table 1 matters: the release's reverse pass, with rho still inside y_a, is not the inverse."""
    generator = torch.Generator().manual_seed(0)
    net = IKENet(2, blocks=1, shape=dense_shape(), tri_channel=True, generator=generator)
    [[coupling]] = net.couplings()
    x = torch.randn(1, 4, 16, 16, generator=generator)
    y_a, y_b, y_res = coupling.split(coupling.forward(x))
    wrong_x_b = y_b - coupling.sigma(y_a)
    assert (wrong_x_b - x[:, 1:3]).abs().max() > 1e-2
    assert (coupling.inverse(coupling.forward(x)) - x).abs().max() < 1e-5


@pytest.mark.parametrize(("inputs", "outputs"), [(2, 1), (1, 2), (1, 1), (14, 1)])
def test_composed_dense_block_equals_layers_inside(inputs, outputs):
    """Output and gradients of the composed block equal the layered ones on the interior."""
    generator = torch.Generator().manual_seed(inputs)
    block = DenseBlock(inputs, outputs, DenseShape(layers=5, growth=32, gain=1.0, activation="none"), generator)
    for bias in block.biases:
        bias.data = torch.randn(bias.shape, generator=generator)
    weight = torch.zeros(2, outputs, 32, 32)
    weight[..., 5:-5, 5:-5] = torch.randn(2, outputs, 22, 22, generator=generator)  # the loss sees the interior only

    def run(apply):
        x = torch.randn(2, inputs, 32, 32, generator=torch.Generator().manual_seed(9), requires_grad=True)
        y = apply(x)
        gradients = torch.autograd.grad((y * weight).sum(), [x, *block.parameters()])
        return y, gradients

    layered, layered_gradients = run(block.layered)
    composed, composed_gradients = run(dense_maps([block])[0])
    inside = (..., slice(5, -5), slice(5, -5))
    assert (layered[inside] - composed[inside]).abs().max() < 1e-5 * layered.abs().max()
    for a, b in zip(layered_gradients, composed_gradients, strict=True):
        assert (a - b).abs().max() < 2e-5 * a.abs().max() + 2e-5


@pytest.mark.parametrize("size", [(8, 12), (9, 6), (5, 15)])
@pytest.mark.parametrize("side", [1, 3, 11])
@pytest.mark.parametrize("stride", [1, 2, 4])
def test_convolution_is_conv2d_and_has_its_gradients(size, side, stride):
    generator = torch.Generator().manual_seed(3)
    shapes = [(2, 3, *size), (2, 3, side, side), (2,)]
    leaves = [torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_() for shape in shapes]
    image, kernel, bias = leaves
    native = torch.nn.functional.conv2d(image, kernel, bias, stride, padding=side // 2)
    ours = convolution(kernel, bias, stride=stride, padding=side // 2)(image)
    weight = torch.randn(native.shape, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(ours, native)
    gradients = (torch.autograd.grad((result * weight).sum(), leaves) for result in (ours, native))
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b)


def test_convolution_refuses_a_stride_between_phases():
    with pytest.raises(ValueError, match="divide 4"):
        convolution(torch.ones(1, 1, 3, 3), stride=3)


def test_space_to_depth_order_is_phase_major_previous_channels_innermost():
    image = torch.arange(2 * 4 * 4.0).view(1, 2, 4, 4)
    depth = space_to_depth(image)
    assert depth.shape == (1, 8, 2, 2)
    for row in range(2):
        for column in range(2):
            for channel in range(2):
                expected = image[:, channel, row::2, column::2]
                assert torch.equal(depth[:, (2 * row + column) * 2 + channel], expected)
    assert torch.equal(depth_to_space(depth), image)


def test_colours_are_interleaved_map_by_map():
    maps = torch.arange(3 * 2.0).view(3, 2, 1, 1)  # value = 2 * colour + map
    assert colours_to_channels(maps).flatten().tolist() == [0, 2, 4, 1, 3, 5]
    assert torch.equal(channels_to_colours(colours_to_channels(maps)), maps)
