"""EDSR, RCAN and ESRGAN: every layout of checkpoints, what does not fit, tiles, and the networks' own arithmetic."""

import runpy
import sys
import weakref
from dataclasses import replace

import checkpoints
import numpy as np
import pytest
import skimage.data
import torch
import torch.nn.functional as F
from shared_files import SHARED, needs_shared

from baselines.contract import Task, Weights
from baselines.edsr import EDSR, EDSRBaseline
from baselines.esrgan import ESRGAN, ESRGANPSNR
from baselines.normalisation import DIV2K_MEAN, Normalisation
from baselines.rcan import RCAN
from baselines.supervised import parts
from baselines.upscaler import UPSCALE_HALO, super_resolve
from baselines.weights import read_weights
from ikebench.images import read_image, write_png

EDSR_SMALL = EDSR(blocks=2, width=8, residual_scale=0.5)
RCAN_SMALL = RCAN(groups=2, blocks=2, width=8, reduction=4)
ESRGAN_SMALL = ESRGAN(blocks=2, width=8, growth=4)

# Every method, with the makers of its checkpoints; the first layout is the one to compare with.
LAYOUTS = {
    "edsr": (EDSR_SMALL, checkpoints.edsr, ["official", "BasicSR"], (2, 3, 4)),
    "rcan": (RCAN_SMALL, checkpoints.rcan, ["official", "BasicSR"], (2, 3, 4)),
    "esrgan": (ESRGAN_SMALL, checkpoints.rrdb, ["BasicSR", "old", "ESRGAN", "mmediting"], (4,)),
}
EVERY = [
    (name, layout, scale) for name, (_, _, layouts, scales) in LAYOUTS.items() for layout in layouts for scale in scales
]


@pytest.fixture
def image():
    return torch.rand(1, 3, 11, 13, generator=torch.Generator().manual_seed(1))


def made(name, layout, scale):
    maker = LAYOUTS[name][1]
    return maker(layout) if name == "esrgan" else maker(layout, scale)


def restored(method, image, weights, scale, precision="fp32"):
    [result] = method([Task(image, weights=weights)], scale, precision)
    assert result.sr.dtype == torch.float32 and not result.sr.requires_grad
    return result.sr


@pytest.mark.parametrize(("name", "layout", "scale"), EVERY)
def test_every_layout_gives_the_same_image(image, name, layout, scale):
    method, _, layouts, _ = LAYOUTS[name]
    weights = made(name, layout, scale)
    assert method.scale_of(weights) == scale
    sr = restored(method, image, weights, scale)
    assert sr.shape == (1, 3, 11 * scale, 13 * scale) and sr.std() > 0.001
    assert torch.equal(sr, restored(method, image, made(name, layouts[0], scale), scale))


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_mmediting_weights_work_on_zero_to_one(image, scale):
    """Biases apart, EDSR is homogeneous: the range inside only scales what the biases are held against."""
    weights = checkpoints.edsr("mmediting", scale)
    assert EDSR_SMALL.scale_of(weights) == scale
    sr = restored(EDSR_SMALL, image, weights, scale)
    bare = {key.removeprefix("generator."): tensor for key, tensor in weights.items()}
    assert torch.equal(sr, restored(EDSR_SMALL, image, bare, scale))
    expanded = {key: 255 * tensor if key.endswith("bias") else tensor for key, tensor in weights.items()}
    same = {
        official: expanded[key]
        for official, key in zip(checkpoints.edsr("official", scale), checkpoints.edsr("mmediting", scale), strict=True)
    }
    assert torch.allclose(sr, restored(EDSR_SMALL, image, same, scale), atol=1e-5)


def test_edsr_is_what_its_paper_says(image):
    """The arithmetic written out once more, on the official names."""
    w = checkpoints.edsr("official", 2, blocks=1)
    mean = 255 * torch.tensor(DIV2K_MEAN).view(1, 3, 1, 1)

    def conv(x, name):
        return F.conv2d(x, w[f"{name}.weight"], w[f"{name}.bias"], padding=1)

    head = conv(255 * image - mean, "head.0")
    block = head + 0.5 * conv(conv(head, "body.0.body.0").relu(), "body.0.body.2")
    body = conv(block, "body.1") + head
    expected = (conv(F.pixel_shuffle(conv(body, "tail.0.0"), 2), "tail.1") + mean) / 255
    assert torch.allclose(restored(replace(EDSR_SMALL, blocks=1), image, w, 2), expected, atol=1e-5)


