"""The local engine: processes that end, are replaced, and keep their memory."""

import ctypes
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import pytest

from ikebench.engines import local
from ikebench.engines.contract import Finished, LastResult, Lost, Spoiled
from ikebench.engines.local import run_local


@dataclass
class Learning:
    """Work that counts what it has done; the first process wishes for another, or spoils every item in `spoils`."""

    mark: Path
    done: int = 0
    spoils: tuple[int, ...] = ()
    always: bool = False

    def __call__(self, item, worker, send):
        self.done += 1
        if item in self.spoils and (self.always or not self.mark.exists()):
            self.mark.touch()
            raise Spoiled("it is not the item")
        result = (item, self.done, os.getpid())
        if self.spoils or self.mark.exists():
            return result
        self.mark.touch()
        return LastResult(result, self)


def test_a_process_is_replaced_by_one_with_what_it_has_learned(tmp_path):
    first, second, third = run_local("abc", Learning(tmp_path / "mark"), 1)
    assert [event.result[:2] for event in (first, second, third)] == [("a", 1), ("b", 2), ("c", 3)]
    assert first.result[2] != second.result[2] == third.result[2]


def test_an_item_that_is_not_to_blame_is_tried_again_by_a_fresh_process_once(tmp_path):
    events = list(run_local(range(3), Learning(tmp_path / "mark", spoils=(1,)), 1))
    assert [event.result[:2] for event in events] == [(0, 1), (1, 1), (2, 2)]
    assert events[0].result[2] != events[1].result[2] == events[2].result[2]
    lost = list(run_local(range(2), Learning(tmp_path / "mark", spoils=(0,), always=True), 1))
    assert lost[0] == Lost(0, "it is not the item", spoiled=True)
    assert isinstance(lost[1], Finished) and len(lost) == 2


def diverge(item, worker, send):
    raise FloatingPointError(f"no number in {item}")


def test_a_worker_that_ends_with_an_error_says_it():
    [lost] = run_local(["this"], diverge, 1)
    assert lost == Lost(0, "the worker process ended with no number in this")


def test_workers_do_not_outlive_a_hiring_that_fails(monkeypatch):
    """Nor are they forked from a process that ends with a thread of this one."""
    hired, preloaded = [local._hire(diverge, 0)], [local._preloaded(["a"])]
    monkeypatch.setattr(local, "_hire", lambda work, number: hired[number])
    with pytest.raises(IndexError):
        next(run_local("ab", diverge, 2))
    assert not hired[0].process.is_alive()
    thread = Thread(target=lambda: preloaded.append(local._preloaded(["a"])))
    thread.start()
    thread.join()
    assert preloaded == [[local.ORPHAN, "a"], ["a"]]


class MallocInfo(ctypes.Structure):
    """glibc's mallinfo2 (malloc.h)."""

    names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
    _fields_ = [(name, ctypes.c_size_t) for name in names]


def mapped_blocks(item, worker, send):
    """Allocate 64 MiB, and count the blocks that the C library has got for itself and will give back at once."""
    libc = ctypes.CDLL(None)
    libc.mallinfo2.restype, libc.malloc.restype = MallocInfo, ctypes.c_void_p
    before = libc.mallinfo2().hblks
    assert libc.malloc(ctypes.c_size_t(2**26))
    return libc.mallinfo2().hblks - before


@pytest.mark.parametrize(("chosen", "mapped"), [(None, "0"), ("glibc.malloc.hugetlb=0", "1")])
def test_workers_keep_their_memory_unless_the_user_says_otherwise(chosen, mapped):
    script = """
from ikebench.engines.local import run_local
from test_engines import mapped_blocks
if __name__ == "__main__":
    [event] = run_local([0], mapped_blocks, 1)
    print(event.result)
"""
    environment = {name: value for name, value in os.environ.items() if name != "GLIBC_TUNABLES"}
    if chosen:
        environment["GLIBC_TUNABLES"] = chosen
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    found = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == mapped
