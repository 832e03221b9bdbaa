"""Controls: methods whose rank is known beforehand, so that a bench that ranks them otherwise is wrong.

The audit also knows the place of the mean colour, a method, which lives in `methods.classical`.
"""

from __future__ import annotations

import numpy as np

from occset.benchmark.methods.content_seed import content_rng
from occset.benchmark.methods.interfaces import holes
from occset.benchmark.methods.shapes import shifted


class Truth:
    """The clean image itself: the ceiling of every metric."""

    name = "truth"
    given: tuple[str, ...] = ("truth",)

    def deocclude(self, images: np.ndarray, masks: np.ndarray | None, *, truth: np.ndarray) -> np.ndarray:
        """Return `truth`, (B, H, W, 3) uint8 RGB."""
        return truth.copy()


class OccludedInput:
    """The occluded image unchanged: what doing nothing is worth."""

    name = "input"
    given: tuple[str, ...] = ()

    def deocclude(self, images: np.ndarray, masks: np.ndarray | None) -> np.ndarray:
        """Return `images`, (B, H, W, 3) uint8 RGB."""
        return images.copy()


class Noise:
    """Uniform noise in the hole: the floor."""

    name = "noise"
    given: tuple[str, ...] = ("mask",)

    def __init__(self, seed: int = 0) -> None:
        """Noise that depends on `seed` and the picture, not on its place in the batch."""
        self.seed = seed

    def deocclude(self, images: np.ndarray, masks: np.ndarray | None) -> np.ndarray:
        """(B, H, W, 3) uint8 RGB and (B, H, W) uint8 holes in; (B, H, W, 3) uint8 RGB out."""
        filled = images.copy()
        for image, hole in zip(filled, holes(masks, self.name), strict=True):
            rng = content_rng(self.seed, image, hole)
            image[hole] = rng.integers(0, 256, size=(int(hole.sum()), 3), dtype=np.uint8)
        return filled


class ShiftedTruth:
    """The truth, pasted through a mask that is 3 % of the width off: what a misplaced mask costs."""

    name = "shifted-truth"
    given: tuple[str, ...] = ("mask", "truth")

    def deocclude(self, images: np.ndarray, masks: np.ndarray | None, *, truth: np.ndarray) -> np.ndarray:
        """Paste `truth` into `images` where the mask, moved right and down, is set; all (B, H, W, 3) uint8 RGB."""
        moved = shifted(holes(masks, self.name))
        return np.where(moved[..., None], truth, images)
