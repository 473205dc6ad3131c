"""Names and order of methods and kinds as the IKE paper prints them, and of our variants of its methods."""

import re

METHODS: dict[str, str] = {  # in the order of the tables
    "bicubic": "Bicubic",
    "edsr": "EDSR",
    "edsr-baseline": "EDSR-baseline",
    "rcan": "RCAN",
    "esrgan": "ESRGAN",
    "esrgan-psnr": "ESRGAN-PSNR",
    "zssr": "ZSSR",
    "zssr-gt": "ZSSR (true kernel)",
    "kernelgan-zssr": "KernelGAN+ZSSR",
    "dualsr": "DualSR",
    "ike": "IKE",
    "ike-release": "IKE (released code)",
}
KINDS: dict[str, str] = {
    "track2": "Track 2",
    "bilateral": "Bilateral",
    "median": "Median",
    "anisotropic": "Anisotropic Diffusion",
    "random": "Random",
    "bicubic": "Bicubic",
    "gaussian": "Gaussian",
    "paired": "Pairs as given",
}


def method_name(method: str) -> str:
    """Return the display name of a method; its own name where the paper has none."""
    return METHODS.get(method, method)


def kind_name(kind: str) -> str:
    """Return the display name of a degradation kind; its own name where it is not a known one."""
    return KINDS.get(kind, kind)


def method_order(method: str) -> tuple[int, str]:
    """Return a sort key: bicubic, then the paper's order, then all others by name."""
    return (list(METHODS).index(method) if method in METHODS else len(METHODS), method)


def kind_order(kind: str) -> tuple[int, str]:
    """Return a sort key: the paper's order, then all others by name."""
    return (list(KINDS).index(kind) if kind in KINDS else len(KINDS), kind)


def cell_name(kind: str, scale: int) -> str:
    """Name a kind at a scale, e.g. `Median ×2`."""
    return f"{kind_name(kind)} ×{scale}"


def without_folders(text: str) -> str:
    """Leave of every absolute path in a text its last part, so that a report tells nothing of a machine."""
    return re.sub(r"(?<![\w.:/\\<-])(?:~|[A-Za-z]:)?(?:[/\\][^\s/\\:'\",;)]+)*[/\\](?=[^\s/\\])", "", text)
