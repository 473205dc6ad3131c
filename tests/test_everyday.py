"""What a person meets in the first minutes: names, groups, quick looks, results that are kept, taken in and removed."""

import json
import shutil
from pathlib import Path

import pytest
from tables import read_table

from ikebench.catalog import METHODS, expand_kinds, expand_methods, method_class
from ikebench.errors import unknown
from ikebench.images import read_image, write_png
from ikebench.run.jobs import choose_methods

TINY = ("--set", "zssr.width=4", "--set", "zssr.layers=2")
COMPANIONS = (".log", ".checkpoint", "_trace.parquet", "_kernel_x2.npy", "_kernel_x2.mat")


@pytest.fixture
def cat(ikebench, photos):
    """A median set of one photo."""
    (photos / "cup.png").unlink()
    assert ikebench("make-data", "--hr", photos, "--kind", "median").code == 0


def runs():
    return read_table(Path("bench/runs.parquet")).set_index("method")


def test_a_longer_training_is_given_up_on_demand_alone(ikebench, cat):
    run = ("run", "--methods", "zssr", *TINY)
    ikebench(*run, "--iterations", 3)
    key = runs().loc["zssr", "key"]
    kept = ikebench(*run, "--iterations", 2)
    assert kept.code == 0 and "zssr: 1 results of longer trainings are kept: --replace" in kept.err
    assert runs().loc["zssr", "key"] == key
    replaced = ikebench(*run, "--iterations", 2, "--replace", "--list-jobs")  # which runs nothing
    assert "1 job to run" in replaced.out and "zssr: 1 results of longer trainings will be replaced" in replaced.err
    assert "other settings" not in replaced.err and runs().loc["zssr", "key"] == key
    assert "1 job to run" in ikebench(*run, "--iterations", 4, "--dry-run").out
    ikebench("make-data", "--hr", "photos", "--kind", "median", "--set", "median.size=3")  # the result is stale
    assert "1 job to run" in ikebench(*run, "--iterations", 2, "--dry-run").out


def test_results_are_taken_in_and_removed(ikebench, cat):
    hr = read_image("photos/cat.png")
    write_png("theirs/cat_out.png", hr)
    write_png("theirs/dog.png", hr)
    outcome = ikebench("run", "--methods", "bicubic", "--sr", "swinir=theirs")
    assert outcome.code == 1  # of one file nobody knows what it is
    assert "swinir: 1 SR images of photos median x2" in outcome.err
    assert "refused theirs/dog.png: named for no image of photos median x2" in outcome.err
    row = runs().loc["swinir"]
    assert row["status"] == "ok" and row["note"] == "images made elsewhere"
    scores = read_table(Path("bench/scores.parquet")).set_index("method")
    assert scores.loc["swinir", "psnr_ike"] == float("inf")
    Path("theirs/dog.png").unlink()
    assert "1 there already" in ikebench("run", "--sr", "swinir=theirs").err
    assert "did you mean 'swinir'" in ikebench("remove", "swin").err
    removed = ikebench("remove", "swinir")
    assert removed.code == 0 and "swinir: 1 results (0 failed) on photos median x2 removed" in removed.err
    assert list(runs().index) == ["bicubic"] and not Path("bench/sr/swinir").exists()
    assert list(read_table(Path("bench/scores.parquet"))["method"]) == ["bicubic"]


def test_results_made_here_are_given_up_on_demand_alone(ikebench, cat):
    ikebench("run", "--methods", "bicubic", "--as", "mine")
    write_png("theirs/cat.png", read_image("photos/cat.png"))
    before = Path("bench/sr/mine/photos/median/X2/cat.png").read_bytes()
    beside = [Path(f"bench/sr/mine/photos/median/X2/cat{end}") for end in COMPANIONS]
    for path in beside:
        path.touch()
    refused = ikebench("run", "--sr", "mine=theirs")
    assert refused.code == 2 and "1 results made here are kept under that name" in refused.err
    assert Path("bench/sr/mine/photos/median/X2/cat.png").read_bytes() == before and all(map(Path.exists, beside))
    replaced = ikebench("run", "--sr", "mine=theirs", "--replace")
    assert replaced.code == 0 and runs().loc["mine", "note"] == "images made elsewhere"
    assert not any(map(Path.exists, beside))


def test_folders_are_taken_whole_or_not_at_all(ikebench, photos):
    ikebench("make-data", "--hr", "photos", "--kind", "median")
    for name in ("cat", "cup"):
        write_png(f"theirs/{name}.png", read_image(f"photos/{name}.png"))
    write_png("others/dog.png", read_image("photos/cat.png"))
    failed = ikebench("run", "--sr", "a=theirs", "--sr", "b=others")
    assert failed.code == 2 and "no file there is named for an image" in failed.err and not Path("bench/sr").exists()
    limited = ikebench("run", "--sr", "a=theirs", "--limit", 1)  # cup.png is no stray
    assert limited.code == 0 and "a: 1 SR images of photos median x2" in limited.err and "refused" not in limited.err
    assert not Path("bench/sr/a/photos/median/X2/cup.png").exists()