def test_rcan_is_what_its_paper_says(image):
    w = checkpoints.rcan("official", 2, groups=1, blocks=1)
    mean = 255 * torch.tensor(DIV2K_MEAN).view(1, 3, 1, 1)

    def conv(x, name):
        return F.conv2d(x, w[f"{name}.weight"], w[f"{name}.bias"], padding=w[f"{name}.weight"].shape[-1] // 2)

    head = conv(255 * image - mean, "head.0")
    block = conv(conv(head, "body.0.body.0.body.0").relu(), "body.0.body.0.body.2")
    pooled = conv(F.adaptive_avg_pool2d(block, 1), "body.0.body.0.body.3.conv_du.0").relu()
    attention = conv(pooled, "body.0.body.0.body.3.conv_du.2").sigmoid()
    group = head + conv(head + attention * block, "body.0.body.1")
    expected = (conv(F.pixel_shuffle(conv(conv(group, "body.1") + head, "tail.0.0"), 2), "tail.1") + mean) / 255
    assert torch.allclose(restored(replace(RCAN_SMALL, groups=1, blocks=1), image, w, 2), expected, atol=1e-5)


def test_esrgan_is_what_its_paper_says(image):
    w = checkpoints.rrdb("ESRGAN", blocks=1)

    def conv(x, name):
        return F.conv2d(x, w[f"{name}.weight"], w[f"{name}.bias"], padding=1)

    def up(x, name):
        return F.leaky_relu(conv(x.repeat_interleave(2, -1).repeat_interleave(2, -2), name), 0.2)

    first = x = conv(image, "conv_first")
    for number in (1, 2, 3):
        seen = [x]
        for step in (1, 2, 3, 4):
            seen.append(F.leaky_relu(conv(torch.cat(seen, 1), f"RRDB_trunk.0.RDB{number}.conv{step}"), 0.2))
        x = x + 0.2 * conv(torch.cat(seen, 1), f"RRDB_trunk.0.RDB{number}.conv5")
    trunk = first + conv(first + 0.2 * x, "trunk_conv")
    expected = conv(F.leaky_relu(conv(up(up(trunk, "upconv1"), "upconv2"), "HRconv"), 0.2), "conv_last")
    assert torch.allclose(restored(replace(ESRGAN_SMALL, blocks=1), image, w, 4), expected, atol=1e-5)


def shifts(mean, value_range, names=("sub_mean", "add_mean")):
    """The mean shifts of a release."""
    parts = {}
    for name, sign in zip(names, (-1, 1), strict=True):
        parts[f"{name}.weight"] = torch.eye(3).view(3, 3, 1, 1)
        parts[f"{name}.bias"] = sign * value_range * torch.tensor(mean)
    return parts


def in_range(weights, factor):
    """The same network, working in another range."""
    return {key: tensor * factor if key.endswith("bias") else tensor for key, tensor in weights.items()}


@pytest.mark.parametrize("method", ["edsr", "rcan"])
def test_mean_shifts_tell_the_range(image, method):
    """Biases apart, EDSR is homogeneous; of RCAN, the head's bias alone stands before its attention."""
    small, maker, *_ = LAYOUTS[method]
    weights = maker("official")
    plain = restored(small, image, weights, 2)
    assert torch.equal(restored(small, image, weights | shifts(DIV2K_MEAN, 255), 2), plain)
    in_one = small.network(weights | shifts(DIV2K_MEAN, 1), 2)
    assert in_one.value_range == 1 and torch.equal(in_one.mean.flatten(), torch.tensor(DIV2K_MEAN))
    if method == "edsr":
        again = restored(small, image, in_range(weights, 1 / 255) | shifts(DIV2K_MEAN, 1), 2)
        assert torch.allclose(again, plain, atol=1e-5)


@needs_shared("cases", "make_edsr_range1.py")
@pytest.mark.parametrize("name", ["range1", "range255"])
def test_a_network_trained_on_zero_to_one_in_the_official_layout(tmp_path, monkeypatch, name):
    """Both files are one function, written out by the script in plain PyTorch with the file's own mean shifts."""
    lr = np.ascontiguousarray(skimage.data.astronaut()[100:124, 200:230])
    write_png(tmp_path / "lr.png", lr)
    monkeypatch.setattr(sys, "argv", ["", str(tmp_path), str(tmp_path / "lr.png")])
    runpy.run_path(str(SHARED / "cases" / "make_edsr_range1.py"))
    image = torch.from_numpy(lr).permute(2, 0, 1)[None].float() / 255
    sr = restored(EDSRBaseline(), image, read_weights(tmp_path / f"{name}.pt"), 2)
    pixels = (sr.clamp(0, 1)[0].permute(1, 2, 0) * 255).round().int()
    assert (pixels - torch.from_numpy(read_image(tmp_path / "expected.png")).int()).abs().max() <= 1


@pytest.mark.parametrize("value_range", [1, 255])
def test_another_mean_is_the_files(image, value_range):
    mean = (0.5, 0.25, 0.4)
    weights = in_range(checkpoints.edsr("official"), value_range / 255)
    network = EDSR_SMALL.network(weights | shifts(mean, value_range), 2)
    assert network.value_range == value_range and torch.allclose(network.mean.flatten(), torch.tensor(mean))
    moved = torch.tensor(DIV2K_MEAN).view(1, 3, 1, 1) - torch.tensor(mean).view(1, 3, 1, 1)
    expected = restored(EDSR_SMALL, image + moved, checkpoints.edsr("official"), 2) - moved
    assert torch.allclose(network(image), expected, atol=1e-5)


@pytest.mark.parametrize("case", ["one alone", "unlike", "stretched", "zero", "misshapen"])
def test_mean_shifts_that_are_none_are_refused(case):
    given = shifts(DIV2K_MEAN, 255)
    if case == "one alone":
        del given["add_mean.bias"]
    elif case == "unlike":
        given["add_mean.bias"] += 1
    elif case == "stretched":
        given["sub_mean.weight"] *= 4
    elif case == "zero":
        given = shifts((0.0, 0.0, 0.0), 1)
    else:
        given["sub_mean.weight"] = torch.ones(3)
    with pytest.raises(ValueError, match="does not tell the network's range" if case == "zero" else "nobody knows"):
        EDSR_SMALL.scale_of(checkpoints.edsr("official") | given)


def test_a_discriminator_beside_the_generator_is_left_aside():
    weights = checkpoints.rrdb("mmediting") | {"discriminator.conv.weight": torch.ones(1)}
    assert ESRGAN_SMALL.scale_of(weights) == 4


@pytest.mark.parametrize(
    ("method", "weights", "words"),
    [
        (EDSR(), checkpoints.edsr("official", 4, 64, 16), "x4 with width 64, blocks 16: run them as edsr-baseline"),
        (EDSR_SMALL, checkpoints.edsr("BasicSR", width=16), "with width 16, blocks 2, not"),
        (RCAN_SMALL, checkpoints.rcan("BasicSR", blocks=3), "groups 2, blocks 3, width 8, reduction 4, not RCAN"),
        (replace(RCAN_SMALL, reduction=2), checkpoints.rcan("official"), "blocks 2, width 8, reduction 4, not RCAN"),
        (ESRGAN_SMALL, checkpoints.rrdb("old", blocks=3), "blocks 3, width 8, growth 4, not RRDBNet"),
        (EDSR_SMALL, checkpoints.rcan("official", blocks=3), "not weights of EDSR in a known layout: the first keys"),
        (ESRGAN_SMALL, checkpoints.edsr("BasicSR"), "not weights of RRDBNet"),
        (EDSR_SMALL, {"epoch.weight": torch.ones(1)}, "the first keys are epoch.weight"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_one_line(method, weights, words):
    with pytest.raises(ValueError) as error:
        method.scale_of(weights)
    assert words in str(error.value) and "\n" not in str(error.value)


def test_wrong_scale_missing_and_surplus_keys(image):
    weights = checkpoints.edsr("official", 4)
    with pytest.raises(ValueError, match="are EDSR for x4 with .* not EDSR for x2"):
        restored(EDSR_SMALL, image, weights, 2)
    with pytest.raises(ValueError, match="needs trained weights"):
        EDSR_SMALL([Task(image)], 2)
    lacking = {key: tensor for key, tensor in weights.items() if not key.startswith("body.2.")}
    with pytest.raises(ValueError, match="these weights lack after.bias and 1 more"):
        EDSR_SMALL.scale_of(lacking)
    with pytest.raises(ValueError, match="beyond this network, tail.9.weight"):
        EDSR_SMALL.scale_of(weights | {"tail.9.weight": torch.ones(1)})


@pytest.mark.parametrize(
    ("method", "weights", "scale", "size"),
    [
        (EDSR_SMALL, checkpoints.edsr("official", 2), 2, (40, 53)),
        (EDSR_SMALL, checkpoints.edsr("official", 3), 3, (40, 53)),
        (EDSR_SMALL, checkpoints.edsr("official", 4), 4, (40, 53)),
        (ESRGAN_SMALL, checkpoints.rrdb("old"), 4, (150, 20)),  # 32 px of overlap
    ],
)
def test_tiles_are_exact(method, weights, scale, size, monkeypatch):
    monkeypatch.setattr("baselines.upscaler.UPSCALE_TILE", 9)
    lr = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(2))
    network = method.network(weights, scale).eval()
    assert network.halo < max(size) - 16  # or the first tile would see the whole image
    with torch.no_grad():
        whole = network(lr)
    assert torch.allclose(super_resolve(network, lr, scale, 16), whole, atol=1e-4)


def reach(function, shape):
    """Give the px around its own place that an output's middle px depends on, at most, left or right."""
    data = torch.full(shape, 0.9, requires_grad=True)  # brighter than the mean: no ReLU is off
    output = function(data)
    output[0, :, 0, output.shape[-1] // 2].sum().backward()
    columns = data.grad.abs().sum((0, 1, 2)).nonzero().flatten()
    return max(shape[-1] // 2 - columns.min().item(), columns.max().item() - shape[-1] // 2)


@pytest.mark.parametrize(("method", "scale"), [(EDSR_SMALL, 2), (EDSR_SMALL, 3), (EDSR_SMALL, 4), (ESRGAN_SMALL, 4)])
def test_overlaps_are_what_the_networks_see(method, scale):
    network = method.build(scale, Normalisation(255))
    for name, parameter in network.named_parameters():  # positive: no two paths cancel
        torch.nn.init.constant_(parameter, 3 / parameter[0].numel() if name.endswith("weight") else 0)
    assert reach(network.features, (1, 3, 1, 2 * network.halo + 9)) == network.halo
    assert reach(network.upscale, (1, 8, 1, 21)) <= UPSCALE_HALO


@pytest.mark.parametrize(("method", "scale", "tile"), [(EDSR(), 2, 96), (EDSRBaseline(), 3, 96), (ESRGAN(), 4, 360)])
def test_tiles_are_exact_at_the_real_depth(method, scale, tile):
    torch.manual_seed(0)
    network = method.build(scale, Normalisation(255)).eval()
    lr = torch.rand(1, 3, 4, 2 * tile)
    with torch.no_grad():
        whole = network(lr)
    assert network.halo + tile < 2 * tile and torch.allclose(super_resolve(network, lr, scale, tile), whole, atol=1e-4)


def test_rcan_says_where_it_worked_in_parts(image):
    weights = checkpoints.rcan("official")
    [whole] = RCAN_SMALL([Task(image, weights=weights)], 2)
    [tiled] = replace(RCAN_SMALL, tile=8)([Task(image, weights=weights)], 2)
    assert whole.note == "" and "worked in 4 parts" in tiled.note and parts(image, 8) == 4


def test_a_network_is_built_once_for_all_images(image, monkeypatch):
    weights, built = Weights(checkpoints.edsr("official")), []
    build = EDSR.build

    def watched(*arguments):
        network = build(*arguments)
        built.append(weakref.ref(network))
        return network

    monkeypatch.setattr(EDSR, "build", watched)
    method = EDSR(blocks=2, width=8)
    first, again = (method([Task(image, weights=weights)], 2)[0].sr for _ in range(2))
    assert torch.equal(first, again) and len(built) == 1
    EDSR(blocks=2, width=8, residual_scale=1.0)([Task(image, weights=weights)], 2)
    assert len(built) == 2 and built[0]() is None  # one at a time
    method([Task(image, weights=dict(weights))], 2)
    assert len(built) == 3 and built[2]() is None  # a plain mapping keeps nothing
    method([Task(image, weights=Weights(weights))], 2)
    assert len(built) == 4 and built[3]() is None  # it goes with the weights
    assert built[1]() is not None


@pytest.mark.parametrize("name", LAYOUTS)
def test_bf16_is_near_fp32(image, name):
    method, _, layouts, scales = LAYOUTS[name]
    weights = made(name, layouts[0], scales[-1])
    difference = restored(method, image, weights, scales[-1], "bf16") - restored(method, image, weights, scales[-1])
    assert 0 < difference.abs().mean() < 0.01


def test_sizes_of_the_papers():
    """Parameters in millions: EDSR paper, Table 1 (43 M at x4); EDSR release, RCAN and ESRGAN as commonly counted."""
    sizes = {
        EDSR(): (4, 43.1), EDSRBaseline(): (2, 1.37), RCAN(): (4, 15.6), ESRGAN(): (4, 16.7), ESRGANPSNR(): (4, 16.7)
    }  # fmt: skip
    for method, (scale, millions) in sizes.items():
        with torch.device("meta"):
            network = method.build(scale, Normalisation(255))
        count = sum(parameter.numel() for parameter in network.parameters()) / 1e6
        assert count == pytest.approx(millions, rel=0.005), method
