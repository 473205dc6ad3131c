"""What comes with a photograph: EXIF, colour profile, alpha, metadata of any size; and what else lies in a folder."""

import re

import cv2
import numpy as np
import photo_files
import pytest
import tifffile
from PIL import ExifTags, Image, ImageCms
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import IFDRational
from shared_files import SHARED, needs_shared

from ikebench.errors import UserError
from ikebench.images import by_stem, left_out, read_image, read_photo, write_photo

RGB = photo_files.SMOOTH
ALPHA = np.ascontiguousarray(RGB[..., 2])
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
GRAY_PROFILE = SRGB[:16] + b"GRAY" + SRGB[20:]


def camera_exif(orientation=1):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.Model] = "Camera"
    inner = exif.get_ifd(ExifTags.IFD.Exif)
    inner[ExifTags.Base.ExifImageWidth], inner[ExifTags.Base.ExposureTime] = RGB.shape[1], IFDRational(1, 250)
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
    return exif.tobytes()


def save(path, samples, **options):
    if path.suffix == ".heic":
        pytest.importorskip("pillow_heif").register_heif_opener()
    Image.fromarray(samples).save(path, quality=95, exif=camera_exif(6), icc_profile=SRGB, **options)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "avif", "heic"])
def test_what_a_camera_notes_is_kept_and_orientation_is_not(tmp_path, suffix):
    save(tmp_path / f"a.{suffix}", RGB)
    photo = read_photo(tmp_path / f"a.{suffix}")
    turned = np.rot90(RGB, 3)
    np.testing.assert_allclose(photo.pixels.astype(int), turned, atol=9)
    assert photo.icc_profile == SRGB and photo.alpha is None
    larger = np.kron(photo.pixels, np.ones((2, 2, 1), np.uint8))
    for target in ("a.png", "a.jpg", "a.tiff", "a.WebP"):
        write_photo(tmp_path / "sr" / target, larger, photo)
        with Image.open(tmp_path / "sr" / target) as written:
            exif = written.getexif()
            assert written.info["icc_profile"] == SRGB
            assert (exif[ExifTags.Base.Model], exif.get(ExifTags.Base.Orientation, 1)) == ("Camera", 1)
            assert exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] == "N"
            inner = exif.get_ifd(ExifTags.IFD.Exif)
            assert inner[ExifTags.Base.ExifImageWidth] == larger.shape[1] and inner[
                ExifTags.Base.ExposureTime
            ] == IFDRational(1, 250)
        read = read_image(tmp_path / "sr" / target)
        np.testing.assert_allclose(read.astype(int), larger, atol=9 if target == "a.jpg" else 0)


@pytest.mark.parametrize("suffix", ["png", "webp", "tif"])
def test_alpha_is_kept_and_enlarged(tmp_path, suffix):
    save(tmp_path / f"a.{suffix}", np.dstack([RGB, ALPHA]), lossless=True, exact=True)
    photo = read_photo(tmp_path / f"a.{suffix}")
    np.testing.assert_array_equal(photo.pixels, np.rot90(RGB, 3))
    np.testing.assert_array_equal(photo.alpha, np.rot90(ALPHA, 3))
    for scale in (1, 2):
        larger = np.kron(photo.pixels, np.ones((scale, scale, 1), np.uint8))
        write_photo(tmp_path / f"sr.{suffix}", larger, photo)
        again = read_photo(tmp_path / f"sr.{suffix}")
        np.testing.assert_array_equal(again.pixels, larger)
        wanted = cv2.resize(photo.alpha, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        np.testing.assert_allclose(again.alpha.astype(int), wanted, atol=0 if scale == 1 else 3)


def test_what_cannot_be_written_is_one_line_and_no_file(tmp_path):
    save(tmp_path / "a.png", np.dstack([RGB, ALPHA]))
    photo = read_photo(tmp_path / "a.png")
    with pytest.raises(UserError, match="JPEG cannot hold the photo's transparency: name it .png"):
        write_photo(tmp_path / "sr.jpg", RGB, photo)
    with pytest.raises(UserError, match="cannot write '.heic': name it .png"):
        write_photo(tmp_path / "sr.heic", RGB, photo)
    with pytest.raises(ValueError, match="uint8"):
        write_photo(tmp_path / "sr.png", RGB / 255, photo)
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = "x" * 70_000
    Image.fromarray(RGB).save(tmp_path / "long.png", exif=exif)
    with pytest.raises(UserError, match="JPEG cannot hold it"):
        write_photo(tmp_path / "sr.jpg", RGB, read_photo(tmp_path / "long.png"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "long.png"]


def test_an_opaque_photo_with_alpha_may_become_a_jpeg(tmp_path):
    Image.fromarray(np.dstack([RGB, np.full_like(ALPHA, 255)])).save(tmp_path / "a.png")
    write_photo(tmp_path / "a.jpg", RGB, read_photo(tmp_path / "a.png"))
    assert Image.open(tmp_path / "a.jpg").mode == "RGB"


def test_how_a_tiff_stores_its_pixels_is_not_handed_on(tmp_path):
    options = {"photometric": "rgb", "description": "a cat", "software": "ours", "iccprofile": SRGB, "tile": (16, 16)}
    for bits in (8, 16):
        tifffile.imwrite(tmp_path / "a.tif", (RGB.astype(np.uint16) * 257) if bits == 16 else RGB, **options)
        photo = read_photo(tmp_path / "a.tif")
        exif = Image.Exif()
        exif.load(photo.exif)
        assert exif[ExifTags.Base.ImageDescription] == "a cat" and photo.icc_profile == SRGB
        assert not {256, 258, 273, 277, 279, 322, 324, 325} & set(exif)


def test_the_profile_of_colours_that_are_gone_is_dropped(tmp_path):
    Image.fromarray(ALPHA).save(tmp_path / "gray.png", icc_profile=GRAY_PROFILE)
    assert read_photo(tmp_path / "gray.png").icc_profile is None


def test_broken_exif_is_dropped(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "a.png", exif=b"Exif\0\0 no such thing")
    assert read_photo(tmp_path / "a.png").exif is None


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("what", ["text", "compressed text", "profile"])
def test_a_png_may_hold_much_text_or_a_large_profile(tmp_path, what, deep):
    samples = ALPHA.astype(np.uint16) * 257 if deep else RGB
    info = PngInfo()
    if what != "profile":
        info.add_text("notes", "long " * 600_000, zip=what == "compressed text")
    profile = {"icc_profile": SRGB + bytes(3_000_000)} if what == "profile" else {}
    Image.fromarray(samples).save(tmp_path / "a.png", pnginfo=info, **profile)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), photo_files.triple(ALPHA) if deep else RGB)


