"""What files are that cannot be identified as a photograph, by their first bytes."""

STARTS = {
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
    name = next((name for start, name in STARTS.items() if data.startswith(start)), None)
    return (
        f"{name}, which cannot be read: save it as PNG" if name else "not an image, or of a format that cannot be read"
    )


def _why_heic() -> str:
    try:
        import pillow_heif  # noqa: F401
    except ImportError:
        return "HEIC: `pip install pillow-heif` is needed to read it"
    return "HEIC, truncated or damaged"
