"""Controls of reconstruction: methods whose rank is known beforehand.

`Photo`, `ShiftedPhoto` and `Nothing` tell nothing but pictures and need nothing but a photo. `TrueFace` and `OtherPerson`
are there only where faces were rendered, so that what they were rendered from is known.
"""

from __future__ import annotations

import numpy as np

from occset.benchmark.methods.shapes import shifted
from occset.benchmark.tasks.reconstruction.from_coefficients import DrawnFaces
from occset.benchmark.tasks.reconstruction.posed_face import PosedFace
from occset.support.errors import BrokenMethod

Told = tuple[np.ndarray, np.ndarray, np.ndarray]


class Photo:
    """The clean picture's own face as the render: the ceiling of every figure of pictures."""

    name = "photo"
    given: tuple[str, ...] = ("photo", "face")

    def reconstruct(self, images: np.ndarray, *, photo: np.ndarray, face: np.ndarray) -> Told:
        """Return `photo` (B, H, W, 3) uint8 where `face` (B, H, W) uint8 is, and no coefficients."""
        return np.zeros((len(images), 0), np.float32), np.where(face[..., None] > 0, photo, np.uint8(0)), face.copy()


class ShiftedPhoto:
    """The clean picture's face, 3 % of the width too far right and down: what a misplaced face costs."""

    name = "shifted-photo"
    given: tuple[str, ...] = ("photo", "face")

    def reconstruct(self, images: np.ndarray, *, photo: np.ndarray, face: np.ndarray) -> Told:
        """Move what `Photo` returns; what comes in at the border is no face."""
        coefficients, renders, masks = Photo().reconstruct(images, photo=photo, face=face)
        return coefficients, np.stack([shifted(channel) for channel in np.moveaxis(renders, -1, 0)], -1), shifted(masks)


class Nothing:
    """No face at all: the floor."""

    name = "nothing"
    given: tuple[str, ...] = ()

    def reconstruct(self, images: np.ndarray) -> Told:
        """(B, H, W, 3) uint8 RGB in; no coefficients, black and empty masks out."""
        return np.zeros((len(images), 0), np.float32), np.zeros_like(images), np.zeros(images.shape[:3], np.uint8)


class TrueFace(DrawnFaces):
    """The coefficients that the face was rendered from, drawn again: no error of geometry, and what the renderer lacks."""

    name = "truth"
    given: tuple[str, ...] = ("truth",)

    def reconstruct(self, images: np.ndarray, *, truth: list[PosedFace | None]) -> Told:
        """Draw `truth`.

        Raises:
            BrokenMethod: nobody knows what a face was rendered from.
        """
        return self.draw_all([_known(face, self.name) for face in truth], images)


class OtherPerson(DrawnFaces):
    """Another person's shape, expression, albedo and light in the pose of this face: what a good pose alone is worth."""

    name = "other"
    given: tuple[str, ...] = ("truth", "other")

    def reconstruct(self, images: np.ndarray, *, truth: list[PosedFace | None], other: list[PosedFace | None]) -> Told:
        """Draw `other` before the camera of `truth`.

        Raises:
            BrokenMethod: nobody knows what a face was rendered from, or the set shows one person alone.
        """
        pairs = zip(truth, other, strict=True)
        return self.draw_all([_known(a, self.name).before(_known(face, self.name)) for face, a in pairs], images)


def _known(face: PosedFace | None, name: str) -> PosedFace:
    if face is None:
        raise BrokenMethod(
            f"{name} needs coefficients that faces were rendered from, of this face and of another person: use a set of "
            "built-in faces, or leave this control out"
        )
    return face
