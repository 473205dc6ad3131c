"""Images on disk: any photograph in as 8-bit upright RGB, PNG or a photograph out, and the images of a folder."""

from ikebench.images.folders import IMAGE_SUFFIXES, by_stem, image_paths, left_out, natural_order
from ikebench.images.reading import Photo, read_image, read_photo
from ikebench.images.writing import png_bytes, write_photo, write_png

__all__ = [
    "IMAGE_SUFFIXES",
    "Photo",
    "by_stem",
    "image_paths",
    "left_out",
    "natural_order",
    "png_bytes",
    "read_image",
    "read_photo",
    "write_photo",
    "write_png",
]
