"""Jobs as Ray tasks, on this machine or on many. Ray schedules; this gives the events of `ikebench.engines.contract`.

Nothing here may be imported before the user asks for Ray: it is an optional dependency.
"""

import logging
import os
import signal
import socket
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import islice
from typing import Any, NoReturn

import ray
from ray.exceptions import OutOfMemoryError, RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from ikebench.engines.contract import Event, Finished, LastResult, Lost, Progressed, Spoiled, Work, keep_memory
from ikebench.errors import UserError

RETRIES = 3  # of an item whose worker or node was lost, before it counts as lost for good; Ray's own default
AHEAD = 1000  # items handed to Ray at once: each look at them takes time, and so many nodes nobody has
POLL = 0.5  # seconds between two looks at the progress
PATIENCE = 10  # seconds for a cluster's door to open, and for cancelled tasks to end
OBJECT_STORE_BYTES = 100 * 2**20  # images go through files; Ray's default would take a third of the memory


@dataclass(frozen=True)
class Cluster:
    """Where the tasks run.

    Attributes:
        address: HOST:PORT of a running cluster, or `auto` for one that this machine belongs to; None starts a Ray on
            this machine, for this run alone.
        cpus: of that Ray: so many tasks at once. A running cluster's own resources decide there.
        gpus_per_task: each task's share of a GPU; 0 on CPUs.
    """

    address: str | None
    cpus: int
    gpus_per_task: float


def run_ray(items: Sequence[Any], work: Work, cluster: Cluster) -> Iterator[Event]:
    """Work on items in Ray tasks of one CPU each; worker's number is 0, as Ray shows a task only the GPU it may use.

    A worker or node that dies costs nothing: Ray runs its items again, up to `RETRIES` times each. So it does with what
    a process fails at that is itself at fault. A process that wishes for another in its place (`LastResult`) goes on
    all the same, with what its work has learned: Ray ends processes before a result, never after one. Closing the
    iterator (Ctrl-C, say) ends the tasks; so does the death of this process.

    Raises:
        UserError: if the cluster cannot be joined or cannot run a single task.
    """
    if not items:
        return
    with _joined(cluster):
        board = _board()
        # max_calls: with Ray's default for GPUs, one, every task would pay for a process and its CUDA context.
        options = {"num_cpus": 1, "num_gpus": cluster.gpus_per_task, "max_retries": RETRIES, "max_calls": 0}
        task = ray.remote(**options)(_serve)
        shared = [ray.put(work)]  # in a list, or Ray would hand on a new copy for every task
        waiting = iter(enumerate(items))
        flying: dict[ray.ObjectRef, int] = {}
        try:
            while True:
                for index, item in islice(waiting, AHEAD - len(flying)):
                    flying[task.remote(index, item, shared, board)] = index
                if not flying:
                    return
                ended, _ = ray.wait(list(flying), timeout=POLL)
                under_way = set(flying.values())  # news may come late
                yield from (news for news in _read(board) if news.item in under_way)
                for reference in ended:
                    yield _outcome(flying.pop(reference), reference)
        finally:
            _cancel(list(flying))


@contextmanager
def _joined(cluster: Cluster) -> Iterator[None]:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # no prompt, no telemetry
    keep_memory()
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    if cluster.address is None:  # "local" lest Ray join whatever cluster it finds
        gpus = None if cluster.gpus_per_task else 0  # None: as many as there are
        memory = {"object_store_memory": OBJECT_STORE_BYTES}
        ray.init("local", num_cpus=cluster.cpus, num_gpus=gpus, include_dashboard=False, **memory, **quiet)
    else:
        _knock(cluster.address)
        try:
            ray.init(cluster.address, **quiet)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise UserError(f"--address {cluster.address}: {' '.join(str(error).split())}") from error
    try:
        _check_resources(cluster)
        yield
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Refuse an address where nobody listens: Ray would try for minutes, and end the process."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if not (host and port.isdigit()):
        raise UserError(f"--address {address}: give HOST:PORT of a Ray cluster's head, or auto")
    try:
        socket.create_connection((host, int(port)), timeout=PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise UserError(f"--address {address}: no Ray cluster answers there ({error})") from error


def _check_resources(cluster: Cluster) -> None:
    """Refuse what Ray would wait for in silence."""
    there = ray.cluster_resources()
    for resource, needed in {"CPU": 1, "GPU": cluster.gpus_per_task}.items():
        if there.get(resource, 0) < needed:
            raise UserError(f"a job needs {needed:g} {resource}, and Ray has {there.get(resource, 0):g} in all")


class _Board:
    """An actor: the latest progress of each item since it was last read."""

    def __init__(self) -> None:
        self.news: dict[int, Progressed] = {}

    def write(self, item: int, done: int, total: int) -> None:
        self.news[item] = Progressed(item, done, total)

    def read(self) -> list[Progressed]:
        news, self.news = self.news, {}
        return list(news.values())


def _board() -> Any:  # noqa: ANN401 (Ray's actor handles have no useful type)
    """Put the board on this process's own machine, which cannot be lost without it."""
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return ray.remote(num_cpus=0, max_restarts=-1, scheduling_strategy=here)(_Board).remote()


def _read(board: Any) -> list[Progressed]:  # noqa: ANN401
    try:
        return ray.get(board.read.remote(), timeout=PATIENCE)
    except RayError:  # a board that starts again, or a busy machine: progress is not worth a run
        return []


def _serve(index: int, item: Any, shared: list[ray.ObjectRef], board: Any) -> Any:  # noqa: ANN401
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which ends us
    if ray.get_gpu_ids() != _first_gpus():
        _give_way()  # CUDA is at home on the GPU of the first task, whatever Ray lends now

    def send(done: int, total: int) -> None:
        board.write.remote(index, done, total)

    try:
        result = _kept(shared[0])(item, 0, send)
    except Spoiled:
        traceback.print_exc()  # into Ray's log
        _give_way()
    return result.result if isinstance(result, LastResult) else result


@lru_cache(maxsize=1)
def _kept(work: ray.ObjectRef) -> Work:
    """Give this process's copy of the work, which learns from task to task."""
    return ray.get(work)


@cache
def _first_gpus() -> list[Any]:
    """Give the GPUs of this process's first task."""
    return ray.get_gpu_ids()


def _give_way() -> NoReturn:
    """End this process: Ray takes its task for lost, and runs it again in another. An error would keep the process."""
    sys.stderr.flush()
    os._exit(1)


def _outcome(item: int, reference: ray.ObjectRef) -> Event:
    try:
        return Finished(item, ray.get(reference))
    except RayTaskError as error:  # raised by `work`, or by Ray before it: no ikebench on that node, say
        return Lost(item, f"{type(error.cause).__name__}: {_first_line(error.cause)}")
    except RayError as error:
        reason = f"lost for good: {_first_line(error)}"
        return Lost(item, reason, from_outside=isinstance(error, OutOfMemoryError))


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _cancel(references: list[ray.ObjectRef]) -> None:
    """End tasks at once: nothing of them is kept anyway. Waits, so that none writes into a later run's files."""
    for reference in references:
        ray.cancel(reference, force=True)
    if references:
        ray.wait(references, num_returns=len(references), timeout=PATIENCE)
