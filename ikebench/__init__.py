"""Blind super-resolution on trial: how good is a method when the downscaling is unknown, even non-linear.

The command line is `ikebench`; in Python, on uint8 (H, W, 3) RGB arrays: `degrade`, `restore`, `score`, and
`load_scores` for what the command line has scored. They are imported when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ikebench.api import (
        Degraded,
        Restoration,
        degrade,
        degrade_with_kernel,
        load_scores,
        restore,
        restore_with_kernel,
        score,
    )
    from ikebench.errors import UserError
    from ikebench.images import read_image, write_png

__version__ = "0.1.0"

_HOMES = {  # public name -> module
    **dict.fromkeys(
        (
            "Degraded",
            "Restoration",
            "degrade",
            "degrade_with_kernel",
            "load_scores",
            "restore",
            "restore_with_kernel",
            "score",
        ),
        "ikebench.api",
    ),
    "UserError": "ikebench.errors",
    "read_image": "ikebench.images",
    "write_png": "ikebench.images",
}

__all__ = [
    "Degraded",
    "Restoration",
    "UserError",
    "degrade",
    "degrade_with_kernel",
    "load_scores",
    "read_image",
    "restore",
    "restore_with_kernel",
    "score",
    "write_png",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 (PEP 562)
    if name not in _HOMES:
        raise AttributeError(f"module 'ikebench' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
