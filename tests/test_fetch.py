"""fetch: downloads that break and go on, mirrors, checks, and archives that are not to be trusted."""

import fcntl
import re
import stat
import threading
from dataclasses import replace
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile, ZipInfo

import checkpoints
import numpy as np
import pytest
import torch
from PIL import Image

from baselines import weights
from ikebench.data import fetch as fetching
from ikebench.data.fetch import Archive, Download, fetch, unpack
from ikebench.errors import UserError

CONTENT = bytes(np.random.default_rng(0).integers(0, 256, 3 * 2**20, dtype=np.uint8))


class Server(ThreadingHTTPServer):
    """Serves `files`; breaks off as many responses as there are numbers of bytes in `breaks`."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.breaks, self.ranges, self.asked = {}, [], True, []
        self.address = f"http://127.0.0.1:{self.server_port}/"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        content = self.server.files.get(self.path[1:])
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        self.server.asked.append((self.path[1:], wanted and int(wanted[1])))
        start = int(wanted[1]) if wanted and self.server.ranges else 0
        if content is None or start >= len(content):
            self.send_error(404 if content is None else 416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        end = start + self.server.breaks.pop(0) if self.server.breaks else None
        self.wfile.write(content[start:end])

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def served(server):
    server.files["a.bin"] = CONTENT
    return Download("a.bin", [server.address + "a.bin"], sha256(CONTENT).hexdigest())


def left(folder):
    return [path.name for path in folder.iterdir()]


def test_a_broken_download_goes_on_by_itself_where_it_stopped(server, served, tmp_path):
    server.breaks = [2**20, 2**20]
    assert fetch([served], tmp_path).read_bytes() == CONTENT and left(tmp_path) == ["a.bin"]
    assert server.asked == [("a.bin", None), ("a.bin", 2**20), ("a.bin", 2**21)]


@pytest.mark.parametrize("ranges", [True, False])
def test_a_download_goes_on_in_the_next_run(server, served, tmp_path, ranges):
    server.ranges = ranges
    (tmp_path / ".a.bin.part").write_bytes(CONTENT[:1000])
    assert fetch([served], tmp_path).read_bytes() == CONTENT and left(tmp_path) == ["a.bin"]
    assert server.asked == [("a.bin", 1000)]


@pytest.mark.parametrize("junk", [CONTENT, CONTENT + b"more"])
def test_a_full_but_untaken_partial_file_is_got_again(server, served, tmp_path, junk):
    (tmp_path / ".a.bin.part").write_bytes(junk)
    assert fetch([served], tmp_path).read_bytes() == CONTENT
    assert server.asked == [("a.bin", len(junk)), ("a.bin", None)]


def test_what_is_there_is_not_got_again(server, served, tmp_path):
    fetch([served], tmp_path)
    assert fetch([served], tmp_path).read_bytes() == CONTENT and len(server.asked) == 1


def test_two_at_once(server, served, tmp_path):
    with (tmp_path / ".a.bin.part").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(UserError, match="another ikebench is fetching a.bin"):
            fetch([served], tmp_path)
    assert server.asked == []


def test_a_server_that_never_ends_is_given_up(server, served, tmp_path):
    server.ranges, server.breaks = False, [1000] * 9
    with pytest.raises(UserError, match="broke off after 1000 of 3145728 bytes"):
        fetch([served], tmp_path)
    assert len(server.asked) == 2


def test_mirrors_are_tried_in_turn(server, served, tmp_path):
    server.files["other/a.bin"] = CONTENT[::-1]
    urls = ["http://127.0.0.1:9/a.bin", server.address + "none", server.address + "other/a.bin", *served.urls]
    assert fetch([replace(served, urls=urls)], tmp_path).read_bytes() == CONTENT


def test_nothing_to_be_had_is_one_line_with_every_address(server, served, tmp_path):
    urls = ["http://127.0.0.1:9/a.bin", server.address + "none", *served.urls]
    server.files["a.bin"] = b"something else"
    with pytest.raises(UserError) as error:
        fetch([replace(served, urls=urls)], tmp_path)
    assert all(url in str(error.value) for url in urls) and "\n" not in str(error.value)
    for words in ("refused", "Not Found", f"not {served.sha256[:8]}…"):
        assert words in str(error.value)
    assert left(tmp_path) == []
    assert f"as {tmp_path / 'a.bin'}, and give the same command" in str(error.value)
    (tmp_path / "a.bin").write_bytes(CONTENT)
    assert fetch([replace(served, urls=urls)], tmp_path).read_bytes() == CONTENT


def test_own_addresses_come_before_the_recorded_ones(ikebench, server, served, tmp_path):
    server.files["mirror/a.bin"] = CONTENT
    bases = [server.address + "none", server.address + "mirror/"]
    assert fetch(fetching.mirrored([served], bases), tmp_path).read_bytes() == CONTENT
    assert [name for name, _ in server.asked] == ["none/a.bin", "mirror/a.bin"]
    server.files = {"a.bin": CONTENT}
    assert fetch(fetching.mirrored([served], bases), tmp_path / "b").read_bytes() == CONTENT
    assert "starts with http://" in ikebench("fetch", "div2k", "--base-url", "example.org/files").err


def test_a_folder_is_an_address(served, tmp_path):
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror/a.bin").write_bytes(CONTENT)
    (tmp_path / ".a.bin.part").write_bytes(b"begun elsewhere")
    here = fetching.mirrored([replace(served, urls=[])], [f"file://{tmp_path}/mirror"])
    assert fetch(here, tmp_path).read_bytes() == CONTENT


def test_no_link_is_written_through(server, served, tmp_path):
    (tmp_path / "mine").write_bytes(b"mine")
    (tmp_path / ".a.bin.part").symlink_to(tmp_path / "mine")
    assert fetch([served], tmp_path).read_bytes() == CONTENT
    assert (tmp_path / "mine").read_bytes() == b"mine" and not (tmp_path / "a.bin").is_symlink()


# ---- archives


def zipped(*entries):
    buffer = BytesIO()
    with ZipFile(buffer, "w") as archive:
        for entry, content in entries:
            archive.writestr(entry, content)
    return buffer.getvalue()


def link(name):
    info = ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.mark.parametrize("name", ["/etc/evil", "../evil", "HR/../../evil", "..\\evil", link("HR/evil")])
def test_unsafe_archives_are_refused_whole(tmp_path, name):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.zip").write_bytes(zipped(("HR/good.png", b"1"), (name, b"/etc/passwd")))
    with pytest.raises(UserError, match=r"not safe to unpack: it holds .*evil"):
        unpack(tmp_path / "in/a.zip", "HR", tmp_path / "in")
    assert left(tmp_path / "in") == ["a.zip"] and left(tmp_path) == ["in"]


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"no zip", "is damaged"), (zipped(("b", b"")), "does not hold HR")],
    ids=["no zip", "other content"],  # a zip's bytes hold the time: parallel runs would collect different tests
)
def test_archives_that_are_something_else(tmp_path, content, words):
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(UserError, match=words):
        unpack(tmp_path / "a.zip", "HR", tmp_path)
    assert left(tmp_path) == ["a.zip"]


def photo(side):
    buffer = BytesIO()
    blocks = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)  # of whatever side, one photo
    Image.fromarray(blocks.repeat(side // 8, axis=0).repeat(side // 8, axis=1)).save(buffer, "png")
    return buffer.getvalue()


def test_fetched_div2k_is_found(ikebench, server, monkeypatch):
    server.files = {
        "hr.zip": zipped(("DIV2K_valid_HR/0801.png", photo(64))),
        "x2.zip": zipped(("DIV2K_valid_LR_unknown/X2/0801x2.png", photo(32))),
        "x4.zip": zipped(("DIV2K_valid_LR_unknown/X4/0801x4.png", photo(16))),
    }
    folders = ("DIV2K_valid_HR", "DIV2K_valid_LR_unknown/X2", "DIV2K_valid_LR_unknown/X4")
    archives = tuple(
        Archive(Download(name, [server.address + name], sha256(content).hexdigest()), folder)
        for (name, content), folder in zip(server.files.items(), folders, strict=True)
    )
    monkeypatch.setattr(fetching, "DIV2K", archives)
    outcome = ikebench("fetch", "div2k")
    assert outcome.code == 0, outcome.err
    assert sorted(left(Path("bench/div2k"))) == ["DIV2K_valid_HR", "DIV2K_valid_LR_unknown"]
    assert "already there" in ikebench("fetch", "div2k").err and len(server.asked) == 3
    made = ikebench("make-data", "--hr", "div2k", "--kind", "track2", "--scale", "2,4", "--workers", 1)
    assert made.code == 0 and "div2k: 1 image, 2 LR images made" in made.err
    assert ikebench("make-data", "--hr", "bench/div2k", "--kind", "median", "--workers", 1).code == 0
    assert ikebench("fetch", "div2k", "--scale", "2").code == 2


# ---- weights


@pytest.fixture
def hub(server, monkeypatch):
    """Serve EDSR-baseline at x2 and x4 from this machine, under the record's names and others."""
    for scale in (2, 4):
        buffer = BytesIO()
        torch.save(checkpoints.edsr("official", scale, 64, 16), buffer)
        server.files[f"base_x{scale}.pt"] = buffer.getvalue()
    served = {("edsr-baseline", scale): ((server.address, f"base_x{scale}.pt"),) for scale in (2, 3, 4)}
    monkeypatch.setattr(weights, "FILES", served)
    return served


