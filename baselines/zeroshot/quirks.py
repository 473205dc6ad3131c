"""What the released codes do by mistake, each with a name, so that it can be switched on where parity is claimed."""

from collections.abc import Sequence

CHANNEL_SUM = "channel-sum"
"""Every channel of the bicubic loss's target is R + G + B downscaled (KernelGAN, DualSR, IKE)."""
NOISE_IN_PLACE = "noise-in-place"
"""The noise of the real crops stays in the training image (KernelGAN, IKE)."""
BORDER_TAPS = "border-taps"
"""Bicubic resizing ignores the border at the top and left (ZSSR, DualSR)."""
OLD_NUMPY = "old-numpy"
"""The variance of the fit to the errors is divided by n - 4, as NumPy did before 1.16 (ZSSR)."""


def chosen_quirks(method: str, text: str, known: Sequence[str]) -> frozenset[str]:
    """Read the `quirks` parameter of a method: none, all, or names between commas.

    Raises:
        ValueError: for a name that is not among `known`.
    """
    if text == "none":
        return frozenset()
    if text == "all":
        return frozenset(known)
    names = frozenset(text.split(","))
    if not names <= set(known):
        raise ValueError(f"{method}: quirks must be none, all or some of {', '.join(known)}, not '{text}'")
    return names
