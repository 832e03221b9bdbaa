"""Batches of rendered samples, with everything that methods may be given and metrics need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from occset.composition.footprint import footprint_of
from occset.dataset.recipes import Recipe
from occset.samples.render import Renderer
from occset.support.errors import BadInput


@dataclass(frozen=True)
class Batch:
    """Samples of one protocol, of one size.

    Attributes:
        ids, faces, types: of each sample.
        images, truths: (B, H, W, 3) uint8, occluded and clean.
        footprints: (B, H, W) uint8 0/255, alpha > 0 grown by 1 % of the width; what mask-dependent methods are given.
        holes: (B, H, W) uint8 0/255, the footprint's part on the clean face; what is scored.
        clean_masks: (B, H, W) uint8 0/255, the face seen in the clean picture.
        points: (B, 5, 2) float pixels, the five points of the truth.
    """

    ids: list[str]
    faces: list[str]
    types: list[str]
    images: np.ndarray
    truths: np.ndarray
    footprints: np.ndarray
    holes: np.ndarray
    clean_masks: np.ndarray
    points: np.ndarray


def render_batch(renderer: Renderer, recipes: Sequence[Recipe]) -> Batch:
    """Render recipes of one size.

    Raises:
        BadInput: the face of a recipe has no landmarks, or its occluder leaves nothing to score; names the sample.
    """
    samples = [renderer.render(recipe) for recipe in recipes]
    points = [renderer.face_points(recipe.face, recipe.size) for recipe in recipes]
    footprints = np.stack([footprint_of(sample.alpha) for sample in samples])
    clean_masks = np.stack([sample.clean_mask for sample in samples])
    holes = footprints & clean_masks
    for recipe, hole, five in zip(recipes, holes, points, strict=True):
        if five is None:
            raise BadInput(f"sample {recipe.sample}: face {recipe.face} has no landmarks, which ID is aligned by")
        if not hole.any():
            raise BadInput(f"sample {recipe.sample}: its hole is empty, there is nothing to score: draw it again")
    return Batch(
        [recipe.sample for recipe in recipes],
        [recipe.face for recipe in recipes],
        [recipe.type for recipe in recipes],
        np.stack([sample.image for sample in samples]),
        np.stack([sample.clean for sample in samples]),
        footprints,
        holes,
        clean_masks,
        np.stack([five for five in points if five is not None]),
    )
