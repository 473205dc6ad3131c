"""Released checkpoints name the same tensors in different ways: a table of names for each way, and one reader for all.

Both a checkpoint and our network are brought to common names (`head`, `blocks.0.0`, `up.0`, ...) by the same tables;
there they are compared, described and matched.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isqrt, prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn

Tensors = Mapping[str, "Tensor"]

DROPPED = ""
"""Common name of what a checkpoint holds and our networks do not need."""


@dataclass(frozen=True)
class KeyLayout:
    """One way of naming.

    Attributes:
        name: for error messages.
        value_range: that white has inside networks whose checkpoints are named like this.
        renames: (regular expression of a whole module name, common name); the first two rows, the network's first conv
            and those of its blocks, are what the layout is recognised by.
        prefix: of every key; keys without it (of a discriminator, say) are left aside.
    """

    name: str
    value_range: float
    renames: Sequence[tuple[str, str]]
    prefix: str = ""

    def fits(self, weights: Tensors) -> bool:
        """Tell whether the first conv and the blocks are there under this layout's names."""
        modules = [
            _module(key).removeprefix(self.prefix)
            for key in weights
            if key.startswith(self.prefix) and key.endswith(".weight")
        ]
        return all(any(re.fullmatch(pattern, module) for module in modules) for pattern, _ in self.renames[:2])

    def common(self, weights: Tensors) -> "dict[str, Tensor]":
        """Give the tensors under their common names; names that are in no row stay."""
        named = {}
        for key, tensor in weights.items():
            if key.startswith(self.prefix):
                named[self._rename(key.removeprefix(self.prefix))] = tensor
        named.pop(DROPPED, None)
        return named

    def _rename(self, key: str) -> str:
        module = _module(key)
        for pattern, common in self.renames:
            match = re.fullmatch(pattern, module)
            if match:
                return match.expand(common) + key.removeprefix(module) if common else DROPPED
        return key


@dataclass(frozen=True)
class Recognised:
    """The weights of a checkpoint under their common names.

    Attributes:
        tensors: by common name.
        scale: of the network they are of.
        words: which network that is, in words.
        layout: how they were named.
    """

    tensors: Tensors
    scale: int
    words: str
    layout: KeyLayout


@dataclass(frozen=True)
class Family:
    """Networks of one design, in all their sizes.

    Attributes:
        name: of the design.
        layouts: of its checkpoints; the first that fits is taken.
        scale_of: common tensors -> scale.
        sizes: common tensors -> what else tells two networks of the family apart, in words.
    """

    name: str
    layouts: Sequence[KeyLayout]
    scale_of: Callable[[Tensors], int]
    sizes: Callable[[Tensors], str]

    def recognise(self, weights: Tensors | None) -> Recognised:
        """Bring a state dict to common names.

        Raises:
            ValueError: where there is none, or it is of no known layout.
        """
        if weights is None:
            raise ValueError(f"{self.name} needs trained weights")
        layout = next((layout for layout in self.layouts if layout.fits(weights)), None)
        if layout is None:
            keys = ", ".join(list(weights)[:3])
            raise ValueError(f"these are not weights of {self.name} in a known layout: the first keys are {keys}")
        tensors = layout.common(weights)
        scale = self.scale_of(tensors)
        return Recognised(tensors, scale, f"{self.name} for x{scale} with {self.sizes(tensors)}", layout)

    def load(self, network: "nn.Module", found: Recognised) -> None:
        """Put recognised weights into a network.

        Raises:
            ValueError: if they do not fit, with what does not.
        """
        state = network.state_dict()
        wanted = self.recognise(state)
        if found.words != wanted.words:
            raise ValueError(f"these weights are {found.words}, not {wanted.words}")
        _refuse("lack", wanted.tensors.keys() - found.tensors.keys())
        _refuse("hold, beyond this network,", found.tensors.keys() - wanted.tensors.keys())
        misshapen = {name for name, tensor in wanted.tensors.items() if tensor.shape != found.tensors[name].shape}
        _refuse("have another shape than this network at", misshapen)
        for name, tensor in wanted.tensors.items():  # the network's own memory
            tensor.copy_(found.tensors[name])


def pixel_shuffle_scale(tensors: Tensors) -> int:
    """Give the scale of an EDSR upsampler: each conv makes factor^2 times the channels it is given."""
    convs = [tensor for name, tensor in tensors.items() if re.fullmatch(r"up\.\d+\.weight", name)]
    return prod(isqrt(conv.shape[0] // conv.shape[1]) for conv in convs)


def count(tensors: Tensors, prefix: str) -> int:
    """Count the different numbers that follow a prefix among the names."""
    return len({match[1] for name in tensors if (match := re.match(re.escape(prefix) + r"(\d+)", name))})


def _module(key: str) -> str:
    return key.rpartition(".")[0]


def _refuse(trouble: str, names: set[str]) -> None:
    if names:
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        raise ValueError(f"these weights {trouble} {min(names)}{more}")
