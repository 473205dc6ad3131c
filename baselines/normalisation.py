"""How a network's images are shifted and stretched inside, as its checkpoint tells in `sub_mean` and `add_mean`."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

DIV2K_MEAN = (0.4488, 0.4371, 0.4040)  # EDSR release: mean colour of DIV2K's training images, R, G, B in [0, 1]
RANGES = (1.0, 255.0)
"""What white is inside published networks."""


@dataclass(frozen=True)
class Normalisation:
    """An image in [0, 1] goes in as (image - mean) * value_range, and comes out the other way."""

    value_range: float
    mean: tuple[float, ...] = DIV2K_MEAN


def taken_from(tensors: "dict[str, Tensor]", value_range: float) -> Normalisation:
    """Take the mean shifts out of a network's tensors, by common names, and read them.

    They are 1x1 convs (EDSR release: `MeanShift`) with the identity as weight and -mean and +mean as bias, in the
    network's own range.

    Args:
        tensors: loses `sub_mean` and `add_mean`.
        value_range: of networks that hold none; their mean is DIV2K's.

    Raises:
        ValueError: for what is no such shift, or does not tell the range.
    """
    import torch

    shifts = {name: tensors.pop(name) for name in list(tensors) if name.startswith(("sub_mean.", "add_mean."))}
    if not shifts:
        return Normalisation(value_range)
    unlike = ValueError("sub_mean and add_mean of these weights are not -mean and +mean: nobody knows what they expect")
    if shifts.keys() != {"sub_mean.weight", "sub_mean.bias", "add_mean.weight", "add_mean.bias"}:
        raise unlike
    subtracted, added = -shifts["sub_mean.bias"].double(), shifts["add_mean.bias"].double()
    kernels = [shifts[f"{name}.weight"].double().flatten() for name in ("sub_mean", "add_mean")]
    identity = torch.eye(3, dtype=torch.double).flatten()
    if any(kernel.shape != identity.shape or not torch.allclose(kernel, identity, atol=1e-3) for kernel in kernels):
        raise unlike
    if subtracted.shape != (3,) or added.shape != (3,) or not torch.allclose(subtracted, added, rtol=1e-3):
        raise unlike
    return _read(subtracted)


def _read(mean: "Tensor") -> Normalisation:
    """Tell range and mean from a mean in the network's range, (3,)."""
    import torch

    for value_range in RANGES:
        if torch.allclose(mean, value_range * mean.new_tensor(DIV2K_MEAN), rtol=1e-3):
            return Normalisation(value_range)
    if not 0.01 < float(mean.min()) <= float(mean.max()) < 255:
        raise ValueError(
            f"sub_mean of these weights is {-mean.numpy().round(3)}: that does not tell the network's range"
        )
    value_range = 1.0 if float(mean.max()) < 1 else 255.0
    return Normalisation(value_range, tuple((mean / value_range).tolist()))
