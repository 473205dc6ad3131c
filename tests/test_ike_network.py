"""The invertible network: exact inverse, shapes, and the composed form against the layer-by-layer one."""

import pytest
import torch

from baselines.zeroshot.deep_linear import compose_dense, convolution, fold, unfold
from ikebench.ike.network import (
    Coupling,
    DenseBlock,
    DenseShape,
    IKENet,
    channels_to_colours,
    colours_to_channels,
    convolve,
    decode,
    depth_to_space,
    encode,
    folded_maps,
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
    encoded = encode(image, net.composed())
    assert encoded.shape == (3, scale**2, 16, 12)
    assert (encoded - encode(image, IKENet.composed(net))).abs().max() == 0
    assert (encoded[:, :1] - image[:, :, ::scale, ::scale]).abs().max() > 0.01  # it does something
    assert (decode(encoded, net.composed()) - image).abs().max() < 2e-5


def test_inverse_needs_rho_first():
    """The order of Table 1 matters: the release's reverse pass, with rho still inside y_a, is not the inverse."""
    generator = torch.Generator().manual_seed(0)
    net = IKENet(2, blocks=1, shape=dense_shape(), tri_channel=True, generator=generator)
    x_a, x_b, x_res = (torch.randn(1, channels, 16, 16, generator=generator) for channels in (1, 2, 1))
    [block] = net.blocks[0]
    coupling = Coupling(block.phi.layered, block.sigma.layered, block.rho.layered(x_res))
    y_a, y_b = coupling.forward(x_a, x_b)
    assert (y_b - coupling.sigma(y_a) - x_b).abs().max() > 1e-2
    assert all((ours - x).abs().max() < 1e-5 for ours, x in zip(coupling.inverse(y_a, y_b), (x_a, x_b), strict=True))


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
    [maps] = folded_maps([block])
    composed, composed_gradients = run(lambda x: unfold(convolve(fold(x), *maps)))
    inside = (..., slice(5, -5), slice(5, -5))
    assert (layered[inside] - composed[inside]).abs().max() < 1e-5 * layered.abs().max()
    for a, b in zip(layered_gradients, composed_gradients, strict=True):
        assert (a - b).abs().max() < 2e-5 * a.abs().max() + 2e-5


@pytest.mark.parametrize("size", [(16, 12), (18, 14), (10, 8)])  # whole squares of px, and not
@pytest.mark.parametrize("scale", [2, 4])
def test_the_composed_flow_is_that_of_its_kernels_on_the_image(size, scale):
    generator = torch.Generator().manual_seed(0)
    net = IKENet(scale, blocks=2, shape=dense_shape(gain=0.3), tri_channel=True, generator=generator).double()
    for parameter in net.parameters():
        parameter.data += 0.01 * torch.randn(parameter.shape, generator=generator)
    image = torch.randn(3, 1, *(scale * side for side in size), generator=generator, dtype=torch.float64)
    expected = image
    for stage in net.blocks:
        x_a, x_b, x_res = (x := space_to_depth(expected)).split([1, x.shape[1] - 2, 1], dim=1)
        for block in stage:
            phi, sigma, rho = (
                [part[0] for part in compose_dense([(of.weights, of.biases)])] for of in block.dense_blocks()
            )
            coupling = Coupling(
                lambda x, of=phi: convolve(x, *of), lambda x, of=sigma: convolve(x, *of), convolve(x_res, *rho)
            )
            x_a, x_b = coupling.forward(x_a, x_b)
        expected = torch.cat([x_a, x_b, x_res], dim=1)
    encoded = encode(image, net.composed())
    torch.testing.assert_close(encoded, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(decode(encoded, net.composed()), image, rtol=0, atol=1e-12)


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
