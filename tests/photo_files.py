"""Photographs in every format, depth, layout and colour, written by the libraries that write such files."""

from dataclasses import dataclass
from functools import partial
from io import BytesIO

import cv2
import numpy as np
import tifffile
from PIL import Image
from skimage.color import rgb2lab

HEIGHT, WIDTH = 24, 20
BYTES = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 5), dtype=np.uint8)
WORDS = np.random.default_rng(1).integers(0, 65536, (HEIGHT, WIDTH, 5), dtype=np.uint16)
for samples in (BYTES, WORDS):  # the ends of the range in every channel, and all grades of alpha
    samples[:4, :4], samples[4:8, :4] = 0, np.iinfo(samples.dtype).max
    samples[..., 3] = np.linspace(0, np.iinfo(samples.dtype).max, WIDTH).round()
SMOOTH = np.dstack(
    [np.add.outer(np.linspace(0, a, HEIGHT), np.linspace(0, b, WIDTH)) for a, b in ((200, 50), (60, 190), (0, 255))]
)
SMOOTH = np.ascontiguousarray(np.kron(SMOOTH.round().astype(np.uint8), np.ones((4, 4, 1), np.uint8)))


@dataclass(frozen=True)
class Case:
    """A file and what is to be read from it.

    Attributes:
        name: of the file.
        write: called with its path.
        rgb: (H, W, 3) as a person sees it, in the units of the samples; None where the file is to be refused.
        alpha: (H, W), if there is one.
        off: by how much a level of 8 bits may be off: 0 of formats without loss.
        reason: regular expression of why it is refused.
        needs: a package that reads it.
    """

    name: str
    write: object
    rgb: np.ndarray | None = None
    alpha: np.ndarray | None = None
    off: int = 0
    reason: str = ""
    needs: str = ""


def to_8_bit(samples):
    return samples if samples.dtype == np.uint8 else np.rint(samples / 257).astype(np.uint8)


def triple(gray):
    return np.stack([gray] * 3, axis=-1)


def depth(bits):
    return {8: BYTES, 16: WORDS}[bits]


def reverse(samples):
    """RGB <-> BGR, of gray nothing."""
    return samples if samples.ndim == 2 else samples[..., [2, 1, 0, 3][: samples.shape[2]]]


def by_pillow(samples, mode=None, **options):
    def write(path):
        image = Image.fromarray(samples)
        (image.convert(mode) if mode else image).save(path, **options)

    return write


def by_opencv(samples, *options):
    return lambda path: path.write_bytes(cv2.imencode(path.suffix, reverse(samples), options)[1].tobytes())


def by_tifffile(samples, **options):
    def write(path):
        planar = options.get("planarconfig") == "separate" and samples.ndim == 3
        tifffile.imwrite(path, np.ascontiguousarray(samples.transpose(2, 0, 1)) if planar else samples, **options)

    return write


def tiff_colours(bits):
    """Give name -> (samples, options of tifffile, RGB as seen, alpha) of a depth."""
    samples = depth(bits)
    rgb, alpha, gray, top = samples[..., :3], samples[..., 3], samples[..., 0], np.iinfo(samples.dtype).max
    shares = np.minimum(rgb / np.maximum(alpha, 1)[..., None].astype(float), 1) * (alpha > 0)[..., None]
    seen = (shares * top).round().astype(samples.dtype)
    return {
        "black0": (gray, {"photometric": "minisblack"}, triple(gray), None),
        "white0": (gray, {"photometric": "miniswhite"}, triple(top - gray), None),
        "rgb": (rgb, {"photometric": "rgb"}, rgb, None),
        "rgba": (samples[..., :4], {"photometric": "rgb", "extrasamples": ["unassalpha"]}, rgb, alpha),
        "rgbA": (samples[..., :4], {"photometric": "rgb", "extrasamples": ["assocalpha"]}, seen, alpha),
        "rgbx": (samples[..., :4], {"photometric": "rgb", "extrasamples": ["unspecified"]}, rgb, None),
        "graya": (
            samples[..., [0, 3]],
            {"photometric": "minisblack", "extrasamples": ["unassalpha"]},
            triple(gray),
            alpha,
        ),
    }


