"""Pictures that were made elsewhere, as a method of de-occlusion."""

from __future__ import annotations

import numpy as np

from occset.benchmark.methods.predictions import StoredPredictions
from occset.pictures.images import read_image


class Predictions(StoredPredictions):
    """A folder of pictures, one PNG a sample."""

    def deocclude(self, images: np.ndarray, masks: np.ndarray | None, *, ids: list[str]) -> np.ndarray:
        """Read the samples' pictures, (B, h, w, 3) uint8 RGB.

        Raises:
            BrokenMethod: a file is missing, two fit one sample, or the files of a batch differ in size.
            BadInput: a file cannot be read.
            UnsafePath: an id would lead out of the folder.
        """
        return self.read(ids, images, read_image)
