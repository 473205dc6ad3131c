"""TIFF: what is refused, and what Pillow does not read rightly: tifffile does, in every layout."""

import logging
from io import BytesIO
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from ikebench.images.decoded import Decoded, Unsupported

if TYPE_CHECKING:
    from tifffile import TiffPage

logging.getLogger("tifffile").addHandler(logging.NullHandler())  # odd tags are nothing for the user to mend

STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, CMYK = 0, 1, 2, 5
"""PhotometricInterpretation (TIFF 6.0)."""
COLOURS = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3, CMYK: 4}
ASSOCIATED, UNASSOCIATED = 1, 2
"""ExtraSamples: alpha that colours are multiplied by, and that they are not."""
DNG_VERSION, ICC_PROFILE = 50706, 34675
IN_PLANES = 2
"""PlanarConfiguration."""


def first_page(data: bytes) -> "TiffPage | None":
    """Give the first page of a TIFF file; None for what is none, or is broken."""
    if not data.startswith(STARTS):
        return None
    import tifffile

    try:
        page = tifffile.TiffFile(BytesIO(data)).pages.first
    except Exception:  # by any of the parser's errors; Pillow says what is wrong
        return None
    return page if isinstance(page, tifffile.TiffPage) else None


def refuse_what_is_no_photograph(page: "TiffPage") -> None:
    """Refuse a camera's raw data, a preview, signed and floating-point samples.

    Raises:
        Unsupported: with the reason.
    """
    bits = int(np.max(page.bitspersample))
    if DNG_VERSION in page.tags:
        raise Unsupported("a camera's raw file (DNG): develop it first")
    if page.is_reduced:
        raise Unsupported("its first picture is a preview, as in a camera's raw file: develop it first")
    if bits > 8 and bits != 16:
        raise Unsupported(f"samples of {bits} bits; 8 and 16 can be read")
    if not {int(kind) for kind in np.atleast_1d(page.sampleformat)} <= {1, 4}:
        raise Unsupported("signed or floating-point samples: where white is, the file does not say")


def is_beyond_pillow(page: "TiffPage") -> bool:
    """Tell 16-bit samples, of which Pillow keeps the high byte, and alpha in a plane of its own, which it mixes up."""
    return page.bitspersample == 16 or (page.planarconfig == IN_PLANES and bool(page.extrasamples))


def decode(page: "TiffPage", data: bytes) -> Decoded:
    """Decode gray, RGB and CMYK of 8 or 16 bits, in planes or not, with alpha or without.

    Raises:
        Unsupported: for other colours, and where a compression needs imagecodecs.
        DecompressionBombError: as Pillow.
    """
    if page.imagewidth * page.imagelength > 2 * (Image.MAX_IMAGE_PIXELS or np.inf):
        raise Image.DecompressionBombError
    samples, turned = _samples(page, data)
    profile = page.tags.valueof(ICC_PROFILE)
    exif = _exif(data)
    exif[ExifTags.Base.Orientation] = 1 if turned else page.tags.valueof(ExifTags.Base.Orientation, default=1)
    return Decoded(_colours(page, samples), exif, profile if isinstance(profile, bytes) else None)


def _exif(data: bytes) -> Image.Exif:
    exif = Image.Exif()
    try:
        exif.load(data)
    except Exception:  # BigTIFF, or broken tags beside sound pixels, by any of the parser's errors
        return Image.Exif()
    return exif


def _colours(page: "TiffPage", samples: NDArray[Any]) -> NDArray[Any]:
    """(H, W, C) as stored -> gray, gray and alpha, RGB or RGBA; what stands behind is dropped."""
    number = COLOURS.get(int(page.photometric or 0))
    if number is None or samples.shape[2] < number:
        raise Unsupported(f"TIFF of such samples in the colours {_name(page.photometric)}: save it as RGB")
    extra = page.extrasamples[0] if page.extrasamples else UNASSOCIATED if samples.shape[2] > number else 0
    has_alpha = extra in (ASSOCIATED, UNASSOCIATED)
    if number == 1 and samples.shape[2] > 1 + has_alpha:
        raise Unsupported(f"{samples.shape[2]} gray channels: which colours they are, the file does not say")
    colours, alpha = samples[..., :number], samples[..., number : number + has_alpha]
    if page.photometric == WHITE_IS_ZERO:
        colours = np.iinfo(colours.dtype).max - colours
    if number == 4:  # the high byte and Pillow's formula, as for 8 bits
        return np.array(Image.fromarray((colours >> page.bitspersample - 8).astype(np.uint8), "CMYK").convert("RGB"))
    if extra == ASSOCIATED:
        colours = _divided(colours, alpha)
    return np.concatenate([colours, alpha], axis=2)


def _divided(colours: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    """Take alpha out of colours; where it is 0 they are black, as Pillow has them."""
    top = np.uint64(np.iinfo(colours.dtype).max)
    divided = np.minimum(colours * top // np.maximum(alpha, 1).astype(np.uint64), top)  # cut off, as Pillow does
    return np.where(alpha == 0, 0, divided).astype(colours.dtype)


def _samples(page: "TiffPage", data: bytes) -> tuple[NDArray[Any], bool]:
    """Give (H, W, C) as stored, and whether the decoder has turned them upright."""
    try:
        samples = page.asarray(maxworkers=1)
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
        return _by_opencv(page, data), True
    if page.axes not in ("YX", "YXS", "SYX"):
        raise Unsupported(f"TIFF with the axes {page.axes}: save it as a plain picture")
    return np.atleast_3d(np.moveaxis(samples, 0, 2) if page.axes == "SYX" else samples), False


def _by_opencv(page: "TiffPage", data: bytes) -> NDArray[Any]:
    """Decode a compression that tifffile needs imagecodecs for, LZW above all: OpenCV is right where nothing is odd."""
    with Image.open(BytesIO(data), formats=["TIFF"]) as photo:
        photo.load()  # OpenCV fills up truncated files in silence
    in_planes = page.planarconfig == IN_PLANES and page.samplesperpixel > 1
    deep = None if in_planes else cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if deep is None or deep.dtype != np.uint16 or np.atleast_3d(deep).shape[2] != page.samplesperpixel:
        layout = f"TIFF of this layout and compression ({_name(page.compression)})"
        raise Unsupported(f"{layout}: `pip install imagecodecs`, or save it without")
    return deep[..., None] if deep.ndim == 2 else deep[..., [2, 1, 0, 3][: deep.shape[2]]]


def _name(value: Any) -> str:  # noqa: ANN401 (tifffile's enumerations, or a number that is in none)
    return getattr(value, "name", str(value))
