"""Small checkpoints in every layout in circulation, written out layer by layer: what the loaders are held against."""

import torch


def convs(*layers):
    """Give random weights and biases for (module name, inputs, outputs[, kernel side])."""
    generator = torch.Generator().manual_seed(0)
    tensors = {}
    for name, inputs, outputs, *side in layers:
        [side] = side or [3]
        shape = (outputs, inputs, side, side)
        tensors[f"{name}.weight"] = torch.randn(shape, generator=generator) * (0.5 / (inputs * side * side) ** 0.5)
        tensors[f"{name}.bias"] = torch.randn(outputs, generator=generator) * 0.05
    return tensors


def ups(scale, width, names):
    """Give the layers of a pixel-shuffle upsampler."""
    factors = {2: [2], 3: [3], 4: [2, 2]}[scale]
    return [(name, width, factor**2 * width) for name, factor in zip(names, factors, strict=False)]


def edsr(layout, scale=2, width=8, blocks=2):
    """Equal weights under the names of a layout; the order of layers is the same in all of them."""
    official, mmediting = layout == "official", layout == "mmediting"
    start = "generator." * mmediting
    first = "head.0" if official else f"{start}conv_first"
    layers = [(first, 3, width)]
    for block in range(blocks):
        names = ("body.0", "body.2") if official else ("conv1", "conv2")
        layers += [(f"{start}body.{block}.{name}", width, width) for name in names]
    layers.append((f"body.{blocks}" if official else f"{start}conv_after_body", width, width))
    layers += ups(
        scale,
        width,
        {
            "official": ("tail.0.0", "tail.0.2"),
            "mmediting": ("generator.upsample.0.upsample_conv", "generator.upsample.1.upsample_conv"),
            "BasicSR": ("upsample.0", "upsample.2"),
        }[layout],
    )
    layers.append(("tail.1" if official else f"{start}conv_last", width, 3))
    return convs(*layers)


def rcan(layout, scale=2, width=8, groups=2, blocks=2, reduction=4):
    """RCAN's, under the official or BasicSR's names."""
    official = layout == "official"
    layers = [("head.0" if official else "conv_first", 3, width)]
    for group in range(groups):
        for block in range(blocks):
            at = f"body.{group}.body.{block}.body" if official else f"body.{group}.residual_group.{block}.rcab"
            down, up = (
                (f"{at}.3.conv_du.0", f"{at}.3.conv_du.2")
                if official
                else (
                    f"{at}.3.attention.1",
                    f"{at}.3.attention.3",
                )
            )
            layers += [(f"{at}.0", width, width), (f"{at}.2", width, width)]
            layers += [(down, width, width // reduction, 1), (up, width // reduction, width, 1)]
        layers.append((f"body.{group}.body.{blocks}" if official else f"body.{group}.conv", width, width))
    layers.append((f"body.{groups}" if official else "conv_after_body", width, width))
    layers += ups(scale, width, ("tail.0.0", "tail.0.2") if official else ("upsample.0", "upsample.2"))
    layers.append(("tail.1" if official else "conv_last", width, 3))
    return convs(*layers)


RRDB_NAMES = {
    "old": ("model.0", "model.1.sub.{}.RDB{}.conv{}.0", "model.1.sub.{}", "model.3", "model.6", "model.8", "model.10"),
    "ESRGAN": ("conv_first", "RRDB_trunk.{}.RDB{}.conv{}", "trunk_conv", "upconv1", "upconv2", "HRconv", "conv_last"),
    "BasicSR": ("conv_first", "body.{}.rdb{}.conv{}", "conv_body", "conv_up1", "conv_up2", "conv_hr", "conv_last"),
}


def rrdb(layout, width=8, growth=4, blocks=2):
    """RRDBNet's, under one of its four sets of names."""
    start = "generator." * (layout == "mmediting")
    names = RRDB_NAMES["BasicSR" if layout == "mmediting" else layout]
    first, dense, after, *rest, last = [start + name for name in names]
    layers = [(first, 3, width)]
    for block in range(blocks):
        for number in range(3):
            for step in range(5):
                outputs = growth if step < 4 else width
                layers.append((dense.format(block, number + 1, step + 1), width + step * growth, outputs))
    layers.append((after.format(blocks), width, width))
    layers += [(name, width, width) for name in rest]
    layers.append((last, width, 3))
    return convs(*layers)
