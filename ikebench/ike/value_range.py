"""What black and white are to the networks and losses of IKE."""

from dataclasses import dataclass
from typing import Self

from torch import Tensor

from ikebench.ike.method import RangeName


@dataclass(frozen=True)
class ValueRange:
    """A range of values that images of [0, 1] are mapped to, and back.

    Attributes:
        black: what 0 becomes; 1 stays 1.
    """

    black: float

    @classmethod
    def named(cls, name: RangeName) -> Self:
        """Give [-1, 1] for `signed`, [0, 1] for `unit`."""
        return cls({"signed": -1.0, "unit": 0.0}[name])

    @property
    def span(self) -> float:
        """White less black."""
        return 1 - self.black

    def of(self, image: Tensor) -> Tensor:
        """Map an image of [0, 1] to the range."""
        return image * self.span + self.black

    def back(self, image: Tensor, white: float = 1.0) -> Tensor:
        """Map an image of the range to [0, white]."""
        return (image - self.black) * (white / self.span)
