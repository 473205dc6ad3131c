"""What this machine has, found out without torch where that can be: GPUs, cores, memory, instructions."""

import os
from contextlib import suppress
from pathlib import Path

from ikebench.errors import UserError

CPU_INFO = Path("/proc/cpuinfo")
MEMORY_INFO = Path("/proc/meminfo")
OWN_GROUP = Path("/proc/self/cgroup")
GROUPS = Path("/sys/fs/cgroup")
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


def at_once(most: int, bytes_each: float) -> int:
    """Choose how many pieces of work to do at once: as many as free memory holds, one at the least."""
    return max(1, min(most, int(free_memory() / bytes_each)))


def free_memory() -> int:
    """Give the bytes that this process may still take: of the machine, or of the control group that it is in."""
    values = {line.split(":")[0]: line.split()[1] for line in MEMORY_INFO.read_text().splitlines()}
    free = int(values["MemAvailable"]) * 1024
    own = next((line[4:] for line in OWN_GROUP.read_text().splitlines() if line.startswith("0::/")), "")
    for folder in (GROUPS / own, *(GROUPS / own).parents):
        with suppress(OSError, ValueError):  # "max": as much as the group above
            free = min(free, int((folder / "memory.max").read_text()) - _used(folder))
    return max(free, 0)


def _used(group: Path) -> int:
    """Give the bytes that a control group has, without the copies of files that Linux gives up when it must."""
    found = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    return int((group / "memory.current").read_text()) - int(found["inactive_file"])


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
