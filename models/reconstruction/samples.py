"""What NR is trained on: faces whose coefficients are known, with something in front of them (Eq. 2).

A sample is a pure function of (seed, epoch, index). Pictures are not changed in geometry or colour, since pose and light
would change with them.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import Recipe
from occset.dataset.usable import usable_faces
from occset.models.arcface_network import alignments
from occset.models.reconstruction.coefficients import Layout
from occset.models.reconstruction.fits import Fits
from occset.models.segmentation.mix import Mix, training_types
from occset.pictures.landmarks import five_points
from occset.pictures.masks import THRESHOLD, decode_rle
from occset.samples.draw import Drawer, Plan
from occset.samples.render import Renderer
from occset.support.errors import OccsetError

_CUTOUTS, _FACES = 400, 4000
"""How many cut-outs, and faces at the working size, a worker keeps in memory."""

_EYE_RADIUS, _EYE_SHOWN = 0.22, 0.5
"""Disc about an eye, in distances of the eyes, and the share of it that must be face: less are sunglasses or hair."""


class ReconstructionSamples:
    """Training samples of NR. Picklable; a worker reads the set itself."""

    def __init__(
        self,
        data: OcclusionSet,
        fits: Fits,
        size: int,
        epoch_size: int,
        seed: int = 0,
        split: str = "train",
        mix: Mix | None = None,
        occluded: bool = True,
    ) -> None:
        """Look up what there is to draw from.

        Args:
            data: the set.
            fits: coefficients of its faces.
            size: side of the samples, pixels.
            epoch_size: samples of one epoch.
            seed: of all chance.
            split: faces, occluders and textures come from this split alone.
            mix: what samples show, and how often.
            occluded: whether anything is put before the faces; nothing is for the unhardened twin.

        Raises:
            OccsetError: the split has no face with a good fit.
        """
        self.size, self.epoch_size, self.seed, self.split = size, epoch_size, seed, split
        self.layout, self.fits = fits.layout, fits
        faces = trainable_faces(data, fits, split)
        if not faces:
            raise OccsetError(
                f"{data.path}: no face of the split '{split}' has a good fit: run  occset fit {data.path}"
            )
        have = data.occluders.loc[data.occluders["split"] == split, "category"]
        bare: dict[str, tuple[tuple[str, ...], float]] = {"bare": ((), 1.0)}
        types = training_types(sorted(have.unique()), mix) if occluded else bare
        self.drawer = Drawer(data, Plan(split=split, size=size, types=types, faces=tuple(faces)), seed)
        self.drawer.renderer = Renderer(data, _CUTOUTS, _FACES)

    def __call__(self, epoch: int, index: int) -> dict[str, np.ndarray]:
        """One sample.

        Args:
            epoch, index: which one; index is below `epoch_size`.

        Returns:
            "image" and "clean", (S, S, 3) uint8 RGB, the face with and without what hides it; "mask", (S, S) uint8, 255 =
            the clean face shows here; "vector" and "known", (D,) float32, coefficients and which of them are known;
            "matrix", (2, 3) float32, what ArcFace warps by, from the truth's points.
        """
        return self.rendered(self.recipe(epoch, index))

    def recipe(self, epoch: int, index: int) -> Recipe:
        """What a sample shows."""
        return self.drawer.draw(epoch * self.epoch_size + index)

    def rendered(self, recipe: Recipe) -> dict[str, np.ndarray]:
        """The sample of a recipe; see `__call__`."""
        renderer = self.drawer.renderer
        sample = renderer.render(recipe)
        clean, mask, points = renderer.face(recipe.face, self.size)
        vector = self.fits.vector(recipe.face)
        assert vector is not None and points is not None  # trainable faces have both
        return {
            "image": sample.image,
            "clean": clean.copy(),
            "mask": mask.copy(),
            "vector": vector,
            "known": known_numbers(self.layout, str(self.fits.rows[recipe.face]["stage"])),
            "matrix": alignments(five_points(points)[None], self.size)[0],
        }


def known_numbers(layout: Layout, stage: str) -> np.ndarray:
    """(D,) float32, 1 for the coefficients that a fit of this stage tells: landmarks know nothing of albedo and light, nor
    does a rendered face whose albedo is another model's."""
    known = np.ones(layout.size, np.float32)
    if stage in ("landmarks", "shape"):
        at = layout.slices()
        known[at["texture"]] = known[at["light"]] = 0
    return known


def trainable_faces(data: OcclusionSet, fits: Fits, split: str) -> list[str]:
    """Ids of the split's faces with a good fit whose eyes show: who wears sunglasses is left out, as in the paper."""
    good = set(fits.good())
    return [face for face in usable_faces(data, split) if face in good and not _wears_sunglasses(data, face)]


def _wears_sunglasses(data: OcclusionSet, face: str) -> bool:
    points = data.face_landmarks(face)
    if points is None:
        return True
    row = data.face_row(face)
    return eyes_are_hidden(decode_rle(row["mask"], row["height"], row["width"]), points[:2])


def eyes_are_hidden(mask: np.ndarray, eyes: np.ndarray | Sequence[Sequence[float]]) -> bool:
    """Whether less than half of a disc about an eye is face.

    Args:
        mask: (H, W) uint8, 255 = visible face.
        eyes: (2, 2) pixels.
    """
    eyes = np.asarray(eyes, np.float64)
    radius = max(1.0, _EYE_RADIUS * float(np.hypot(*(eyes[1] - eyes[0]))))
    for x, y in eyes:
        disc = np.zeros(mask.shape, np.uint8)
        cv2.circle(disc, (round(x), round(y)), round(radius), 255, -1)
        if not disc.any() or (mask[disc > 0] > THRESHOLD).mean() < _EYE_SHOWN:
            return True
    return False
