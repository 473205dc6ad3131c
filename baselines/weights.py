"""Trained weights: the files that are known, and reading any of them as a flat state dict. Only readers need torch."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING

from baselines.contract import Weights

if TYPE_CHECKING:
    from torch import Tensor

SUFFIXES = (".pt", ".pth", ".safetensors")
CONTAINERS = (
    *("params_ema", "model_ema", "ema", "g_ema", "ema_state_dict"),  # averaged weights are those to use
    *(
        "params",
        "generator",
        "netG",
        "net_g",
        "G",
        "model_state_dict",
        "state_dict",
        "model",
        "net",
        "network",
        "weights",
    ),
)
"""Keys under which trainings keep a network's state dict, in the order in which one is chosen."""


@dataclass(frozen=True)
class KnownFile:
    """A released checkpoint.

    Attributes:
        method: in the catalog.
        scale: of the network.
        name: of the file.
        host: address that the name completes; "" where it is served to browsers only.
    """

    method: str
    scale: int
    name: str
    host: str = ""

    @property
    def url(self) -> str:
        """Where it is served, or ""."""
        return self.host and self.host + self.name

    @property
    def sha256_prefix(self) -> str:
        """What its SHA-256 starts with: the eight digits at the end of its name, as PyTorch's hub has it, or ""."""
        match = re.search(r"-([0-9a-f]{8})\.pth?$", self.name)
        return match[1] if match else ""


EDSR_HOST = "https://cv.snu.ac.kr/research/EDSR/models/"  # unreachable for many since 2024
TORCHSR = "https://github.com/Coloquinte/torchSR/releases/download/v1.0.3/"
MMEDITING = "https://download.openmmlab.com/mmediting/restorers/"
REAL_ESRGAN = "https://github.com/xinntao/Real-ESRGAN/releases/download/v0.1.1/"

FILES: dict[tuple[str, int], tuple[tuple[str, str], ...]] = {  # (method, scale) -> (host, name), the first is the best
    ("edsr", 2): (
        (EDSR_HOST, "edsr_x2-0edfb8a3.pt"),
        (TORCHSR, "edsr_x2.pt"),
        ("", "EDSR_Lx2_f256b32_DIV2K_official-be38e77d.pth"),
    ),
    ("edsr", 3): (
        (EDSR_HOST, "edsr_x3-ea3ef2c6.pt"),
        (TORCHSR, "edsr_x3.pt"),
        ("", "EDSR_Lx3_f256b32_DIV2K_official-3660f70d.pth"),
    ),
    ("edsr", 4): (
        (EDSR_HOST, "edsr_x4-4f62e9ef.pt"),
        (TORCHSR, "edsr_x4.pt"),
        ("", "EDSR_Lx4_f256b32_DIV2K_official-76ee1c8f.pth"),
    ),
    ("edsr-baseline", 2): (
        (EDSR_HOST, "edsr_baseline_x2-1bc95232.pt"),
        (TORCHSR, "edsr64_x2.pt"),
        (MMEDITING + "edsr/", "edsr_x2c64b16_1x16_300k_div2k_20200604-19fe95ea.pth"),
        ("", "EDSR_Mx2_f64b16_DIV2K_official-3ba7b086.pth"),
    ),
    ("edsr-baseline", 3): (
        (EDSR_HOST, "edsr_baseline_x3-abf2a44e.pt"),
        (TORCHSR, "edsr64_x3.pt"),
        (MMEDITING + "edsr/", "edsr_x3c64b16_1x16_300k_div2k_20200608-36d896f4.pth"),
        ("", "EDSR_Mx3_f64b16_DIV2K_official-6908f88a.pth"),
    ),
    ("edsr-baseline", 4): (
        (EDSR_HOST, "edsr_baseline_x4-6b446fab.pt"),
        (TORCHSR, "edsr64_x4.pt"),
        (MMEDITING + "edsr/", "edsr_x4c64b16_1x16_300k_div2k_20200608-3c2af8a3.pth"),
        ("", "EDSR_Mx4_f64b16_DIV2K_official-0c287733.pth"),
    ),
    ("rcan", 2): ((TORCHSR, "rcan_x2.pt"), ("", "RCAN_BIX2.pt"), ("", "RCAN_BIX2-official.pth")),
    ("rcan", 3): ((TORCHSR, "rcan_x3.pt"), ("", "RCAN_BIX3.pt"), ("", "RCAN_BIX3-official.pth")),
    ("rcan", 4): ((TORCHSR, "rcan_x4.pt"), ("", "RCAN_BIX4.pt"), ("", "RCAN_BIX4-official.pth")),
    ("esrgan", 4): (
        (REAL_ESRGAN, "ESRGAN_SRx4_DF2KOST_official-ff704c30.pth"),
        (MMEDITING + "esrgan/", "esrgan_x4c64b23g32_1x16_400k_div2k_20200508-f8ccaf3b.pth"),
        ("", "RRDB_ESRGAN_x4.pth"),
        ("", "RRDB_ESRGAN_x4_old_arch.pth"),
    ),
    ("esrgan-psnr", 4): (
        (MMEDITING + "esrgan/", "esrgan_psnr_x4c64b23g32_1x16_1000k_div2k_20200420-bf5c993c.pth"),
        ("", "ESRGAN_PSNR_SRx4_DF2K_official-150ff491.pth"),
        ("", "RRDB_PSNR_x4.pth"),
        ("", "RRDB_PSNR_x4_old_arch.pth"),
    ),
}


