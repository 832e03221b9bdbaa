"""Inpainting that learns nothing: OpenCV's two, and the mean colour."""

from __future__ import annotations

import cv2
import numpy as np

from occset.benchmark.methods.interfaces import holes
from occset.benchmark.methods.shapes import central_ellipse

RADIUS = 3.0
"""Pixels that OpenCV looks at around each one it fills; 3 is the value of OpenCV's own examples."""


class _OpenCvInpainter:
    """`cv2.inpaint` image by image; the two methods differ in the flag."""

    name: str
    flag: int
    given: tuple[str, ...] = ("mask",)

    def __init__(self, radius: float = RADIUS) -> None:
        self.radius = radius

    def deocclude(self, images: np.ndarray, masks: np.ndarray | None) -> np.ndarray:
        """(B, H, W, 3) uint8 RGB and (B, H, W) uint8 holes in; (B, H, W, 3) uint8 RGB out."""
        filled = [
            cv2.inpaint(image, hole.astype(np.uint8), self.radius, self.flag)
            for image, hole in zip(images, holes(masks, self.name), strict=True)
        ]
        return np.stack(filled)


class Telea(_OpenCvInpainter):
    """Fast marching (Telea 2004): each pixel from its known neighbours, from the border inwards."""

    name = "telea"
    flag = cv2.INPAINT_TELEA


class NavierStokes(_OpenCvInpainter):
    """Fluid dynamics (Bertalmio et al. 2001): carries lines of equal brightness into the hole."""

    name = "navier-stokes"
    flag = cv2.INPAINT_NS


class MeanColour:
    """One colour: the mean of what is visible in the middle of the picture.

    A method is told the hole, not the face, so the mean is taken over the pixels outside the hole within an ellipse
    in the middle of the crop, where an aligned face is; over all pixels outside the hole if it covers the
    ellipse; and mid-grey if it covers everything. It is a method that anyone must beat, and the audit knows its place.
    """

    name = "mean-colour"
    given: tuple[str, ...] = ("mask",)

    def deocclude(self, images: np.ndarray, masks: np.ndarray | None) -> np.ndarray:
        """(B, H, W, 3) uint8 RGB and (B, H, W) uint8 holes in; (B, H, W, 3) uint8 RGB out."""
        filled = images.copy()
        centre = central_ellipse(*images.shape[1:3])
        for image, hole in zip(filled, holes(masks, self.name), strict=True):
            seen = centre & ~hole
            if not seen.any():
                seen = ~hole
            image[hole] = np.rint(image[seen].mean(axis=0)) if seen.any() else 127
        return filled
