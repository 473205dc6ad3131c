"""A scoring protocol is a line of one table; captions, checks and lists follow it."""

import os
import subprocess
import sys

import pytest
from score_frames import frame, run, table

import reports
from reports.protocols import PROTOCOLS, ScoringProtocol


def test_words_of_the_protocols():
    assert {name: protocol.words for name, protocol in PROTOCOLS.items()} == {
        "ike": "RGB, no border shaved",
        "dualsr": "luma (Y of BT.601), a border of s pixels shaved at scale s",
        "ntire17": "RGB, a border of 6 + s pixels shaved at scale s",
    }


@pytest.mark.parametrize(
    ("fixed", "per_scale", "words"),
    [(1, 0, "a border of 1 pixel shaved"), (4, 0, "a border of 4 pixels shaved"), (0, 2, "a border of 2s pixels")],
)
def test_words_of_other_borders(fixed, per_scale, words):
    protocol = ScoringProtocol("rgb", fixed, per_scale)
    assert words in protocol.words and ("at scale s" in protocol.words) == (per_scale > 0)
    assert protocol.border(3) == fixed + 3 * per_scale


def test_a_new_protocol_is_a_line_of_the_table(ikebench, monkeypatch, tmp_path):
    with pytest.raises(ValueError, match="unknown protocol 'mine'; known: ike, dualsr, ntire17"):
        reports.markdown_tables(frame(run()), "mine")
    monkeypatch.setitem(PROTOCOLS, "mine", ScoringProtocol("y", 4, 2))
    words = "luma (Y of BT.601), a border of 4 + 2s pixels shaved at scale s"
    scores = frame(run(psnr_mine=31.0, ssim_mine=0.9))
    assert f"Scored on {words} (protocol mine)." in table(scores, protocol="mine").caption
    (path,) = reports.write_report(scores, tmp_path, formats=["md"], protocol="mine")
    assert "31.000" in path.read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="known: ike, dualsr, ntire17, mine"):
        reports.markdown_tables(scores, "other")
    listed = ikebench("list", "metrics").out
    assert f"psnr_mine, ssim_mine        protocol mine: {words}" in listed


SCRIPT = """
from reports.protocols import PROTOCOLS, ScoringProtocol
PROTOCOLS["mine"] = ScoringProtocol("rgb", 7, 0)
import ikebench
from ikebench.cli import main
for command in ("score", "report --protocol mine"):
    try:
        main(command.split())
    except SystemExit as stop:
        assert stop.code == 0
scores = ikebench.load_scores()
hr, sr = (ikebench.read_image(f"bench/{path}/cat.png") for path in ("data/photos/HR", "sr/bicubic/photos/median/X2"))
assert scores["psnr_mine"][0] == ikebench.score(sr, hr, scale=2)["psnr_mine"] != scores["psnr_ike"][0]
"""


def test_and_the_whole_chain_follows(ikebench, photos):
    ikebench("make-data", "--hr", photos, "--kind", "median", "--limit", 1)
    assert ikebench("run", "--methods", "bicubic").code == 0
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", SCRIPT], cwd=photos.parent, env=environment, check=True)
    assert "protocol mine" in (photos.parent / "bench/report/report.md").read_text()