@pytest.mark.parametrize("layout", ["", "-zip", "-tiled", "-planar", "-planar-zip", "-big-endian"])
def test_half_of_a_16_bit_tiff_is_refused(tmp_path, layout):
    case = next(case for case in photo_files.CASES if case.name == f"rgb16{layout}.tif")
    path = tmp_path / case.name
    case.write(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match="truncated or damaged"):
        read_image(path)


def test_large_16_bit_tiffs_are_refused(tmp_path, monkeypatch):
    tifffile.imwrite(tmp_path / "a.tif", photo_files.WORDS[..., :3], photometric="rgb")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(ValueError, match="too large, over 200 pixels"):
        read_image(tmp_path / "a.tif")


def test_heic_without_its_package_says_which(tmp_path, monkeypatch):
    pytest.importorskip("pillow_heif")
    photo_files.heic(tmp_path / "a.heic", RGB, "RGB")
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
    with pytest.raises(ValueError, match=r"a.heic: HEIC: `pip install pillow-heif` is needed to read it"):
        read_image(tmp_path / "a.heic")


def test_what_else_is_in_a_folder_is_told(tmp_path):
    names = ["a.png", "b.JFIF", "c.avif", "d.heic", "notes.txt", "IMG_1", ".DS_Store", "e.dng", "x.png.part"]
    for name in [*names, *(f"{number}.xmp" for number in range(7))]:
        (tmp_path / name).touch()
    (tmp_path / "sub.png").mkdir()
    assert list(by_stem(tmp_path)) == ["a", "b", "c", "d"]
    told = "left out, no images by their names: .DS_Store, 7 files .xmp, IMG_1, e.dng, notes.txt, sub.png/, x.png.part"
    assert left_out(tmp_path) == f"{tmp_path}: {told}"
    for path in tmp_path.glob("[a-d].*"):
        path.unlink()
    with pytest.raises(UserError, match=re.escape("no images in it, only .DS_Store, 7 files .xmp")):
        by_stem(tmp_path)


def test_every_command_that_takes_a_folder_tells_what_else_is_in_it(ikebench, photos):
    (photos / "notes.txt").touch()
    told = "photos: left out, no images by their names: notes.txt"
    made = ikebench("make-data", "--hr", photos, "--kind", "median")
    assert made.code == 0 and told in made.err
    run = ikebench("run", "--lr", photos, "--scale", "2", "--methods", "bicubic")
    assert run.code == 0 and told in run.err
    small = ("edsr-baseline.blocks=1", "edsr-baseline.width=4", "edsr-baseline.patch=8", "edsr-baseline.batch=1")
    settings = [part for setting in small for part in ("--set", setting)]
    trained = ikebench("train", "edsr-baseline", "--hr", photos, "--scale", "2", "--iterations", "1", *settings)
    assert trained.code == 0 and told in trained.err


@needs_shared("cases", "jfif_avif")
def test_a_folder_of_a_phone(ikebench):
    made = ikebench("make-data", "--hr", SHARED / "cases" / "jfif_avif", "--kind", "median")
    assert made.code == 1 and "3 images" in made.err and "1 refused" in made.err
    assert "four.heic: HEIC" in made.err


@needs_shared("cases", "tiff16_planar")
def test_planes_are_read_like_pixels():
    planes, pixels = (read_image(SHARED / "cases" / folder / "planar.tif") for folder in ("tiff16_planar", "tiff_ref"))
    np.testing.assert_array_equal(planes, pixels)
