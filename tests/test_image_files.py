"""Image files: every format that photographers have, every way a file can be broken, and whole writes."""

import hashlib
import os
import re
import struct
import subprocess
import sys
import warnings
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from ikebench import files
from ikebench.files import sha256_file, write_atomic
from ikebench.images import image_paths, png_bytes, read_image, write_png

COLOURS = np.random.default_rng(0).integers(0, 256, (14, 10, 4), dtype=np.uint8)
RGB, GRAY, ALPHA = COLOURS[..., :3], COLOURS[..., 0], COLOURS[..., 3]
DEEP = np.random.default_rng(1).integers(0, 65536, (14, 10, 4), dtype=np.uint16)
TRANSPOSED = {  # EXIF orientation -> what is stored, for an upright image (EXIF 2.32, tag 0x0112)
    1: lambda image: image,
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.swapaxes(0, 1),
    6: lambda image: image.swapaxes(0, 1)[::-1],
    7: lambda image: image[::-1, ::-1].swapaxes(0, 1),
    8: lambda image: image.swapaxes(0, 1)[:, ::-1],
}


def replicated(gray):
    return np.stack([gray] * 3, axis=-1)


def to_8_bit(deep):
    return np.rint(deep / 257).astype(np.uint8)


def exif(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


def png_16(samples, orientation=None):
    """A 16-bit PNG by hand: gray, gray + alpha, RGB or RGBA by the number of channels."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width, channels = samples.shape
    header = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    orient = chunk(b"eXIf", exif(orientation).tobytes().removeprefix(b"Exif\0\0")) if orientation else b""
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + orient
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def check(path, expected):
    image = read_image(path)
    assert image.dtype == np.uint8 and image.flags.c_contiguous and image.flags.writeable
    np.testing.assert_array_equal(image, expected)


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "ppm", "webp"])
def test_rgb(tmp_path, suffix):
    Image.fromarray(RGB).save(tmp_path / f"a.{suffix}", lossless=True)
    check(tmp_path / f"a.{suffix}", RGB)


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "pgm"])
def test_gray(tmp_path, suffix):
    Image.fromarray(GRAY).save(tmp_path / f"a.{suffix}")
    check(tmp_path / f"a.{suffix}", replicated(GRAY))


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_alpha_is_dropped(tmp_path, suffix):
    Image.fromarray(COLOURS).save(tmp_path / f"rgba.{suffix}")
    Image.fromarray(np.dstack([GRAY, ALPHA])).save(tmp_path / f"la.{suffix}")
    check(tmp_path / f"rgba.{suffix}", RGB)
    check(tmp_path / f"la.{suffix}", replicated(GRAY))


@pytest.mark.parametrize("transparency", [None, 3, bytes(range(16))])
def test_palette(tmp_path, transparency):
    indices = COLOURS[..., 0] % 16
    palette = np.random.default_rng(2).integers(0, 256, (16, 3), dtype=np.uint8)
    image = Image.fromarray(indices, "L")
    image.putpalette(palette.tobytes())
    image.save(tmp_path / "a.png", **({} if transparency is None else {"transparency": transparency}))
    check(tmp_path / "a.png", palette[indices])


@pytest.mark.parametrize("suffix", ["png", "tif", "pbm"])
def test_one_bit(tmp_path, suffix):
    Image.fromarray(GRAY > 127).save(tmp_path / f"a.{suffix}")
    check(tmp_path / f"a.{suffix}", replicated((GRAY > 127) * np.uint8(255)))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_16_bit_png(tmp_path, channels):
    (tmp_path / "a.png").write_bytes(png_16(DEEP[..., :channels]))
    expected = to_8_bit(DEEP[..., :3] if channels > 2 else replicated(DEEP[..., 0]))
    check(tmp_path / "a.png", expected)
    assert (expected != (DEEP[..., :1] >> 8 if channels < 3 else DEEP[..., :3] >> 8)).any()  # rounded, not truncated


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bit_tiff(tmp_path, channels, compression):
    samples = DEEP[..., 0] if channels == 1 else DEEP[..., :channels]
    extra = {"extrasamples": ["unassalpha"]} if channels == 4 else {}
    photometric = "minisblack" if channels == 1 else "rgb"
    tifffile.imwrite(tmp_path / "a.tif", samples, photometric=photometric, compression=compression, **extra)
    check(tmp_path / "a.tif", to_8_bit(replicated(samples) if channels == 1 else samples[..., :3]))


def test_16_bit_ends_of_the_range(tmp_path):
    ends = np.uint16([0, 128, 129, 32767, 32768, 65406, 65407, 65535]).reshape(2, 4, 1)
    (tmp_path / "a.png").write_bytes(png_16(ends))
    assert read_image(tmp_path / "a.png")[..., 0].ravel().tolist() == [0, 0, 1, 127, 128, 254, 255, 255]


@pytest.mark.parametrize("orientation", TRANSPOSED)
def test_exif_orientation(tmp_path, orientation):
    stored = np.ascontiguousarray(TRANSPOSED[orientation](RGB))
    for suffix in ("png", "tif", "webp"):
        Image.fromarray(stored).save(tmp_path / f"a.{suffix}", exif=exif(orientation), lossless=True)
        check(tmp_path / f"a.{suffix}", RGB)


@pytest.mark.parametrize("orientation", TRANSPOSED)
def test_exif_orientation_of_16_bits(tmp_path, orientation):
    stored = np.ascontiguousarray(TRANSPOSED[orientation](DEEP[..., :3]))
    (tmp_path / "a.png").write_bytes(png_16(stored, orientation))
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", extratags=[(0x0112, "H", 1, orientation, True)])
    check(tmp_path / "a.png", to_8_bit(DEEP[..., :3]))
    check(tmp_path / "a.tif", to_8_bit(DEEP[..., :3]))
    gray = Image.fromarray(np.ascontiguousarray(stored[..., 0]))
    gray.save(tmp_path / "lzw.tif", compression="tiff_lzw", exif=exif(orientation))
    check(tmp_path / "lzw.tif", to_8_bit(replicated(DEEP[..., 0])))


@pytest.mark.parametrize("orientation", TRANSPOSED)
def test_exif_orientation_of_jpeg(tmp_path, orientation):
    upright = np.zeros((32, 48, 3), np.uint8)
    upright[:16, :24] = 200, 40, 40
    stored = np.ascontiguousarray(TRANSPOSED[orientation](upright))
    Image.fromarray(stored).save(tmp_path / "a.jpg", exif=exif(orientation), quality=95, subsampling=0)
    np.testing.assert_allclose(read_image(tmp_path / "a.jpg").astype(int), upright, atol=12)


def test_broken_exif_beside_sound_pixels(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "a.png", exif=b"Exif\0\0 no such thing")
    check(tmp_path / "a.png", RGB)


def test_cmyk_jpeg(tmp_path):
    colours = np.uint8([[220, 30, 40], [30, 180, 60], [20, 60, 200], [240, 240, 240]])
    image = np.repeat(np.repeat(colours[None], 16, axis=0), 16, axis=1)
    Image.fromarray(image).convert("CMYK").save(tmp_path / "a.jpg", quality=98)
    assert Image.open(tmp_path / "a.jpg").mode == "CMYK"
    np.testing.assert_allclose(read_image(tmp_path / "a.jpg")[8, 8::16].astype(int), colours, atol=6)


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "tif"])
def test_first_of_several_pictures(tmp_path, suffix):
    first, second = (Image.fromarray(np.full((8, 9, 3), value, np.uint8)) for value in ((255, 0, 0), (0, 0, 255)))
    first.save(tmp_path / f"a.{suffix}", save_all=True, append_images=[second], lossless=True)
    check(tmp_path / f"a.{suffix}", np.asarray(first))


def test_one_pixel_and_suffix_that_lies(tmp_path):
    Image.fromarray(RGB[:1, :1]).save(tmp_path / "a.jpg", format="PNG")
    check(tmp_path / "a.jpg", RGB[:1, :1])


def broken(tmp_path, case):
    path = tmp_path / "photo.png"
    photo = np.random.default_rng(3).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    if case == "text":
        path.write_text("no image at all, only words")
    elif case == "empty":
        path.write_bytes(b"")
    elif case == "folder":
        path.mkdir()
    elif case == "16-bit cut":
        whole = png_16(photo.astype(np.uint16) * 257)
        path.write_bytes(whole[: len(whole) // 2])
    elif case == "damaged":
        whole = bytearray(png_bytes(photo))
        whole[len(whole) // 2] ^= 0xFF
        path.write_bytes(whole)
    elif case == "float":
        tifffile.imwrite(path, photo[..., 0].astype(np.float32))
    elif case != "missing":
        Image.fromarray(photo).save(path, format=case)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("missing", "No such file"),
        ("folder", "directory"),
        ("empty", "0 bytes"),
        ("text", "not an image"),
        ("float", "32 bits"),
        ("damaged", "truncated or damaged"),
        *((case, "truncated or damaged") for case in ("PNG", "JPEG", "TIFF", "BMP", "GIF", "16-bit cut")),
        ("WEBP", "not an image|truncated or damaged"),
    ],
)
def test_broken_files_are_named_in_one_line(tmp_path, case, reason):
    path = broken(tmp_path, case)
    with pytest.raises(ValueError, match=reason) as caught:
        read_image(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    assert type(caught.value) is ValueError


def test_large_photographs_pass_in_silence_and_bombs_are_refused(tmp_path, monkeypatch):
    write_png(tmp_path / "a.png", RGB)  # 140 pixels
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
        check(tmp_path / "a.png", RGB)
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 60)
        with pytest.raises(ValueError, match="too large, over 120 pixels"):
            read_image(tmp_path / "a.png")


def test_written_png_is_read_by_others_and_has_fixed_bytes(tmp_path):
    write_png(tmp_path / "new" / "deep" / "a.png", RGB)
    write_png(tmp_path / "b.png", RGB[:, ::-1][:, ::-1])
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "b.png")), RGB)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "b.png"))[..., ::-1], RGB)
    assert (tmp_path / "new" / "deep" / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes() == png_bytes(RGB)


@pytest.mark.parametrize("image", [GRAY, COLOURS, RGB / 255.0, RGB[:0]])
def test_png_of_anything_else_is_refused(tmp_path, image):
    with pytest.raises(ValueError, match="uint8"):
        write_png(tmp_path / "a.png", image)
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    write_atomic(tmp_path / "a.bin", b"old")

    def no_rename(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", no_rename)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(tmp_path / "a.bin", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]
    assert (tmp_path / "a.bin").read_bytes() == b"old"


def test_a_killed_write_leaves_only_a_partial_file_that_is_no_image(tmp_path):
    script = (
        "import os, sys; from ikebench.files import write_atomic\n"
        "os.replace = lambda *_: os._exit(9)\n"
        "write_atomic(sys.argv[1], b'data')"
    )
    assert subprocess.run([sys.executable, "-c", script, str(tmp_path / "a.png")], check=False).returncode == 9
    (left,) = tmp_path.iterdir()
    assert left.suffix == files.PARTIAL_SUFFIX and image_paths(tmp_path) == []


def test_written_files_obey_the_umask(tmp_path):
    (tmp_path / "plain").write_bytes(b"")
    write_atomic(tmp_path / "atomic", b"")
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_sha256_file(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    # FIPS 180-4 example; printf abc | sha256sum
    assert sha256_file(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_file(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()


def test_image_paths_sort_naturally(tmp_path):
    for name in ("img_10.png", "img_2.PNG", "img_1.jpg", "0801.png", ".hidden.png", "notes.txt", "x.png.part", "B.tif"):
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "folder.png" / "inside.png").touch()
    assert [path.name for path in image_paths(tmp_path)] == [
        "0801.png",
        "B.tif",
        "img_1.jpg",
        "img_2.PNG",
        "img_10.png",
    ]


def test_image_paths_of_no_folder(tmp_path):
    with pytest.raises(ValueError, match=re.escape(f"{tmp_path / 'no'}: no such folder")):
        image_paths(tmp_path / "no")


def test_leaves_import_no_torch():
    names = "seeds", "scoring.metrics", "scoring.registration", "images"
    script = f"import sys, {', '.join('ikebench.' + name for name in names)}; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)
