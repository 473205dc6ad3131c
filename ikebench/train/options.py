"""What to train, and on what."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ikebench.catalog import configured, recipe_class
from ikebench.errors import UserError
from ikebench.settings import Settings

if TYPE_CHECKING:
    from baselines.contract import Precision


@dataclass(frozen=True)
class TrainOptions:
    """The options of `train`."""

    network: str
    hr: Path
    validate: Path | None = None
    scale: int = 2
    settings: Settings = field(default_factory=dict)
    iterations: int | None = None
    seed: int = 0
    device: str = "auto"
    precision: "Precision" = "fp32"
    checkpoint_every: int = 1000
    restart: bool = False


def configured_recipe(options: TrainOptions) -> Any:  # noqa: ANN401 (a recipe of `ikebench.catalog.TRAINABLE`)
    """Build the hyperparameters that the options ask for.

    Raises:
        UserError: for an unknown network, parameter or scale.
    """
    name, own = options.network, dict(options.settings.get(options.network, {}))
    cls = recipe_class(name)
    stray = next((other for other in options.settings if other != name), None)
    if stray is not None:
        raise UserError(f"--set {stray}.…: the network that is trained is {name}")
    if options.scale not in cls.scales:
        raise UserError(f"--scale {options.scale}: {name} can be trained for {', '.join(map(str, cls.scales))}")
    if options.iterations is not None:
        if "iterations" in own:
            raise UserError(f"--iterations and --set {name}.iterations: give one of them")
        own["iterations"] = str(options.iterations)
    return configured(cls, name, own)
