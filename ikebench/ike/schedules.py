"""How the weight of the energy term falls from its first value to its last."""

from collections.abc import Callable

from torch import Tensor

from ikebench.ike.method import EnergySchedule

Schedule = Callable[[float, float, Tensor], Tensor]
"""From the first value and the last to those of a training's progress (n,), which goes from 0 to 1."""

ENERGY_SCHEDULES: dict[EnergySchedule, Schedule] = {
    "linear": lambda first, last, progress: first + (last - first) * progress,
    "geometric": lambda first, last, progress: first * (last / first) ** progress,
    "late": lambda first, last, progress: first + (last - first) * (2 * progress - 1).clamp_min(0),
}
"""`late` keeps the first value for half of the training, and is linear from there on."""
