"""Answers that look at no pixel: a fixed oval, and what the data set itself says of a face."""

from __future__ import annotations

import numpy as np

from occset.benchmark.methods.shapes import central_ellipse


class Oval:
    """The same oval in the middle of every picture: what an aligned crop alone tells, and anyone must beat."""

    name = "oval"
    given: tuple[str, ...] = ()

    def segment(self, images: np.ndarray) -> np.ndarray:
        """(B, H, W, 3) uint8 RGB in; (B, H, W) uint8 out."""
        oval = np.where(central_ellipse(*images.shape[1:3]), np.uint8(255), np.uint8(0))
        return np.repeat(oval[None], len(images), axis=0)


class Labels:
    """The data set's own mask of the photo, which knows nothing of an occluder that was added; not automatic."""

    name = "labels"
    given: tuple[str, ...] = ("face",)

    def segment(self, images: np.ndarray, *, face: np.ndarray) -> np.ndarray:
        """Return `face`, (B, H, W) uint8, the mask of the clean photo."""
        return face.copy()
