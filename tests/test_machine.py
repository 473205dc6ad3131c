"""How much is done at once: what free memory holds."""

import pytest

from ikebench import machine
from ikebench.scoring import scorer

GIB = 2**30


@pytest.fixture
def memory(tmp_path, monkeypatch):
    """Give a function that sets what is free of the machine, and the limits and use of nested control groups."""

    def set_memory(free, *groups):
        (tmp_path / "meminfo").write_text(f"MemTotal: {64 * 2**20} kB\nMemAvailable:   {free // 1024} kB\n")
        folder = tmp_path / "groups"
        for name, (limit, used) in zip(("job", "step"), groups, strict=False):
            folder = folder / name
            folder.mkdir(parents=True)
            (folder / "memory.max").write_text(f"{limit}\n")
            (folder / "memory.current").write_text(f"{used + 7}\n")
            (folder / "memory.stat").write_text("anon 5\ninactive_file 7\n")
        (tmp_path / "own").write_text(f"0::/{folder.relative_to(tmp_path / 'groups')}\n" if groups else "1:cpu:/\n")
        monkeypatch.setattr(machine, "MEMORY_INFO", tmp_path / "meminfo")
        monkeypatch.setattr(machine, "GROUPS", tmp_path / "groups")
        monkeypatch.setattr(machine, "OWN_GROUP", tmp_path / "own")

    return set_memory


@pytest.mark.parametrize(("groups", "expected"), [((), 8), ([(6 * GIB, GIB)], 5), ([(3 * GIB, GIB), ("max", 9)], 2)])
def test_free_memory_is_that_of_the_narrowest_group(memory, groups, expected):
    memory(8 * GIB, *groups)
    assert machine.free_memory() == expected * GIB


def test_machines_that_say_less(memory, tmp_path):
    """An older control group, one that does not say what it could give up, and no word of memory at all."""
    memory(8 * GIB)
    group = tmp_path / "groups/memory/job"
    group.mkdir(parents=True)
    for name, content in {
        "limit_in_bytes": 3 * GIB,
        "usage_in_bytes": GIB + 9,
        "stat": "total_inactive_file 9",
    }.items():
        (group / f"memory.{name}").write_text(f"{content}\n")
    (tmp_path / "own").write_text("3:cpu:/\n4:hugetlb,memory:/job\n0::/\n")
    assert machine.free_memory() == 2 * GIB
    (group / "memory.stat").unlink()
    assert machine.free_memory() == 2 * GIB - 9
    (tmp_path / "own").unlink()
    assert machine.free_memory() == 8 * GIB
    for content in ("MemTotal: 64 kB\n", None):
        (tmp_path / "meminfo").write_text(content) if content else (tmp_path / "meminfo").unlink()
        assert 0 < machine.free_memory() < 2**50


def test_as_many_at_once_as_memory_holds(memory):
    memory(8 * GIB)
    assert [machine.at_once(most, each * GIB) for most, each in ((64, 1), (4, 1), (64, 3), (64, 100))] == [8, 4, 2, 1]


def test_runs_and_scores_go_by_it(ikebench, photos, monkeypatch):
    asked, score = [], scorer.score
    monkeypatch.setattr(scorer, "score", lambda *given: asked.append(given[5]) or score(*given))
    ikebench("make-data", "--hr", photos, "--kind", "median")
    assert ikebench("run", "--methods", "bicubic").code == 0
    monkeypatch.setattr(machine, "core_count", lambda: 64)
    monkeypatch.setattr("ikebench.commands.score.core_count", lambda: 64)
    monkeypatch.setattr(machine, "free_memory", lambda: 3 * GIB)
    dry = ("run", "--methods", "bicubic", "--as", "other", "--dry-run")
    assert "with 3 workers" in ikebench(*dry).out and "with 9 workers" in ikebench(*dry, "--workers", 9).out
    monkeypatch.setattr(machine, "free_memory", lambda: 5 * 64 * 72 * 120)  # the larger HR image is 64x72
    assert ikebench("score").code == ikebench("score", "--workers", 7).code == 0
    assert asked[1:] == [5, 7]
