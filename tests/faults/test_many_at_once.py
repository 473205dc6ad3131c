"""Several commands at once in one workspace: one works, the others say so, and nothing is spoilt."""

import pytest
from outcomes import RUN, assert_equal, copy_of, expect_ok, results, write_photos
from processes import start

pytestmark = pytest.mark.slow

MAKE = ("make-data", "--hr", "photos", "--kind", "median")
AT_ONCE = 4


@pytest.mark.parametrize("words", [MAKE, RUN, ("score",)], ids=["make-data", "run", "score"])
def test_one_works_and_the_others_say_so(tmp_path, words):
    write_photos(tmp_path / "template/photos")
    for before in {"make-data": (), "run": (MAKE,), "score": (MAKE, RUN)}[words[0]]:
        expect_ok(tmp_path / "template", *before)
    alone = copy_of(tmp_path / "template", tmp_path / "work")
    expect_ok(alone, *words)
    expected = results(alone)
    work = copy_of(tmp_path / "template", tmp_path / "work")
    processes = [start(work, *words) for _ in range(AT_ONCE)]
    said = [process.communicate(timeout=600)[1] for process in processes]
    codes = [process.returncode for process in processes]
    assert 0 in codes and set(codes) <= {0, 2}, said
    assert all("another ikebench is at work" in text for text, code in zip(said, codes, strict=True) if code)
    expect_ok(work, *words)
    assert_equal(results(work), expected)
