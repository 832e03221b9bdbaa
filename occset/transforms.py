"""Occlusions as albumentations transforms, because that is how people build pipelines.

    pipeline = A.Compose([OccludeFace(data, p=0.5), A.HorizontalFlip()])
    out = pipeline(image=image, mask=face_mask, face_points=points)

This is the one module that imports albumentations.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from occset import warps
from occset.compose import blend, cover, hidden_share
from occset.dataset import OcclusionSet
from occset.draw import DEFAULT_MIX, MIN_HIDDEN, RETEXTURE
from occset.errors import MissingExtra, OccsetError
from occset.masks import harden
from occset.placement import draw_warp
from occset.render import Renderer

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it would ask the network for its version on import
try:
    from albumentations.core.transforms_interface import DualTransform
except ImportError as error:  # pragma: no cover - depends on what is installed
    raise MissingExtra("albumentations", "transforms", "occset.transforms") from error


class OccludeFace(DualTransform):
    """Put a random occluder of a set on a face: Eq. 2 on the image, and on its face mask from the same alpha.

    Targets: `image` (S, S, 3) uint8 RGB, `mask` (S, S) uint8 0/255 visible face (binary out, alpha > 127 is hidden), and
    `face_points` (5, 2) pixels, where the face is. Seeded as albumentations seeds its transforms.
    """

    _targets = ()

    def __init__(
        self,
        data: OcclusionSet,
        categories: tuple[str, ...] = (),
        split: str = "train",
        retexture: float | None = None,
        p: float = 0.5,
    ) -> None:
        """Take cut-outs and textures from one split of ``data``.

        Args:
            data: the set.
            categories: which occluders; all of the split by default.
            split: "train" unless you know why not.
            retexture: chance of another texture; by category when None.
            p: chance that the transform is applied.

        Raises:
            OccsetError: the split has no such occluder.
        """
        super().__init__(p=p)
        self.data, self.categories, self.split, self.retexture = data, categories, split, retexture
        self.renderer = Renderer(data)
        table = data.occluders[data.occluders["split"] == split]
        if categories:
            table = table[table["category"].isin(categories)]
        if table.empty:
            raise OccsetError(f"{data.path}: no occluder of {categories or 'any category'} in the split '{split}'")
        self.by_category = {c: sorted(rows["id"]) for c, rows in table.groupby("category")}
        self.textures = sorted(data.textures.loc[data.textures["split"] == split, "id"])

    @property
    def targets_as_params(self) -> list[str]:
        """What the drawing needs to see."""
        return ["image", "face_points"]

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Draw an occluder and warp it onto the face: colour (S, S, 3) and alpha (S, S).

        Raises:
            OccsetError: the image is not square uint8, or `face_points` is not (5, 2).
        """
        image, points = data["image"], np.asarray(data["face_points"], np.float64)
        if image.ndim != 3 or image.shape[0] != image.shape[1] or image.dtype != np.uint8 or points.shape != (5, 2):
            raise OccsetError(
                f"OccludeFace needs a square uint8 image and five points, got {image.shape} {image.dtype} and {points.shape}"
            )
        rng = self.random_generator
        names = list(self.by_category)
        weights = np.array([max(DEFAULT_MIX.get(name, 0.7), 1e-3) for name in names])
        mask = data.get("mask")
        colour, alpha = self._draw(rng, names, weights, image.shape[0], points)
        for _ in range(10):
            if mask is None or hidden_share(mask, alpha) >= MIN_HIDDEN:
                break
            colour, alpha = self._draw(rng, names, weights, image.shape[0], points)
        return {"colour": colour, "alpha": alpha}

    def _draw(
        self, rng: np.random.Generator, names: list[str], weights: np.ndarray, size: int, points: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        category = names[int(rng.choice(len(names), p=weights / weights.sum()))]
        ids = self.by_category[category]
        occluder = ids[int(rng.integers(len(ids)))]
        cutout, flip = self.renderer.cutout(occluder), bool(rng.random() < 0.5)
        matrix, bend = draw_warp(
            rng, category, cutout.shape[:2], self.data.occluder_landmarks(occluder), points, flip, size
        )
        warped = warps.apply(cutout, warps.warp_from_affine(matrix, bend), size, flip)
        colour, alpha = np.ascontiguousarray(warped[..., :3]), np.ascontiguousarray(warped[..., 3])
        chance = RETEXTURE.get(category, 0.3) if self.retexture is None else self.retexture
        if self.textures and rng.random() < chance:
            texture = self.renderer.texture(self.textures[int(rng.integers(len(self.textures)))])
            colour = warps.retexture(colour, alpha, texture, (int(rng.integers(512)), int(rng.integers(512))))
        return colour, alpha

    def apply(self, img: np.ndarray, colour: np.ndarray, alpha: np.ndarray, **params: Any) -> np.ndarray:
        """Eq. 2 on the picture."""
        return blend(img, colour, alpha)

    def apply_to_mask(self, mask: np.ndarray, alpha: np.ndarray, **params: Any) -> np.ndarray:
        """Eq. 2 on the face mask, binary."""
        return harden(cover(mask, alpha))
