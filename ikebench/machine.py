"""What this machine has, found out without torch where that can be: GPUs, cores, memory, instructions."""

import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ikebench.errors import UserError

CPU_INFO = Path("/proc/cpuinfo")
MEMORY_INFO = Path("/proc/meminfo")
OWN_GROUP = Path("/proc/self/cgroup")
GROUPS = Path("/sys/fs/cgroup")
DRIVERS = tuple(map(Path, ("/dev/nvidiactl", "/dev/nvidia0", "/dev/kfd", "/dev/dxg")))  # NVIDIA's, AMD's, that of WSL


class GroupFiles(NamedTuple):
    """Where a control group says what it may take and has taken, in bytes.

    Attributes:
        limit: name of a file.
        used: name of a file.
        given_up: line of memory.stat, with what Linux gives up when it must.
    """

    limit: str
    used: str
    given_up: str


V1 = GroupFiles("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
V2 = GroupFiles("memory.max", "memory.current", "inactive_file")


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
    """Give the bytes that this process may still take: of the machine, or of the control groups (v1, v2) it is in."""
    free = _free_of_machine()
    for line in _lines(OWN_GROUP):
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        top, names = (GROUPS / "memory", V1) if controllers else (GROUPS, V2)
        own = top / path.lstrip("/")
        for folder in (own, *own.parents):
            with suppress(OSError, ValueError):  # "max": as much as the group above
                free = min(free, int((folder / names.limit).read_text()) - _used(folder, names))
    return max(free, 0)


def _free_of_machine() -> int:
    """Give the bytes that the machine can still give: what Linux reckons, or else what nobody uses at all."""
    values = {line.partition(":")[0]: line.split() for line in _lines(MEMORY_INFO)}
    if "MemAvailable" in values:
        return int(values["MemAvailable"][1]) * 1024
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _used(group: Path, names: GroupFiles) -> int:
    """Give the bytes that a control group has, without the copies of files that Linux gives up when it must."""
    found = dict(line.split() for line in _lines(group / "memory.stat"))
    return int((group / names.used).read_text()) - int(found.get(names.given_up, 0))


def _lines(path: Path) -> list[str]:
    """Read one of Linux's own files; nothing of one that is not there."""
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def cpu_has_bf16() -> bool:
    """Say whether this machine's CPU has instructions for bfloat16 (AVX-512 BF16, AMX, ARM's BF16)."""
    return any("bf16" in flag for flag in cpu_flags())


def cpu_flags() -> frozenset[str]:
    """List the instructions of the first core, as Linux names them; none where it does not say."""
    named = (line.partition(":") for line in _lines(CPU_INFO))
    return frozenset(next((text.split() for name, _, text in named if name.strip() in ("flags", "Features")), ()))