def known_files(method: str, scale: int) -> list[KnownFile]:
    """List the released checkpoints of a method at a scale, the best first."""
    return [KnownFile(method, scale, name, host) for host, name in FILES.get((method, scale), ())]


def known_file(name: str) -> KnownFile | None:
    """Find a released checkpoint by its file name."""
    return next((known for method, scale in FILES for known in known_files(method, scale) if known.name == name), None)


class _Code(Exception):
    """A checkpoint that holds more than tensors and plain data."""


def read_weights(path: Path) -> Weights:
    """Read a checkpoint; no code that it may hold is run.

    Returns:
        Its state dict, flat: key, prefix included -> tensor on the CPU.

    Raises:
        ValueError: one line, for a file that is missing, damaged, or holds no tensors.
    """
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    try:
        content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)
        tensors = Weights(_tensors(content))  # of a dictionary that holds itself, this finds no end
    except _Code as error:
        raise ValueError(f"{path}: {error}") from error
    except ImportError:
        raise ValueError(f"{path}: `pip install safetensors` is needed to read it") from None
    except Exception as error:  # both readers raise many things for a damaged file
        raise ValueError(f"{path}: damaged, or not a checkpoint of tensors alone ({type(error).__name__})") from error
    if not tensors:
        keys = ", ".join(map(str, list(content)[:5])) if isinstance(content, Mapping) else type(content).__name__
        raise ValueError(f"{path}: no tensors in it where a state dict is looked for; it holds {keys or 'nothing'}")
    return tensors


def _tensors(content: object) -> "dict[str, Tensor]":
    """Find a network's state dict: in a container, else here, else in the one thing here that holds tensors."""
    from torch import Tensor

    if not isinstance(content, Mapping):
        return {}
    contained = (_tensors(content[key]) for key in CONTAINERS if key in content)
    own = {str(key): value for key, value in content.items() if isinstance(value, Tensor)}
    found = next(filter(None, contained), own)
    if found:
        return found
    inner = [tensors for value in content.values() if (tensors := _tensors(value))]
    return inner[0] if len(inner) == 1 else {}


def _read_pickle(path: Path) -> object:
    import torch

    try:
        return torch.load(path, weights_only=True, map_location="cpu")
    except UnpicklingError as error:
        found = re.search(r"GLOBAL (\S+)", str(error))
        if found is None:
            raise
        what = f"it holds {found[1]}, which loading would run"
        raise _Code(f"{what}: save the state dict alone, torch.save(network.state_dict(), ...)") from error


def _read_safetensors(path: Path) -> object:
    return import_module("safetensors.torch").load_file(path)
