"""Replaying recipes: from a row of integers to a sample."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from occset.composition import warps
from occset.composition.compose import Sample, compose, occupied, stack
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import Layer, Recipe
from occset.pictures.images import shrink
from occset.pictures.masks import shrink_mask

_LAYERS = 4
"""Warped layers that are kept: those of one recipe, or of two."""


class Renderer:
    """Renders recipes of one set; keeps the cut-outs and textures it used last in memory.

    Picklable: a worker starts with an empty memory of its own.
    """

    def __init__(self, data: OcclusionSet, keep: int = 256, keep_faces: int | None = None) -> None:
        """Render from ``data``, keeping up to ``keep`` cut-outs, as many textures, and ``keep_faces`` faces (an eighth)."""
        self.data, self.keep, self.keep_faces = data, keep, keep_faces or max(2, keep // 8)
        self._remember()

    def _remember(self) -> None:
        self.cutout = lru_cache(self.keep)(self.data.load_cutout)
        self.texture = lru_cache(self.keep)(self.data.load_texture)
        self.face = lru_cache(self.keep_faces)(self._face)
        # whoever draws a recipe has warped its layers to see what they hide, and renders it next
        self._warped = lru_cache(_LAYERS)(self._warp)

    def __getstate__(self) -> tuple[OcclusionSet, int, int]:
        """Without the memory."""
        return self.data, self.keep, self.keep_faces

    def __setstate__(self, state: tuple[OcclusionSet, int, int]) -> None:
        """With an empty memory."""
        self.data, self.keep, self.keep_faces = state
        self._remember()

    def _face(self, face: str, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        image, mask = self.data.load_face(face)
        small = shrink(image, size)
        return small, shrink_mask(mask, size), self.face_points(face, size)

    def face_points(self, face: str, size: int) -> np.ndarray | None:
        """The five points of a face, (5, 2), in pixels of the picture at ``size``, or None."""
        points = self.data.face_landmarks(face)
        if points is None:
            return None
        scale = size / self.data.face_width(face)
        return (points + 0.5) * scale - 0.5

    def render(self, recipe: Recipe) -> Sample:
        """Render one recipe: Eq. 2 on its face with its layers flattened.

        Raises:
            OccsetError: a face, occluder or texture is not in the set, or its file cannot be read; names it.
        """
        clean, mask, _ = self.face(recipe.face, recipe.size)
        layers = [self.layer(layer, recipe.size) for layer in recipe.layers]
        colour, alpha = stack(layers, (recipe.size, recipe.size))
        # copies: whoever changes a sample must not change the face that the next one is made from
        return compose(clean.copy(), mask.copy(), colour, alpha)

    def alpha(self, recipe: Recipe) -> np.ndarray:
        """The alpha of a recipe alone, (size, size) uint8."""
        layers = [self._warped(layer, recipe.size) for layer in recipe.layers]
        return stack([(w[..., :3], w[..., 3]) for w in layers], (recipe.size, recipe.size))[1]

    def _warp(self, layer: Layer, size: int) -> np.ndarray:
        """A layer's cut-out as it lies on the picture, (size, size, 4) uint8; shared, so it must not be written to."""
        warped = warps.apply(self.cutout(layer.occluder), layer.warp, size, layer.flip, 2 * layer.softness)
        if layer.softness:
            warped[..., 3] = warps.soften(warped[..., 3], layer.softness)
        warped.setflags(write=False)
        return warped

    def layer(self, layer: Layer, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Colour (size, size, 3) and alpha (size, size) uint8 of one layer as it lies on the picture.

        Only where the alpha is not 0 has the colour a meaning, and is it worked on.
        """
        warped = self._warped(layer, size)
        colour, alpha = cv2.cvtColor(warped, cv2.COLOR_RGBA2RGB), cv2.extractChannel(warped, 3)
        box = occupied(alpha)
        seen = colour[box]
        if layer.texture is not None and seen.size:
            offset = (layer.offset[0] + box[1].start, layer.offset[1] + box[0].start)
            seen = warps.retexture(seen, alpha[box], self.texture(layer.texture), offset)
        if seen.size:
            colour[box] = warps.recolour(seen, layer.gain, layer.bias)
        return colour, alpha
