"""Zip files made to do harm: each ends in one line, before a byte of it is written."""

import shutil
import struct
from collections import namedtuple
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from ikebench import zips
from ikebench.data.fetch import unpack
from ikebench.errors import UserError

LOCAL, CENTRAL = b"PK\x03\x04", b"PK\x01\x02"


def zipped(*names, compression=ZIP_DEFLATED):
    buffer = BytesIO()
    with ZipFile(buffer, "w", compression) as archive:
        for name in names:
            archive.writestr(name, b"" if name.endswith("/") else b"x" * 5000)
    return buffer.getvalue()


def patched(data, local, central, value):
    """Set two bytes of the first member's local and central header, at these offsets."""
    data = bytearray(data)
    for start, offset in ((data.index(LOCAL), local), (data.index(CENTRAL), central)):
        data[start + offset : start + offset + 2] = struct.pack("<H", value)
    return bytes(data)


def broken(data):
    """Damage the compressed bytes of the first member, which only unpacking shows."""
    at = data.index(LOCAL) + 40
    return data[:at] + bytes(byte ^ 0xFF for byte in data[at : at + 4]) + data[at + 4 :]


CRAFTED = {
    "a file, then a folder": (zipped("HR/a", "HR/a/b.png"), "a file and a folder of one name: HR/a/b.png"),
    "a folder, then a file": (zipped("HR/a/b.png", "HR/a"), "a file and a folder of one name: HR/a/b.png"),
    "an empty folder, then a file": (zipped("HR/a/", "HR/a"), "a file and a folder of one name: HR/a/"),
    "the folder itself is a file": (zipped("HR"), "does not hold HR"),
    "a long name": (zipped("HR/" + 256 * "a"), "too long: HR/aaa"),
    "a long name in UTF-8": (zipped("HR/" + 130 * "ä"), "too long: HR/ä"),
    "3000 levels": (zipped("HR/" + 3000 * "a/" + "b.png"), "too long: HR/a/a/"),
    "60 levels": (zipped("HR/" + 60 * "a/" + "b.png"), "too long: HR/a/a/"),
    "encrypted": (patched(zipped("HR/a.png"), 6, 8, 1), "is encrypted: unpack it by hand"),
    "unknown compression": (patched(zipped("HR/a.png"), 8, 10, 99), "in a way unknown here (99)"),
    "another compression than it says": (patched(zipped("HR/a.png"), 8, 10, 14), "is damaged"),
    "damaged inside": (broken(zipped("HR/a.png")), "is damaged"),
    "cut off": (zipped("HR/a.png")[:-30], "is damaged"),
    "empty": (b"", "is damaged"),
    "a line break in a name": (zipped("HR/../a\nb"), r"it holds HR/../a\nb"),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("what", CRAFTED)
def test_crafted_archives_are_one_line_and_leave_nothing(tmp_path, what):
    content, words = CRAFTED[what]
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(UserError) as error:
        unpack(tmp_path / "a.zip", "HR", tmp_path)
    assert words in str(error.value) and "\n" not in str(error.value) and len(str(error.value)) < 400
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_twice(tmp_path):
    (tmp_path / "a.zip").write_bytes(zipped("HR/a.png", "HR/./a.png"))
    with pytest.raises(UserError, match="twice"):
        unpack(tmp_path / "a.zip", "HR", tmp_path)


def test_a_bomb_is_measured_against_the_free_disk(tmp_path, monkeypatch):
    """Only what is wanted counts, by the size that unpacking it cannot exceed."""
    (tmp_path / "a.zip").write_bytes(zipped("HR/a.png", "HR/b.png", "other/c.png"))
    Usage = namedtuple("Usage", "free")
    monkeypatch.setattr(zips.shutil, "disk_usage", lambda folder: Usage(9999))
    with pytest.raises(UserError, match="make room, or unpack it elsewhere"):
        unpack(tmp_path / "a.zip", "HR", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]
    monkeypatch.setattr(zips.shutil, "disk_usage", lambda folder: Usage(10000))
    unpack(tmp_path / "a.zip", "HR", tmp_path)
    assert sorted(path.name for path in (tmp_path / "HR").iterdir()) == ["a.png", "b.png"]
    assert not (tmp_path / "other").exists()


def test_a_disk_that_fills_up_is_a_line(tmp_path, monkeypatch):
    (tmp_path / "a.zip").write_bytes(zipped("HR/a.png"))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(UserError, match=r"cannot unpack .*No space left"):
        unpack(tmp_path / "a.zip", "HR", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_names_may_have_colons(tmp_path):
    """As images may: Linux knows no drives."""
    (tmp_path / "a.zip").write_bytes(zipped("HR/a:b.png"))
    unpack(tmp_path / "a.zip", "HR", tmp_path)
    assert [path.name for path in (tmp_path / "HR").iterdir()] == ["a:b.png"]
