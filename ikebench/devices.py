"""What workers do with their torch device: its name, clock, memory and arithmetic."""

import ctypes
from contextlib import suppress
from pathlib import Path

import torch

from baselines.contract import Precision


def name_of(device: torch.device) -> str:
    """Give the GPU's own name, or `cpu`."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def select(device: torch.device) -> None:
    """Make a GPU the process's own: what names no device would open a context on the first."""
    if device.index is not None:
        torch.cuda.set_device(device)


def set_arithmetic(device: torch.device, precision: Precision) -> None:
    """Allow TF32 in this process for `tf32`, and forbid it for the others: torch's default is on for convolutions."""
    if device.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"


def synchronise(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def reset_peak_memory(device: torch.device) -> None:
    """Give back what is not in use, and measure the peak from now on."""
    if device.type == "cuda":
        torch.cuda.init()  # or the statistics refuse
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
        return
    # Other C libraries and some containers refuse; then the peak is that of the process so far.
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM (man 5 proc)


def peak_memory_mib(device: torch.device) -> float:
    """Peak of what the allocator had of the GPU's memory, or of the process's resident memory on a CPU.

    Reserved memory, not allocated: a graph's private pool counts as in use while it is recorded only.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device) / 2**20
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return float("nan")


def room_for(device: torch.device, fill: float, ours: float) -> int:
    """Count how often what took the most memory since `reset_peak_memory` fits into what is free of a GPU.

    Args:
        device: the GPU.
        fill: share of that to be filled.
        ours: share of the whole GPU that this process may take.
    """
    taken = max(torch.cuda.max_memory_reserved(device), 1)  # reserved: what the allocator could not use is taken, too
    torch.cuda.empty_cache()
    free, total = torch.cuda.mem_get_info(device)
    return int(fill * min(free, ours * total) / taken)
