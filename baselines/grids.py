"""Where the pixels of a resized image lie."""

from typing import Literal

Grid = Literal["half-pixel", "align-corners", "half-pixel-cut", "top-left"]
"""`half-pixel`: MATLAB's (Keys a = -0.5, antialiased when shrinking, symmetric border).
`align-corners`: torch's (a = -0.75, corner pixels fixed, no antialiasing), as the IKE release resizes.
`half-pixel-cut`: as `half-pixel`, without the border at the top and left (quirk `border-taps`).
`top-left`: as `half-pixel`, but SR[s i, s j] lies on LR[i, j], as where LR images hold every s-th pixel of the HR."""
