"""Masks that were made elsewhere, as a method of segmentation."""

from __future__ import annotations

import numpy as np

from occset.benchmark.methods.predictions import StoredPredictions
from occset.pictures.masks import read_soft_mask


class Predictions(StoredPredictions):
    """A folder of masks, one PNG a sample."""

    def segment(self, images: np.ndarray, *, ids: list[str]) -> np.ndarray:
        """Read the samples' soft masks, (B, h, w) uint8, 255 = face; raises as `StoredPredictions.read` does."""
        return self.read(ids, images, read_soft_mask)
