"""What files are that cannot be identified as a photograph, by their first bytes."""

from collections.abc import Mapping

NOT_READ = {
    b"8BPS": "a Photoshop document",
    b"%PDF": "a PDF",
    b"v/1\x01": "an OpenEXR image",
    b"#?RADIANCE": "a Radiance HDR image",
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"\0\0\1\0": "an icon",
    b"FUJIFILMCCD-RAW": "a camera's raw file",
    b"%!PS": "PostScript",
}
READ = {
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"GIF8": "GIF",
    b"RIFF": "WebP",
    b"BM": "BMP",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
}
BRANDS = {  # of ISO media files
    b"crx ": "a camera's raw file: develop it first",
    b"avif": "AVIF, damaged or needing `pip install --upgrade pillow` (11.3 or newer)",
    b"avis": "AVIF, damaged or needing `pip install --upgrade pillow` (11.3 or newer)",
}
HEIC = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")


def why_unidentified(data: bytes) -> str:
    """Say why a file is not read that no reader claims."""
    brand = data[8:12] if data[4:8] == b"ftyp" else b""
    if brand in HEIC:
        return _why_heic()
    if brand in BRANDS:
        return BRANDS[brand]
    if name := _begins(data, NOT_READ):
        return f"{name}, which cannot be read: save it as PNG"
    if name := _begins(data, READ):
        return f"{name}, truncated or damaged, or of a kind that cannot be read"
    return "not an image, or of a format that cannot be read"


def _begins(data: bytes, starts: Mapping[bytes, str]) -> str | None:
    return next((name for start, name in starts.items() if data.startswith(start)), None)


def _why_heic() -> str:
    try:
        import pillow_heif  # noqa: F401
    except ImportError:
        return "HEIC: `pip install pillow-heif` is needed to read it"
    return "HEIC, truncated or damaged"
