"""What the machine has: processor and its instructions, GPUs, memory, disk."""

import shutil
from pathlib import Path

from ikebench import machine
from ikebench.doctor.facts import Fact
from ikebench.provenance import processor

TOPIC = "machine"

INSTRUCTIONS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "bf16")
"""Flags of /proc/cpuinfo that decide how fast a training is; the last is ARM's."""

ROOMY = 2 * 2**30
"""Bytes of disk and of memory that the work on a few 2K images takes."""


def facts(workspace: Path) -> list[Fact]:
    """List what there is, and the precision that it makes worth while."""
    flags = [name for name in INSTRUCTIONS if name in machine.cpu_flags()]
    return [
        Fact(TOPIC, "processor", processor(), processor() or "unknown"),
        Fact(TOPIC, "cores", machine.core_count(), f"{machine.core_count()} for this process"),
        Fact(TOPIC, "instructions", flags, ", ".join(flags) or "none of " + ", ".join(INSTRUCTIONS)),
        _gpus(),
        _precision(flags),
        _memory(),
        _disk(workspace),
    ]


def _gpus() -> Fact:
    count = machine.gpu_count()
    if count:
        return Fact(TOPIC, "GPUs", count, f"{count} that torch sees: --device cuda")
    if any(driver.exists() for driver in machine.DRIVERS):
        return Fact(TOPIC, "GPUs", 0, "a driver, but torch sees none: install a build of torch with CUDA or ROCm")
    return Fact(TOPIC, "GPUs", 0, "none: no driver; the CPU does it")


def _precision(flags: list[str]) -> Fact:
    """Say what --precision is worth here, by what was measured (benchmarks/precision.md)."""
    if machine.gpu_count():
        return Fact(TOPIC, "precision", ["fp32", "bf16", "tf32"], "fp32; bf16 and tf32 are faster on most GPUs")
    if "amx_bf16" in flags:
        return Fact(TOPIC, "precision", ["fp32", "bf16"], "--precision bf16 trains 1.7 to 3.4 times as fast (AMX)")
    if "avx512_bf16" in flags or "bf16" in flags:
        return Fact(TOPIC, "precision", ["fp32", "bf16"], "--precision bf16 trains 1.6 to 2 times as fast")
    return Fact(TOPIC, "precision", ["fp32"], "fp32: this CPU has no instructions for bf16, which may be slower")


def _memory() -> Fact:
    free = machine.free_memory()
    words = f"{free / 2**30:.1f} GiB free"
    return Fact(TOPIC, "memory", free, words + ": little; try --workers 1" * (free < ROOMY))


def _disk(workspace: Path) -> Fact:
    there = next(folder for folder in (workspace.absolute(), *workspace.absolute().parents) if folder.exists())
    free = shutil.disk_usage(there).free
    mend = "" if free >= ROOMY else "make room, or take another --workspace"
    return Fact(TOPIC, "disk", free, f"{free / 2**30:.1f} GiB free for {workspace}", mend)
