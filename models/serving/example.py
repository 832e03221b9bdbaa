"""A built-in face under sunglasses, for who has no photo at hand: nobody who exists, drawn by code."""

from __future__ import annotations

import numpy as np

from occset.composition import warps
from occset.composition.compose import blend
from occset.composition.placement import draw_warp
from occset.models.builtin.faces import render_face
from occset.models.builtin.occluders import category_of, draw_occluder

_SHOWN = (7, 6, 3, 4, 10, 11)  # of all built-in faces: those that look at the camera
_SIZE = 256  # twice as much takes four times as long to draw, and is repaired at this size

EXAMPLES = len(_SHOWN)
"""How many there are."""


def example(number: int) -> np.ndarray:
    """Face ``number`` of `EXAMPLES`, (256, 256, 4) uint8 RGBA, opaque, with sunglasses laid on by Eq. 2.

    Raises:
        IndexError: there is none of that number.
    """
    if not 0 <= number < EXAMPLES:
        raise IndexError(f"there are {EXAMPLES} examples, from 0")
    index = _SHOWN[number]
    face, glasses = render_face(index, size=_SIZE), draw_occluder(_sunglasses(index), size=_SIZE)
    shape = glasses.rgba.shape[:2]
    rng = np.random.default_rng(index)
    matrix, bend = draw_warp(rng, glasses.category, shape, glasses.landmarks, face.landmarks5, False, _SIZE)
    laid = warps.apply(glasses.rgba, warps.warp_from_affine(matrix, bend), _SIZE)
    image = blend(face.image, laid[..., :3], laid[..., 3])
    return np.dstack([image, np.full((_SIZE, _SIZE), 255, np.uint8)])


def _sunglasses(number: int) -> int:
    """Index of a cut-out: the one of that number, from 0, among those that are sunglasses."""
    return [index for index in range(200) if category_of(index) == "sunglasses"][number]
