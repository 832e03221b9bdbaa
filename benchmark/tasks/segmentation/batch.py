"""Batches of rendered samples of segmentation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from occset.dataset.recipes import Recipe
from occset.samples.render import Renderer


@dataclass(frozen=True)
class MaskBatch:
    """Samples of one protocol of segmentation, of one size.

    Attributes:
        ids, faces, types: of each sample.
        images: (B, H, W, 3) uint8, bare or occluded.
        truths: (B, H, W) uint8 0/255, the face that is seen in each.
        clean_masks: (B, H, W) uint8 0/255, the face that the photo shows without an added occluder.
    """

    ids: list[str]
    faces: list[str]
    types: list[str]
    images: np.ndarray
    truths: np.ndarray
    clean_masks: np.ndarray


def render_masks(renderer: Renderer, recipes: Sequence[Recipe]) -> MaskBatch:
    """Render recipes of one size for segmentation; faces need no landmarks, and none of them has to be seen."""
    samples = [renderer.render(recipe) for recipe in recipes]
    return MaskBatch(
        [recipe.sample for recipe in recipes],
        [recipe.face for recipe in recipes],
        [recipe.type for recipe in recipes],
        np.stack([sample.image for sample in samples]),
        np.stack([sample.face for sample in samples]),
        np.stack([sample.clean_mask for sample in samples]),
    )
