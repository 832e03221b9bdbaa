"""Controls of segmentation: methods whose rank is known beforehand."""

from __future__ import annotations

import numpy as np

from occset.benchmark.methods.content_seed import content_rng
from occset.benchmark.methods.shapes import shifted


class TrueMask:
    """The true mask itself: the ceiling of every metric."""

    name = "truth"
    given: tuple[str, ...] = ("truth",)

    def segment(self, images: np.ndarray, *, truth: np.ndarray) -> np.ndarray:
        """Return `truth`, (B, H, W) uint8."""
        return truth.copy()


class ShiftedMask:
    """The true mask, 3 % of the width too far right and down: what a misplaced mask costs."""

    name = "shifted-truth"
    given: tuple[str, ...] = ("truth",)

    def segment(self, images: np.ndarray, *, truth: np.ndarray) -> np.ndarray:
        """Move `truth`, (B, H, W) uint8; what comes in at the border is no face."""
        return shifted(truth)


class CoinFlips:
    """Each pixel face or not by the toss of a coin."""

    name = "noise"
    given: tuple[str, ...] = ()

    def __init__(self, seed: int = 0) -> None:
        """Noise that depends on `seed` and the picture, not on its place in the batch."""
        self.seed = seed

    def segment(self, images: np.ndarray) -> np.ndarray:
        """(B, H, W, 3) uint8 RGB in; (B, H, W) uint8 out."""
        tossed = [content_rng(self.seed, image, None).integers(0, 2, image.shape[:2], np.uint8) for image in images]
        return np.stack(tossed) * np.uint8(255)


class AllFace:
    """Every pixel called face: the floor."""

    name = "all-face"
    given: tuple[str, ...] = ()

    def segment(self, images: np.ndarray) -> np.ndarray:
        """(B, H, W, 3) uint8 RGB in; (B, H, W) uint8 out."""
        return np.full(images.shape[:3], 255, np.uint8)


class Nothing:
    """No pixel called face."""

    name = "nothing"
    given: tuple[str, ...] = ()

    def segment(self, images: np.ndarray) -> np.ndarray:
        """(B, H, W, 3) uint8 RGB in; (B, H, W) uint8 out."""
        return np.zeros(images.shape[:3], np.uint8)
