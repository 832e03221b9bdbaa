"""What rivals are trained on: NG's samples, and the occluder's footprint, which the bench tells them of too."""

from __future__ import annotations

import numpy as np

from occset.composition.footprint import footprint_of
from occset.dataset.recipes import Recipe
from occset.models.inpainting.task import InpaintingSamples


class RivalSamples(InpaintingSamples):
    """NG's samples: the same faces, recipes, size and crop for the same seed; each with its hole. Picklable."""

    def rendered(self, recipe: Recipe) -> dict[str, np.ndarray]:
        """As NG's, and "holes", (S, S) uint8, 255 = the occluder may be seen here; empty where nothing was put on."""
        hole = footprint_of(self.drawer.renderer.alpha(recipe))
        return {**super().rendered(recipe), "holes": hole}
