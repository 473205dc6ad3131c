"""Work in processes of this machine."""

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import forkserver, get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from threading import Thread, current_thread, main_thread
from typing import Any

from ikebench.engines.contract import Event, Finished, LastResult, Lost, Progressed, Spoiled, Work, keep_memory
from ikebench.errors import one_line

ORPHAN = "ikebench.engines.orphan"
FROM_OUTSIDE = (-signal.SIGKILL, -signal.SIGTERM)
"""Exit codes of processes that others have ended: for want of memory, say."""


@dataclass(eq=False)
class _Worker:
    work: Work
    process: BaseProcess
    connection: Connection
    item: int | None = None


def run_local(items: Sequence[Any], work: Work, workers: int) -> Iterator[Event]:
    """Work on items in processes of this machine, in order, each process one item at a time.

    A process that dies costs the item that it worked on, no other: a new one takes its place, and tries the item again
    if it was the process that was at fault. Closing the iterator (Ctrl-C, say) ends the processes; so does the death of
    this one, however violent.
    """
    waiting = list(range(len(items)))[::-1]
    tried_again: set[int] = set()
    crew: list[_Worker] = []
    try:
        for number in range(min(workers, len(items))):
            crew.append(_hire(work, number))
        for worker in crew:
            _assign(worker, waiting, items)
        while any(worker.item is not None for worker in crew):
            busy = [worker for worker in crew if worker.item is not None]
            # Of a dead worker, a process that it has started may still hold the connection open.
            ready = wait([end for worker in busy for end in (worker.connection, worker.process.sentinel)])
            for number, worker in enumerate(crew):
                if worker not in busy or not {worker.connection, worker.process.sentinel}.intersection(ready):
                    continue
                event = _receive(worker)
                worker = crew[number] = _after(event, worker, number)
                if isinstance(event, Lost) and event.spoiled and event.item not in tried_again:
                    tried_again.add(event.item)
                    waiting.append(event.item)
                else:
                    yield event
                if worker.item is None:
                    _assign(worker, waiting, items)
    finally:
        for worker in crew:
            _dismiss(worker)


def _hire(work: Work, number: int) -> _Worker:
    """Start a worker: a fork of a process that has imported what the work needs, once for all, and done nothing else.

    A fork of this process would not be safe with CUDA or threads; processes of their own would import torch each.
    """
    context = get_context("forkserver")
    modules = getattr(work, "imports", (work.__module__,))
    context.set_forkserver_preload(_preloaded(modules))  # without effect once that process is there
    ours, theirs = context.Pipe()
    keep_memory()
    process = context.Process(target=_serve, args=(theirs, work, number, dict(os.environ)), daemon=True)
    with _interrupts_held():  # the process to fork from must not hear Ctrl-C while it imports; the mask is inherited
        process.start()
    theirs.close()
    return _Worker(work, process, ours)


def prepare(modules: Sequence[str]) -> None:
    """Have the workers of everything that follows in this process forked from one that has imported these modules."""
    keep_memory()
    with _interrupts_held():
        forkserver.set_forkserver_preload(_preloaded(modules))
        forkserver.ensure_running()


def _preloaded(modules: Sequence[str]) -> list[str]:
    """Name what the process to fork from imports; the death of a thread, which may come early, is not to end it."""
    return [ORPHAN, *modules] if current_thread() is main_thread() else list(modules)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hear of a Ctrl-C afterwards."""
    resource_tracker.ensure_running()  # or the start below starts it, which lets Ctrl-C through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _assign(worker: _Worker, waiting: list[int], items: Sequence[Any]) -> None:
    if waiting:
        worker.item = waiting.pop()
        try:
            worker.connection.send((worker.item, items[worker.item]))
        except OSError:
            pass  # it is dead already: reading from it says so


def _receive(worker: _Worker) -> Event:
    try:
        if worker.connection.poll():
            return worker.connection.recv()
    except (EOFError, OSError):
        pass
    worker.process.join(timeout=5)
    assert worker.item is not None
    code = worker.process.exitcode
    return Lost(worker.item, _cause(code), from_outside=code in FROM_OUTSIDE)


def _after(event: Event, worker: _Worker, number: int) -> _Worker:
    """Give the worker that goes on after an event: the same, or a fresh one."""
    if isinstance(event, Lost):
        return _replace(worker, worker.work, number)
    if isinstance(event, Finished):
        worker.item = None
        if event.successor is not None:
            return _replace(worker, event.successor, number)
    return worker


def _cause(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        name = signal.Signals(-exitcode).name
        hint = " (out of memory?)" if name == "SIGKILL" else ""
        return f"the worker process was ended by {name}{hint}"
    return f"the worker process ended with exit code {exitcode}"


def _replace(worker: _Worker, work: Work, number: int) -> _Worker:
    _dismiss(worker)
    return _hire(work, number)


def _dismiss(worker: _Worker) -> None:
    if worker.item is not None:
        worker.process.kill()  # in the middle of something: nothing of it is kept anyway
    worker.connection.close()
    worker.process.join(timeout=10)


def _serve(connection: Connection, work: Work, number: int, environment: dict[str, str]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which ends us
    Thread(target=_die_with_parent, daemon=True).start()
    os.environ.clear()
    os.environ.update(environment)  # the parent's of now, not of when the first worker was hired
    while True:
        try:
            index, item = connection.recv()
        except EOFError:
            return

        def send(done: int, total: int, index: int = index) -> None:
            connection.send(Progressed(index, done, total))

        try:
            result = work(item, number, send)
        except Spoiled as error:
            return connection.send(Lost(index, str(error), spoiled=True))
        except Exception as error:
            connection.send(Lost(index, f"the worker process ended with {one_line(error)}"))
            raise
        if isinstance(result, LastResult):
            connection.send(Finished(index, result.result, result.successor))
        else:
            connection.send(Finished(index, result))


def _die_with_parent() -> None:
    """Wait for the parent's death, even by kill -9, and follow it: an orphan would do a job that is run again."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGKILL)