def tiffs():
    layouts = {
        "": {},
        "-zip": {"compression": "zlib"},
        "-predicted": {"compression": "zlib", "predictor": True, "rowsperstrip": 5},
        "-tiled": {"tile": (16, 16)},
        "-big-endian": {"byteorder": ">"},
        "-bigtiff": {"bigtiff": True},
        "-planar": {"planarconfig": "separate"},
        "-planar-zip": {"planarconfig": "separate", "compression": "zlib", "rowsperstrip": 7},
    }
    for bits in (8, 16):
        for colours, (samples, options, rgb, alpha) in tiff_colours(bits).items():
            for layout, more in layouts.items():
                if "-planar" in layout and samples.ndim == 2:
                    continue
                contiguous = {"planarconfig": "contig"} if samples.ndim == 3 and "planar" not in layout else {}
                write = by_tifffile(samples, **options, **more, **contiguous)
                yield Case(f"{colours}{bits}{layout}.tif", write, rgb, alpha, off=int(colours == "rgbA"))
        for channels in (1, 3, 4):  # LZW, which Photoshop and Lightroom write
            samples = depth(bits)[..., 0] if channels == 1 else depth(bits)[..., :channels]
            for predictor in (1, 2):
                write = by_opencv(samples, cv2.IMWRITE_TIFF_COMPRESSION, 5, cv2.IMWRITE_TIFF_PREDICTOR, predictor)
                rgb = triple(samples) if channels == 1 else samples[..., :3]
                alpha = samples[..., 3] if channels == 4 else None
                yield Case(f"lzw{bits}-{channels}-{predictor}.tif", write, rgb, alpha)
    for bits in (8, 16):
        inks = depth(bits)[..., :4]
        seen = np.asarray(Image.fromarray((inks >> bits - 8).astype(np.uint8), "CMYK").convert("RGB"))
        for layout, more in (("", {"planarconfig": "contig"}), ("-planar", {"planarconfig": "separate"})):
            yield Case(f"cmyk{bits}{layout}.tif", by_tifffile(inks, photometric="separated", **more), seen)


def without_loss():
    """PNG, BMP, PPM, GIF, WebP, JPEG 2000: read to the bit."""
    for mode, channels in (("L", 0), ("LA", [0, 3]), ("RGB", [0, 1, 2]), ("RGBA", [0, 1, 2, 3])):
        samples = np.ascontiguousarray(BYTES[..., channels])
        rgb = triple(BYTES[..., 0]) if mode[0] == "L" else BYTES[..., :3]
        alpha = BYTES[..., 3] if "A" in mode else None
        formats = ["png", "webp", "jp2"] + ["bmp", "ppm"] * (alpha is None)
        for suffix in formats:
            yield Case(f"{mode}.{suffix}", by_pillow(samples, lossless=True, exact=True), rgb, alpha)
    yield Case("rgba.bmp", by_opencv(BYTES[..., :4]), BYTES[..., :3], BYTES[..., 3])
    for suffix in ("png", "jp2", "pgm", "ppm"):
        for channels in {"pgm": (1,), "ppm": (3,)}.get(suffix, (1, 3, 4)):
            samples = WORDS[..., 0] if channels == 1 else WORDS[..., :channels]
            options = (cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000) if suffix == "jp2" else ()
            big = np.kron(samples, np.ones((2, 2, 1) if channels > 1 else (2, 2), np.uint16))
            rgb, alpha = (
                (triple(big), None) if channels == 1 else (big[..., :3], big[..., 3] if channels == 4 else None)
            )
            yield Case(f"deep{channels}.{suffix}", by_opencv(big, *options), rgb, alpha)
    bits = (BYTES[..., 0] > 127) * np.uint8(255)
    for suffix in ("png", "bmp", "pbm", "tif", "gif"):
        yield Case(f"bits.{suffix}", by_pillow(bits, "1"), triple(bits))
    for colours in (2, 4, 16, 256):
        palette = np.random.default_rng(2).integers(0, 256, (colours, 3), dtype=np.uint8)
        indices = (BYTES[..., 1] % np.uint16(colours)).astype(np.uint8)
        for suffix in ("png", "gif", "bmp", "tif"):
            yield Case(f"palette{colours}.{suffix}", paletted(indices, palette), palette[indices])
    clear = np.where(indices == 3, 0, 255).astype(np.uint8)
    yield Case("clear.png", paletted(indices, palette, transparency=3), palette[indices], clear)
    key = tuple(map(int, BYTES[10, 10, :3]))
    is_key = np.where((BYTES[..., :3] == key).all(axis=2), 0, 255).astype(np.uint8)
    yield Case("key.png", by_pillow(BYTES[..., :3], transparency=key), BYTES[..., :3], is_key)


def paletted(indices, palette, **options):
    def write(path):
        image = Image.fromarray(indices, "L")
        image.putpalette(palette.tobytes())
        image.save(path, **options)

    return write


