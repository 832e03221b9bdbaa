"""What methods share that answer with coefficients of the procedural model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from occset.benchmark.methods.interfaces import Geometry
from occset.benchmark.tasks.reconstruction.posed_face import TOPOLOGY, PosedFace, draw, from_vector, geometry_of


class DrawnFaces:
    """A method whose coefficients are those of `PosedFace`: pose (6), focal length (1), 80 + 64 + 80, light (9)."""

    topology = TOPOLOGY

    def draw_all(self, faces: Sequence[PosedFace], images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Coefficients (B, 240) float32, renders (B, H, W, 3) uint8 and masks (B, H, W) uint8, for images (B, H, W, 3).

        Drawn as square pictures as wide as the images.
        """
        drawn = [draw(face, images.shape[2]) for face in faces]
        renders, masks = zip(*drawn, strict=True)
        return np.stack([face.to_vector() for face in faces]), np.stack(renders), np.stack(masks)

    def geometry(self, coefficients: np.ndarray, size: int) -> dict[str, np.ndarray]:
        """All of `Geometry`, of (B, 240) coefficients in pictures of side `size`."""
        told = [geometry_of(from_vector(vector), size) for vector in coefficients]
        return {
            name: np.concatenate(parts) for name, parts in zip(Geometry._fields, zip(*told, strict=True), strict=True)
        }
