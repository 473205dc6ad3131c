"""Released checkpoints name the same tensors in different ways: a table of names for each way, and one reader for all.

Both a checkpoint and our network are brought to common names (`head`, `blocks.0.0`, `up.0`, ...) by the same tables;
there they are compared, described and matched.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isqrt, prod
from typing import TYPE_CHECKING

from baselines.normalisation import Normalisation, taken_from

if TYPE_CHECKING:
    from torch import Tensor, nn

Tensors = Mapping[str, "Tensor"]


@dataclass(frozen=True)
class KeyLayout:
    """One way of naming. Whatever stands before all names (`module.`, `model.`, `generator.`, ...) is found out.

    Attributes:
        name: for error messages.
        value_range: that white has inside networks whose checkpoints are named like this, where they do not tell.
        renames: (regular expression of a whole module name, common name); the first three rows, the network's first
            conv among them at the top, are what the layout is recognised by.
    """

    name: str
    value_range: float
    renames: Sequence[tuple[str, str]]

    def prefixes(self, weights: Tensors) -> list[str]:
        """List what stands before this layout's names: one for each network that is there."""
        modules = {_module(key) for key in weights if key.endswith(".weight")}
        first = re.compile(rf"((?:.+\.)?){self.renames[0][0]}")
        starts = sorted(match[1] for module in modules if (match := first.fullmatch(module)))
        return [start for start in starts if all(_names(modules, start, row) for row, _ in self.renames[:3])]

    def common(self, weights: Tensors, prefix: str) -> "dict[str, Tensor]":
        """Give the tensors under their common names; names that are in no row stay, keys without the prefix go."""
        own = {key.removeprefix(prefix): tensor for key, tensor in weights.items() if key.startswith(prefix)}
        return {self._rename(key): tensor for key, tensor in own.items()}

    def _rename(self, key: str) -> str:
        module = _module(key)
        for pattern, common in self.renames:
            match = re.fullmatch(pattern, module)
            if match:
                return match.expand(common) + key.removeprefix(module)
        return key


@dataclass(frozen=True)
class Recognised:
    """The weights of a checkpoint under their common names.

    Attributes:
        tensors: by common name.
        scale: of the network they are of.
        sizes: the method's hyperparameter -> its number in that network.
        words: which network that is, in words.
        normalisation: of its images.
    """

    tensors: Tensors
    scale: int
    sizes: Mapping[str, int]
    words: str
    normalisation: Normalisation


@dataclass(frozen=True)
class Family:
    """Networks of one design, in all their sizes.

    Attributes:
        name: of the design.
        layouts: of its checkpoints; the first that fits is taken.
        scale_of: common tensors -> scale.
        sizes: common tensors -> the hyperparameters that tell two networks of the family apart.
    """

    name: str
    layouts: Sequence[KeyLayout]
    scale_of: Callable[[Tensors], int]
    sizes: Callable[[Tensors], Mapping[str, int]]

    def recognise(self, weights: Tensors | None) -> Recognised:
        """Bring a state dict to common names.

        Raises:
            ValueError: where there is none, it is of no known layout, holds several networks, lacks a layer, has one of
                another shape, or shifts colours in a way that is not understood.
        """
        if weights is None:
            raise ValueError(f"{self.name} needs trained weights")
        layout, prefix = self._found(weights)
        tensors = layout.common(weights, prefix)
        normalisation = taken_from(tensors, layout.value_range)
        try:
            scale, sizes = self.scale_of(tensors), self.sizes(tensors)
        except (LookupError, ArithmeticError, TypeError) as error:  # no such tensor, or one of fewer dimensions
            raise ValueError(f"these weights lack a layer of {self.name}, or one has another shape") from error
        words = f"{self.name} for x{scale} with {', '.join(f'{name} {number}' for name, number in sizes.items())}"
        return Recognised(tensors, scale, sizes, words, normalisation)

    def _found(self, weights: Tensors) -> tuple[KeyLayout, str]:
        """Give the layout that fits, and what stands before its names; of several networks, the averaged one."""
        for layout in self.layouts:
            prefixes = layout.prefixes(weights)
            averaged = [prefix for prefix in prefixes if "ema" in prefix]
            if len(averaged) == 1 or len(prefixes) == 1:
                return layout, (averaged or prefixes)[0]
            if prefixes:
                names = ", ".join(prefix or "one without" for prefix in prefixes)
                raise ValueError(f"several networks begin with {names}: save one of them alone")
        keys = ", ".join(list(weights)[:3])
        raise ValueError(f"these are not weights of {self.name} in a known layout: the first keys are {keys}")

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


def _names(modules: set[str], prefix: str, pattern: str) -> bool:
    """Tell whether a row of a layout names one of these modules."""
    row = re.compile(re.escape(prefix) + pattern)
    return any(row.fullmatch(module) for module in modules)


def _module(key: str) -> str:
    return key.rpartition(".")[0]


def _refuse(trouble: str, names: set[str]) -> None:
    if names:
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        raise ValueError(f"these weights {trouble} {min(names)}{more}")
