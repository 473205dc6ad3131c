"""Where jobs run: the engine, the torch devices of its workers, and how many workers there are."""

from dataclasses import dataclass
from functools import partial

from ikebench import machine
from ikebench.engines.local import run_local
from ikebench.errors import UserError
from ikebench.run.runner import Engine

BYTES_OF_A_WORKER = 2**30  # on a CPU; the trainings take up to 0.85 GiB: benchmarks/speed.md


@dataclass(frozen=True)
class Placement:
    """Where jobs run.

    Attributes:
        engine: what spreads them.
        devices: torch devices; worker i uses the i-th, in turn. Ray shows a worker its own GPU alone, so there it is
            one name, as often as there are GPUs.
        workers: how many jobs, or groups of jobs, run at once.
        shares_devices: whether the engine itself puts several jobs on a device.
    """

    engine: Engine
    devices: tuple[str, ...]
    workers: int
    shares_devices: bool = False


def place(
    engine: str, device: str, workers: int | None = None, address: str | None = None, gpus_per_job: float | None = None
) -> Placement:
    """Choose where jobs run, from the options of `run`.

    Raises:
        UserError: for a device that is not there, options that contradict each other, or Ray without Ray.
    """
    if engine == "ray":
        return _on_ray(device, workers, address, gpus_per_job)
    for name, value in {"--address": address, "--gpus-per-job": gpus_per_job}.items():
        if value is not None:
            raise UserError(f"{name} has a meaning with --engine ray only: add that, or leave {name} out")
    devices = machine.available(device)
    workers = workers or (_on_cores() if devices == ("cpu",) else len(devices))
    return Placement(partial(run_local, workers=workers), devices, workers)


def _on_cores() -> int:
    return machine.at_once(machine.core_count(), BYTES_OF_A_WORKER)


def _on_ray(device: str, workers: int | None, address: str | None, gpus_per_job: float | None) -> Placement:
    try:
        from ikebench.engines.ray import Cluster, run_ray
    except ModuleNotFoundError as error:
        raise UserError("--engine ray needs Ray: pip install 'ikebench[ray]'") from error
    device, share = _ray_device(device, gpus_per_job)
    gpus = 1
    if address is None:
        gpus = len(machine.available(device))
        workers = workers or (gpus * int(1 / share) if share else _on_cores())
    else:
        workers = workers or 1  # how many there are, the cluster decides: estimates are for one
    cluster = Cluster(address, workers, share)
    devices = (device,) * gpus
    return Placement(partial(run_ray, cluster=cluster), devices, workers, shares_devices=0 < share < 1)


def _ray_device(device: str, share: float | None) -> tuple[str, float]:
    """Give the torch device of Ray's workers, which see only the GPU that Ray gives them, and a job's share of it."""
    if device not in ("auto", "cpu", "cuda"):
        raise UserError(f"--device {device}: with --engine ray say auto, cpu or cuda; Ray hands out the GPUs")
    if device == "auto":
        wants_gpu = machine.gpu_count() > 0 if share is None else share > 0
        device = "cuda" if wants_gpu else "cpu"
    if share is None:
        share = 1.0 if device == "cuda" else 0.0
    if (share > 0) != (device == "cuda"):
        raise UserError(f"--gpus-per-job {share:g} and --device {device}: leave out one of them")
    return device, share
