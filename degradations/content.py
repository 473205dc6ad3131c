"""What the pixels say of a pair of HR and LR images: whether they show the same, and whether LR is plain bicubic."""

import numpy as np
from numpy.typing import NDArray

from degradations.resample import cut_to_multiple, imresize, quantise

THUMBNAIL = 32  # px at most; small enough that an LR image may lie some px off its HR
DETAIL = 3  # LR px of one of a thumbnail's, at least: what a filter takes from an image must not count

SURE, OTHER, CLEARLY = 0.9, 0.5, 0.95
"""Likeness: from SURE on, two images are of one photo; under OTHER they are not. Pairs of DIV2K, Set5, Set14 and BSD
measure 0.99 and more, different photographs up to 0.68; small crops of wiped-out texture fall to 0.7."""
FLAT = 3.0  # grey levels, standard deviation: thumbnails under it say nothing

BICUBIC_TOLERANCE = 2
"""Grey levels. MATLAB and `imresize` differ by rounding only; Track 2 kernels differ by 70 and more at strong edges."""
BICUBIC_SHARE = 0.1
"""Of the mean difference that half an HR px of shift makes. MATLAB's bicubic is at most 0.02 away from `imresize`, the
smoothest crops of Track 2 are 0.38 and more: an image too smooth to tell is not called bicubic."""

Image = NDArray[np.uint8]
Thumbnail = NDArray[np.float32]


def thumbnail(image: Image, lr_side: int) -> Thumbnail:
    """Give the luma of an image (H, W, 3) as a small square, whose side the LR image's smaller one decides."""
    import cv2

    side = min(THUMBNAIL, max(lr_side // DETAIL, 2))
    luma = image.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    return cv2.resize(luma, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32)


def likeness(first: Thumbnail, second: Thumbnail) -> float:
    """Give the correlation of two thumbnails of one size; 1 where one of them is flat, because nothing can be told."""
    if min(first.std(), second.std()) < FLAT:
        return 1.0
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def is_bicubic(lr: Image, hr: Image, scale: int) -> bool:
    """Say whether an LR image (H / s, W / s, 3) is MATLAB's bicubic downscaling of HR (H, W, 3), and visibly so."""
    hr = cut_to_multiple(hr, scale)
    exact = imresize(hr, 1 / scale)
    difference = np.abs(quantise(exact).astype(int) - lr)
    if difference.max() > BICUBIC_TOLERANCE:
        return False
    moved = np.abs(exact - imresize(hr, 1 / scale, top_left=True)).mean()
    return bool(difference.mean() < BICUBIC_SHARE * moved)
