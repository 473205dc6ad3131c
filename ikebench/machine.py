"""What this machine has, found out without torch where that can be: GPUs, cores, instructions."""

import os
from pathlib import Path

from ikebench.errors import UserError

CPU_INFO = Path("/proc/cpuinfo")
MEMORY_INFO = Path("/proc/meminfo")
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
    return any("bf16" in flag for flag in cpu_flags())


def cpu_flags() -> frozenset[str]:
    """List the instructions of the first core, as Linux names them; none where it does not say."""
    try:
        lines = CPU_INFO.read_text().splitlines()
    except OSError:
        return frozenset()
    named = (line.partition(":") for line in lines)
    return frozenset(next((text.split() for name, _, text in named if name.strip() in ("flags", "Features")), ()))


def memory() -> tuple[int, int]:
    """Give the bytes of memory that are free for new work, and those that there are."""
    lines = (line.split() for line in MEMORY_INFO.read_text().splitlines())
    kib = {words[0]: int(words[1]) for words in lines}
    return 1024 * kib["MemAvailable:"], 1024 * kib["MemTotal:"]
