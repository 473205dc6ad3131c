"""What a photograph's file holds beside the pixels: EXIF and the colour profile."""

from PIL import ExifTags, Image

SIZES = {ExifTags.Base.ExifImageWidth: 0, ExifTags.Base.ExifImageHeight: 1}  # -> index into (width, height)
TIFF_STRUCTURE = range(0xFE, 0x15C)
"""Tags of TIFF files that say how pixels are stored, among them some of words, which `OF_WORDS` names."""
OF_WORDS = {
    ExifTags.Base.ImageDescription,
    ExifTags.Base.Make,
    ExifTags.Base.Model,
    ExifTags.Base.XResolution,
    ExifTags.Base.YResolution,
    ExifTags.Base.ResolutionUnit,
    ExifTags.Base.Software,
    ExifTags.Base.DateTime,
    ExifTags.Base.Artist,
}
DROPPED = {ExifTags.Base.XMLPacket, ExifTags.Base.ImageResources, ExifTags.Base.InterColorProfile, 0x02BC}


def exif_bytes(exif: Image.Exif) -> bytes | None:
    """Give an EXIF block without orientation, thumbnail and how a TIFF file stores its pixels; None if it is empty."""
    try:
        kept = Image.Exif()
        kept.load(exif.tobytes())
        for tag in list(kept):
            if (tag in TIFF_STRUCTURE and tag not in OF_WORDS) or tag in DROPPED:
                del kept[tag]
        if str(kept.get(ExifTags.Base.ImageDescription, "")).startswith(("{", "ImageJ=")):  # tifffile's and ImageJ's
            del kept[ExifTags.Base.ImageDescription]  # notes on how pixels are stored
        return kept.tobytes() if len(kept) else None
    except Exception:  # broken EXIF beside sound pixels, by any of the parser's errors
        return None


def resized(exif: bytes, width: int, height: int) -> bytes:
    """Put the size of another picture into an EXIF block, where it names one."""
    tags = Image.Exif()
    tags.load(exif)
    inner = tags.get_ifd(ExifTags.IFD.Exif)
    for tag, index in SIZES.items():
        if tag in inner:
            inner[tag] = (width, height)[index]
    return tags.tobytes()


def rgb_profile(profile: bytes | None) -> bytes | None:
    """Give a colour profile if it is one of RGB: bytes 16 to 19 name the colour space (ICC.1, section 7.2)."""
    return profile if profile and profile[16:20] == b"RGB " else None