@pytest.mark.parametrize("where", ["shutil.rmtree", "ikebench.commands.remove.score_and_report"])
def test_a_remove_that_is_stopped_is_ended_by_the_same_command(ikebench, cat, monkeypatch, where):
    ikebench("run", "--methods", "bicubic,zssr", "--iterations", 1, *TINY)

    def stop(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(where, stop)
        assert ikebench("remove", "zssr").code not in (0, 2)
    again = ikebench("remove", "zssr")
    assert again.code == 0 and "with the rest of an earlier remove" in again.err
    assert list(runs().index) == ["bicubic"] and not list(Path("bench").glob(".zssr*"))
    assert list(read_table(Path("bench/scores.parquet"))["method"]) == ["bicubic"]
    assert ikebench("remove", "zssr").code == 2 and not list(Path("bench").glob(".zssr*"))


def test_after_the_last_method_is_removed_there_are_no_scores(ikebench, cat):
    ikebench("run", "--methods", "bicubic")
    assert ikebench("remove", "bicubic").code == 0
    outcome = ikebench("report")
    assert outcome.code == 2 and "there are no scores: `ikebench run` makes some" in outcome.err


def test_remove_makes_no_workspace(ikebench):
    outcome = ikebench("remove", "ike", "--workspace", "nowhere")
    assert outcome.code == 2 and "no such folder" in outcome.err and not Path("nowhere").exists()


def test_an_image_laid_by_hand_is_reported(ikebench, cat):
    shutil.copy("photos/cat.png", "bench/data/x.png")
    write_png("bench/sr/mine/photos/median/X2/cat.png", read_image("photos/cat.png"))
    outcome = ikebench("run", "--methods", "bicubic")
    assert outcome.code == 0 and "sr/mine/photos/median/X2/cat.png is no result: no run wrote it" in outcome.err
    assert outcome.err.count("is no result") == 1


@pytest.mark.parametrize("more", [0, 1, -1, 2])
def test_a_pixel_more_or_less_is_taken_where_that_is_said(ikebench, cat, more):
    hr = read_image("photos/cat.png")
    image = hr[:more] if more < 0 else hr[list(range(len(hr))) + [-1] * more]
    write_png("theirs/cat.png", image)
    outcome = ikebench("run", "--sr", "theirs=theirs")
    assert outcome.code == bool(more) and ("--off-by-one" in outcome.err) == (abs(more) == 1)
    assert ikebench("run", "--sr", "theirs=theirs", "--off-by-one").code == (more == 2)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "give --methods"),
        (["--sr", "ike=photos"], "that is a method's own name"),
        (["--sr", "all=photos"], "that name stands for several methods"),
        (["--methods", "bicubic", "--as", "zero-shot"], "that name stands for several methods"),
        (["--methods", "bicubic", "--as", "mine", "--sr", "mine=photos"], "--methods or --as keeps results"),
        (["--sr", "mine-quick=photos"], "--quick keeps its results"),
        (["--sr", "photos"], "write it as name=folder"),
        (["--sr", "a=photos/cat.png"], "a file, not a folder"),
        (["--sr", "a=nowhere"], "no such folder"),
        (["--sr", "a=photos", "--sr", "a=photos"], "given twice"),
        (["--sr", "a=photos", "--dry-run"], "leave out"),
        (["--sr", "a=bench/data/photos/LR_median/X2", "--limit", "1", "--kind", "random"], "no data of kind"),
        (["--lr", "photos/cat.png", "--scale", "2", "--methods", "bicubic"], "a file, not a folder"),
        (["--methods", "ike", "--quick", "--iterations", "3"], "leave out --quick or --iterations"),
        (["--methods", "ike", "--quick", "--set", "ike.iterations=3"], "--quick and --set ike.iterations"),
        (["--methods", "bicubic", "--off-by-one", "--dry-run"], "--off-by-one is of --sr NAME=FOLDER"),
    ],
)
def test_wrong_input_is_one_line(ikebench, cat, arguments, words):
    outcome = ikebench("run", *arguments)
    assert outcome.code == 2 and words in outcome.err and outcome.err.count("\n") == 1


def test_files_in_place_of_folders(ikebench, photos):
    assert "a file, not a folder" in ikebench("make-data", "--hr", photos / "cat.png").err
    assert "is a file" in ikebench("score", "--workspace", photos / "cat.png").err


def test_a_quick_look_has_a_name_of_its_own():
    choices = choose_methods(["bicubic", "ike"], {"ike": {"blocks": "2"}}, quick=True)
    assert [choice.label for choice in choices] == ["bicubic", "ike-quick"]
    assert choices[1].method.iterations == 100 and choices[1].method.blocks == 2 and choices[1].name == "ike"


def test_groups_and_names_in_any_case():
    assert expand_methods("all") == list(METHODS)
    for group in ("zero-shot", "supervised"):
        names = expand_methods(group)
        assert names and names == [name for name in METHODS if method_class(name).supervision == group]
    assert expand_methods("IKE,Bicubic,zero-shot")[:3] == ["ike", "bicubic", "zssr"]
    assert expand_kinds("Median,ALL")[:2] == ["median", "bilateral"]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("kern", "'kernelgan-zssr'"),
        ("EDRS", "'edsr'"),
        ("real-esrgan", "'esrgan'"),
        ("srcnn", "known:"),
        ("swinir", "known:"),
    ],
)
def test_near_matches_make_sense(name, hint):
    assert hint in str(unknown("method", name, METHODS))


def test_lists_as_json(ikebench):
    methods = {one["name"]: one for one in json.loads(ikebench("list", "--json").out)}
    assert methods["zssr-gt"]["scales"] == [2, 4] and methods["zssr-gt"]["needs"] == ["kernel"]
    assert {"of": "kind", "name": "median.size", "default": 5} in json.loads(
        ikebench("list", "kinds", "median", "--json").out
    )