def with_loss():
    """JPEG, AVIF, HEIC, WebP: as near as they keep it, under every name that they go by."""
    for suffix in ("jpg", "jpeg", "jfif", "jpe", "mpo", "webp", "JPG"):
        yield Case(
            f"a.{suffix}", by_pillow(SMOOTH, quality=97, format="WEBP" if suffix == "webp" else "JPEG"), SMOOTH, off=9
        )
    yield Case("progressive.jpg", by_pillow(SMOOTH, quality=97, progressive=True, subsampling=0), SMOOTH, off=9)
    gray = SMOOTH[..., 1]
    lightness = np.rint(rgb2lab(triple(gray))[..., 0] * 2.55).astype(np.uint8)
    lab = np.dstack([lightness, np.zeros_like(gray), np.zeros_like(gray)])
    yield Case("lab8.tif", by_tifffile(lab, photometric="cielab"), triple(gray), off=3)
    yield Case("gray.jpg", by_pillow(gray, quality=97), triple(gray), off=9)
    cmyk = np.asarray(Image.fromarray(SMOOTH).convert("CMYK").convert("RGB"))
    yield Case("cmyk.jpg", by_pillow(SMOOTH, "CMYK", quality=97), cmyk, off=12)
    yield Case("a.avif", by_pillow(SMOOTH, quality=95, subsampling="4:4:4"), SMOOTH, off=9)
    alpha = np.ascontiguousarray(np.rot90(SMOOTH[..., 2], 2))
    yield Case("alpha.avif", by_pillow(np.dstack([SMOOTH, alpha]), quality=95), SMOOTH, alpha, off=12)
    ten = np.rint(SMOOTH * (1023 / 255)).astype(np.uint16)
    yield Case("ten.avif", by_opencv(ten, cv2.IMWRITE_AVIF_DEPTH, 10, cv2.IMWRITE_AVIF_QUALITY, 95), SMOOTH, off=9)
    for suffix in ("heic", "heif", "hif"):
        yield Case(f"a.{suffix}", partial(heic, samples=SMOOTH, mode="RGB"), SMOOTH, off=9, needs="pillow_heif")
    deep = SMOOTH.astype(np.uint16) * 257
    yield Case("ten.heic", partial(heic, samples=deep, mode="RGB;16"), SMOOTH, off=9, needs="pillow_heif")


def heic(path, samples, mode):
    import pillow_heif

    height, width = samples.shape[:2]
    pillow_heif.encode(mode, (width, height), samples.tobytes(), path, quality=95, chroma=444)


def refused():
    """Files that are sound, and that nobody can read as 8-bit RGB without a guess."""
    gray, rgb = WORDS[..., 0], WORDS[..., :3]
    black = {"photometric": "minisblack"}
    floats = (gray / 65535).astype(np.float32)
    yield Case("float32.tif", by_tifffile(floats, **black), reason="32 bits")
    yield Case("float16.tif", by_tifffile(floats.astype(np.float16), **black), reason="floating-point")
    yield Case("uint32.tif", by_tifffile(gray.astype(np.uint32), **black), reason="32 bits")
    yield Case("int8.tif", by_tifffile(BYTES[..., 0].view(np.int8), **black), reason="signed")
    yield Case("int16.tif", by_tifffile(gray.view(np.int16), **black), reason="signed")
    yield Case("lab16.tif", by_tifffile(rgb, photometric="cielab"), reason="CIELAB: save it as RGB")
    three = {"photometric": "minisblack", "extrasamples": ["unspecified"] * 2, "planarconfig": "contig"}
    yield Case("gray3.tif", by_tifffile(rgb, **three), reason="3 gray channels")
    yield Case(
        "volume.tif", by_tifffile(np.stack([gray] * 16), volumetric=True, tile=(16, 16, 16), **black), reason="axes"
    )
    raw = [(50706, "B", 4, (1, 4, 0, 0), True)]
    for bits in (8, 16):
        yield Case(f"dng{bits}.tif", by_tifffile(depth(bits)[..., 0], extratags=raw, **black), reason="raw file .DNG")
        yield Case(f"preview{bits}.tif", by_tifffile(depth(bits)[..., :3], subfiletype=1), reason="preview")
    yield Case("twelve.jp2", twelve_bits, reason="12 bits")
    starts = {
        "photoshop.jpg": b"8BPS\0\1",
        "a.png": b"\xff\x0a",
        "exr.tif": b"v/1\x01",
        "cr3.jpg": b"\0\0\0\x18ftypcrx ",
    }
    for name, start in starts.items():
        yield Case(name, partial(write_start, start=start), reason="Photoshop|JPEG XL|OpenEXR|raw file")


def twelve_bits(path):
    """A JPEG 2000 file whose header says 12 bits."""
    buffer = BytesIO()
    Image.fromarray(WORDS[..., 0]).save(buffer, "JPEG2000")
    data = bytearray(buffer.getvalue())
    data[data.index(b"\xff\x4f\xff\x51") + 42] = 11
    path.write_bytes(data)


def write_start(path, start):
    path.write_bytes(start + bytes(100))


CASES = [*tiffs(), *without_loss(), *with_loss(), *refused()]
