"""Analysis by synthesis on the occluded picture itself: what optimisation can do without a network that knows occluders."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from occset.pictures.landmarks import template

if TYPE_CHECKING:
    from occset.models.reconstruction.drawer import FaceDrawer
    from occset.models.reconstruction.fitting.fit import Fitter

_SIZE = 128


class Fit:
    """Landmarks, then photometry; every pixel that the render covers is taken for face.

    Landmarks are looked for where aligned faces have them. The albedo is NR's learned one where its weights are released.
    """

    name = "fit"
    given: tuple[str, ...] = ()
    stage = "photometry"

    @cached_property
    def _tools(self) -> tuple[Fitter, FaceDrawer]:
        """The fitter and the drawer of one morphable model."""
        from occset.models.pretrained import load
        from occset.models.reconstruction.albedo import open_face_model
        from occset.models.reconstruction.drawer import FaceDrawer
        from occset.models.reconstruction.fitting.fit import Fitter
        from occset.models.registry import find

        model = load("nr", device="cpu").model if find("nr").is_released else open_face_model()
        return Fitter(model, self.stage), FaceDrawer(model)

    @property
    def weights_hash(self) -> str | None:
        """That of NR's weights, whose albedo is fitted; None where they are not released."""
        from occset.models.registry import find
        from occset.models.weight_files import weights_hash

        known = find("nr")
        return weights_hash(known.released) if known.is_released else None

    def __getstate__(self) -> dict[str, Any]:
        """Without the tools, which are made again where they are used."""
        return {}

    @property
    def topology(self) -> str:
        """Name of the mesh whose vertices `geometry` gives."""
        return self._tools[1].model.name

    def reconstruct(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Fit each image of a batch.

        Args:
            images: (B, S, S, 3) uint8 RGB, aligned.

        Returns:
            Coefficients (B, D) float32, renders (B, S, S, 3) uint8, masks (B, S, S) uint8.

        Raises:
            MissingExtra: the network that finds landmarks is not installed.
        """
        from occset.pictures.images import shrink

        fitter, drawer = self._tools
        size = images.shape[1]
        points = fitter.points(list(images), [template(size)] * len(images))
        small = min(size, _SIZE)
        pictures = np.stack([shrink(np.asarray(image), small) for image in images])
        everything = np.full(pictures.shape[:3], 255, np.uint8)
        rows = fitter.fit(pictures, everything, (points + 0.5) * (small / size) - 0.5)
        vectors = np.stack([row["vector"] for row in rows])
        return (vectors, *drawer.pictures(vectors, size))

    def geometry(self, coefficients: np.ndarray, size: int) -> dict[str, np.ndarray]:
        """What coefficients say beside the picture."""
        return self._tools[1].geometry(coefficients, size)


class FitWithOutliers(Fit):
    """The same with EM: what the face does not explain becomes an outlier, and the rest is fitted again."""

    name = "fit-em"
    stage = "em"