def test_fetched_weights_are_found(ikebench, server, hub, photos):
    outcome = ikebench("fetch", "edsr-baseline", "--scale", "2")
    assert outcome.code == 0, outcome.err
    assert left(Path("bench/weights")) == ["base_x2.pt"]
    assert "already there" in ikebench("fetch", "edsr-baseline", "--scale", "2").err and len(server.asked) == 1
    ikebench("make-data", "--hr", photos, "--kind", "median", "--limit", 1, "--workers", 1)
    assert ikebench("run", "--methods", "edsr-baseline", "--dry-run").code == 0
    every = ikebench("fetch", "edsr-baseline")
    assert every.code == 2 and "x2: bench/weights/base_x2.pt is already there" in every.err
    [line] = [line for line in every.err.splitlines() if line.startswith("ikebench: cannot fetch")]
    assert "base_x3.pt (Not Found)" in line and left(Path("bench/weights")) == ["base_x2.pt"]


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"<html>sorry</html>", "damaged, or not a checkpoint"), ("base_x4.pt", "it is for x4")],
)
def test_what_comes_must_be_the_methods_weights(ikebench, server, hub, content, words):
    server.files["base_x2.pt"] = server.files.get(content, content)
    outcome = ikebench("fetch", "edsr-baseline", "--scale", "2")
    assert outcome.code == 2 and words in outcome.err and left(Path("bench/weights")) == []


def test_weights_from_an_own_address(ikebench, server, hub):
    """Also those that are served to browsers only."""
    weights.FILES["edsr-baseline", 2] = (("", "browsers_only.pt"),)
    assert ikebench("fetch", "edsr-baseline", "--scale", "2").code == 2
    server.files["own/browsers_only.pt"] = server.files["base_x2.pt"]
    outcome = ikebench("fetch", "edsr-baseline", "--scale", "2", "--base-url", server.address + "own")
    assert outcome.code == 0 and left(Path("bench/weights")) == ["browsers_only.pt"]


def test_what_cannot_be_fetched(ikebench):
    assert "did you mean 'edsr'" in ikebench("fetch", "edrs").err
    assert "bicubic has no use for weights" in ikebench("fetch", "bicubic").err
    assert "no weights of esrgan at x2 are known" in ikebench("fetch", "esrgan", "--scale", "2").err


def test_the_record_of_div2k():
    for archive in fetching.DIV2K:
        assert re.fullmatch("[0-9a-f]{64}", archive.download.sha256)
        assert archive.download.urls[0] == "https://data.vision.ee.ethz.ch/cvl/DIV2K/" + archive.download.name
