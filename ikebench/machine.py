"""What this machine has, found out without torch where that can be: GPUs, cores, instructions."""

import os
from pathlib import Path

from ikebench.errors import UserError

CPU_INFO = Path("/proc/cpuinfo")
DRIVERS = tuple(map(Path, ("/dev/nvidiactl", "/dev/nvidia0", "/dev/kfd", "/dev/dxg")))  # NVIDIA's, AMD's, that of WSL


def available(wanted: str) -> tuple[str, ...]:
    """Give the torch devices to use, one per worker: for `auto`, every GPU, or the CPU.

    Raises:
        UserError: if there is no such device.
    """
    gpus = [f"cuda:{index}" for index in range(gpu_count())]
    choices = {"cpu": ["cpu"], "cuda": gpus, "auto": gpus or ["cpu"]} | {gpu: [gpu] for gpu in gpus}
    if not choices.get(wanted):
        found = ", ".join(["cpu", *gpus]) if gpus else "cpu only (torch sees no CUDA device)"
        raise UserError(f"--device {wanted}: there is {found}")
    return tuple(choices[wanted])


def gpu_count() -> int:
    """Count the GPUs that torch sees; without a driver there are none, and torch need not be asked."""
    if not any(driver.exists() for driver in DRIVERS):
        return 0
    import torch

    return torch.cuda.device_count()


def core_count() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0))


def cpu_has_bf16() -> bool:
    """Say whether this machine's CPU has instructions for bfloat16 (AVX-512 BF16, AMX, ARM's BF16)."""
    return "bf16" in CPU_INFO.read_text()
