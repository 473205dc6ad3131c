"""Every photograph is read rightly or refused: formats x depths x layouts x colours, made by the libraries."""

import numpy as np
import photo_files
import pytest

from ikebench.images import IMAGE_SUFFIXES, read_image, read_photo


@pytest.mark.parametrize("case", photo_files.CASES, ids=lambda case: case.name)
def test_it_is_read_rightly_or_refused(tmp_path, case):
    if case.needs:
        pytest.importorskip(case.needs)
    path = tmp_path / case.name
    case.write(path)
    if case.rgb is None:
        with pytest.raises(ValueError, match=case.reason) as caught:
            read_image(path)
        assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)
        return
    photo = read_photo(path)
    np.testing.assert_array_equal(read_image(path), photo.pixels)
    assert photo.pixels.flags.c_contiguous and photo.pixels.flags.writeable
    check(photo.pixels, case.rgb, case.off)
    if case.alpha is None:
        assert photo.alpha is None or photo.alpha.min() == 255
    else:
        check(photo.alpha, case.alpha, case.off)


def check(read, expected, off):
    assert read.dtype == np.uint8
    np.testing.assert_allclose(read.astype(int), photo_files.to_8_bit(expected).astype(int), atol=off, rtol=0)


def test_every_suffix_that_is_listed_is_in_the_table():
    tried = {case.name.rpartition(".")[2].lower() for case in photo_files.CASES}
    aliases = {"dib": "bmp", "tiff": "tif", "pgm": "ppm", "pnm": "ppm", "jif": "jpg"}
    jpeg_2000 = {"j2c", "j2k", "jpc", "jpf", "jpx"}
    for suffix in (suffix.lstrip(".") for suffix in IMAGE_SUFFIXES):
        assert {aliases.get(suffix, suffix)} & tried or suffix in jpeg_2000, suffix
