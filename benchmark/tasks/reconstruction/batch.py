"""Batches of rendered samples of reconstruction, with what is known of the faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from occset.benchmark.methods.interfaces import Geometry
from occset.benchmark.tasks.reconstruction.posed_face import PosedFace, from_truth, geometry_of
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import Recipe
from occset.dataset.records import unpack_points
from occset.samples.render import Renderer
from occset.support.errors import BadInput


@dataclass(frozen=True)
class FaceBatch:
    """Samples of one protocol of reconstruction, of one size.

    Attributes:
        ids, faces, types: of each sample.
        images: (B, H, W, 3) uint8, bare or occluded.
        clean: (B, H, W, 3) uint8, without the occluder.
        clean_masks: (B, H, W) uint8 0/255, the face that the clean picture shows.
        hidden: (B,) share of that face which the occluder hides.
        points: (B, 5, 2) float pixels.
        landmarks: for each sample the landmarks that the set has, (68, 2) or (5, 2) float pixels.
        truths: for each what the face was rendered from, or None.
        others: for each what another person's face of the set was rendered from, or None.
        known: for each the geometry of `truths`, a batch of one, or None.
    """

    ids: list[str]
    faces: list[str]
    types: list[str]
    images: np.ndarray
    clean: np.ndarray
    clean_masks: np.ndarray
    hidden: np.ndarray
    points: np.ndarray
    landmarks: list[np.ndarray]
    truths: list[PosedFace | None]
    others: list[PosedFace | None]
    known: list[Geometry | None]


def render_faces(renderer: Renderer, recipes: Sequence[Recipe], strangers: Strangers) -> FaceBatch:
    """Render recipes of one size.

    Args:
        renderer: of the set.
        recipes: of a protocol.
        strangers: who finds another person for each face.

    Raises:
        BadInput: a face has no landmarks, none of it is visible, or its truth is of another model; names the sample or face.
    """
    data = renderer.data
    samples = [renderer.render(recipe) for recipe in recipes]
    points = [renderer.face_points(recipe.face, recipe.size) for recipe in recipes]
    for recipe, sample, five in zip(recipes, samples, points, strict=True):
        if five is None:
            raise BadInput(f"sample {recipe.sample}: face {recipe.face} has no landmarks, which a face is measured by")
        if not sample.clean_mask.any():
            raise BadInput(f"sample {recipe.sample}: no pixel of face {recipe.face} is left at {recipe.size} px")
    truths = [truth_of(data, recipe.face, recipe.size) for recipe in recipes]
    known = [
        None if face is None else geometry_of(face, recipe.size) for face, recipe in zip(truths, recipes, strict=True)
    ]
    return FaceBatch(
        [recipe.sample for recipe in recipes],
        [recipe.face for recipe in recipes],
        [recipe.type for recipe in recipes],
        np.stack([sample.image for sample in samples]),
        np.stack([sample.clean for sample in samples]),
        np.stack([sample.clean_mask for sample in samples]),
        np.array([sample.hidden for sample in samples]),
        np.stack([five for five in points if five is not None]),
        [_landmarks(data, recipe, geometry) for recipe, geometry in zip(recipes, known, strict=True)],
        truths,
        [truth and strangers.find(data, recipe.face) for truth, recipe in zip(truths, recipes, strict=True)],
        known,
    )


def truth_of(data: OcclusionSet, face: str, size: int) -> PosedFace | None:
    """What a face was rendered from, as it is seen at `size`; None where nobody knows."""
    return from_truth(data.load_truth(face), size / data.face_width(face), f"{data.path}: face {face}")


def _landmarks(data: OcclusionSet, recipe: Recipe, known: Geometry | None) -> np.ndarray:
    """Those of the coefficients where there are some, since the set keeps them rounded; else those that the set has."""
    if known is not None and known.points is not None:
        return known.points[0]
    points = unpack_points(data.face_row(recipe.face)["landmarks"])
    assert points is not None  # looked at before
    scaled: np.ndarray = (points + 0.5) * (recipe.size / data.face_width(recipe.face)) - 0.5
    return scaled


class Strangers:
    """Finds for each face another person of the set whose coefficients are known; the same one each time."""

    def __init__(self) -> None:
        """Knows no set yet."""
        self._faces: list[dict[Any, Any]] = []
        self._of: OcclusionSet | None = None

    def find(self, data: OcclusionSet, face: str) -> PosedFace | None:
        """The next face by id that shows somebody else; None where there is none. Its focal length is that of its file."""
        if self._of is not data:
            self._of = data
            self._faces = data.faces.sort_values("id").to_dict("records")
        ids = [row["id"] for row in self._faces]
        at = ids.index(face)
        who = self._faces[at]["identity"]
        for row in (*self._faces[at + 1 :], *self._faces[:at]):
            if row["truth"] and row["truth"] == row["truth"] and (row["identity"] != who or who is None):
                found = from_truth(data.load_truth(row["id"]), 1.0, f"{data.path}: face {row['id']}")
                if found is not None:
                    return found
        return None
