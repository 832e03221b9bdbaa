"""Occlusions as albumentations transforms, because that is how people build pipelines, and the changes of training.

    points = A.KeypointParams("xy", remove_invisible=False)
    pipeline = A.Compose([A.HorizontalFlip(), OccludeFace(data, p=0.5)], keypoint_params=points, seed=0)
    out = pipeline(image=image, mask=face_mask, keypoints=data.face_landmarks(face))

The five points of the face travel as keypoints, so that transforms before this one may move the face. This is the one
module that imports albumentations.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from occset.composition.categories import category as category_of
from occset.composition.compose import blend, hidden_share
from occset.dataset.occlusion_set import OcclusionSet
from occset.pictures.masks import THRESHOLD
from occset.samples.draw import MIN_HIDDEN, draw_layer
from occset.samples.render import Renderer
from occset.support.errors import MissingExtra, OccsetError

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it would ask the network for its version on import
try:
    import albumentations as A
    from albumentations.core.transforms_interface import DualTransform
    from albumentations.core.type_definitions import Targets
except ImportError as error:  # pragma: no cover - depends on what is installed
    raise MissingExtra("albumentations", "transforms", "occset.transforms") from error


class OccludeFace(DualTransform):
    """Put a random occluder of a set on a face: Eq. 2 on the image, and on its face mask from the same alpha.

    Targets: `image` (S, S, 3) uint8 RGB; `mask` (S, S) and `masks`, 0 where alpha is above 127, else as they were, which
    for a visible-face mask 0/255 is `harden(cover(mask, alpha))`; `keypoints`, the five points of the face in pixels,
    and `bboxes`, which stay. Seeded as albumentations seeds its transforms.
    """

    _targets = (Targets.IMAGE, Targets.MASK, Targets.KEYPOINTS, Targets.BBOXES)

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
        self.by_category = {str(c): sorted(rows["id"]) for c, rows in table.groupby("category")}
        self.textures = sorted(data.textures.loc[data.textures["split"] == split, "id"])

    @property
    def targets(self) -> dict[str, Callable[..., Any]]:
        """What is changed, and what is passed on."""
        return {
            "image": self.apply,
            "mask": self.apply_to_mask,
            "masks": self.apply_to_masks,
            "keypoints": self.apply_to_keypoints,
            "bboxes": self.apply_to_bboxes,
        }

    @property
    def targets_as_params(self) -> list[str]:
        """What the drawing needs to see."""
        return ["image", "keypoints"]

    def get_transform_init_args_names(self) -> tuple[str, ...]:
        """What `repr` shows."""
        return ("categories", "split", "retexture")

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Draw one occlusion; up to ten times until it hides 2 % of the face, where there is a mask to tell.

        Raises:
            OccsetError: the image is not square uint8, or there are not five keypoints.
        """
        image, points = data["image"], np.asarray(data["keypoints"], np.float64)
        if image.ndim != 3 or image.shape[0] != image.shape[1] or image.shape[2] != 3 or image.dtype != np.uint8:
            raise OccsetError(f"OccludeFace needs a square RGB image in uint8, got {image.shape} {image.dtype}")
        if points.ndim != 2 or len(points) != 5:
            raise OccsetError(
                f"OccludeFace needs the five points of the face as keypoints, got {points.shape}: give Compose "
                "keypoint_params=A.KeypointParams('xy', remove_invisible=False)"
            )
        points = left_before_right(points[:, :2])
        mask = data.get("mask")
        for _ in range(10):
            colour, alpha = self._draw(image.shape[0], points)
            if mask is None or hidden_share(np.squeeze(mask), alpha) >= MIN_HIDDEN:
                break
        return {"colour": colour, "alpha": alpha}

    def _draw(self, size: int, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rng, names = self.random_generator, list(self.by_category)
        weights = np.array([max(category_of(name).weight, 1e-3) for name in names])
        category = names[int(rng.choice(len(names), p=weights / weights.sum()))]
        ids = self.by_category[category]
        layer = draw_layer(rng, self.renderer, category, ids, self.textures, points, size, self.retexture)
        return self.renderer.layer(layer, size)

    def apply(self, img: np.ndarray, colour: np.ndarray, alpha: np.ndarray, **params: Any) -> np.ndarray:
        """Eq. 2 on the picture."""
        return blend(img, colour, alpha)

    def apply_to_mask(self, mask: np.ndarray, alpha: np.ndarray, **params: Any) -> np.ndarray:
        """Eq. 2 on the face mask, binary."""
        hidden = (alpha > THRESHOLD).reshape(alpha.shape + (1,) * (mask.ndim - 2))
        return np.where(hidden, mask.dtype.type(0), mask)

    def apply_to_keypoints(self, keypoints: np.ndarray, *args: Any, **params: Any) -> np.ndarray:
        """Points stay where they are."""
        return keypoints

    def apply_to_bboxes(self, bboxes: np.ndarray, *args: Any, **params: Any) -> np.ndarray:
        """Boxes stay where they are."""
        return bboxes


def left_before_right(points: np.ndarray) -> np.ndarray:
    """Five points (5, 2) in the order of the house again, after a flip exchanged left and right."""
    across, down = points[1] - points[0], points[3:].mean(axis=0) - points[:2].mean(axis=0)
    mirrored = across[0] * down[1] - across[1] * down[0] < 0
    return points[[1, 0, 2, 4, 3]] if mirrored else points


@dataclass(frozen=True)
class Changed:
    """What `TrainingChanges.apply` made, everything by the name it came under.

    Attributes:
        pictures: (size, size, 3) uint8.
        moved: (size, size) or (size, size, C) uint8.
        points: (N, 2) float64 pixels, pixel centres at integers; may lie outside the picture.
        matrix: (2, 3) float64, from pixels of the canvas to pixels of what came out.
        mirrored: whether left and right were exchanged. Points keep their order, so that which of them is the left eye has
            to be said anew (`left_before_right` does for five points), and coefficients of a pose are no longer those of
            this picture.
    """

    pictures: dict[str, np.ndarray]
    moved: dict[str, np.ndarray]
    points: dict[str, np.ndarray]
    matrix: np.ndarray
    mirrored: bool


class TrainingChanges:
    """Geometric and colour changes for training on aligned faces, as one function of a seed.

    A picture is mirrored, turned, scaled and shifted as far as a face detector errs, cropped to its middle, and relit,
    blurred, made noisy or compressed as photos from elsewhere are. `MARGIN` times the wanted size comes in, so that what
    is turned or shifted into view was really photographed.
    """

    MARGIN = 1.25

    def __init__(self, size: int) -> None:
        """Changes whose outcome is ``size`` pixels wide."""
        self.size, self.canvas = size, round(size * self.MARGIN)
        self.pipeline = self._pipeline()
        self._pipelines: dict[tuple[tuple[str, str], ...], A.Compose] = {}

    def _pipeline(self, **more: Any) -> A.Compose:
        size, shrunk = self.size, self.size / self.canvas
        return A.Compose(
            [
                A.HorizontalFlip(p=0.5),
                A.Affine(
                    scale=(0.85 * shrunk, 1.25 * shrunk),
                    translate_percent=(-0.06, 0.06),
                    rotate=(-20, 20),
                    shear=(-6, 6),
                    border_mode=cv2.BORDER_REPLICATE,
                    mask_interpolation=cv2.INTER_LINEAR,
                    p=1.0,
                ),
                A.CenterCrop(size, size),
                A.ColorJitter(
                    brightness=(0.65, 1.35), contrast=(0.7, 1.3), saturation=(0.5, 1.4), hue=(-0.04, 0.04), p=0.8
                ),
                A.RGBShift(18, 18, 18, p=0.3),
                A.ToGray(p=0.04),
                A.OneOf(
                    [
                        A.GaussianBlur(blur_limit=(3, 5)),
                        A.Downscale(scale_range=(0.4, 0.8)),
                        A.GaussNoise(std_range=(0.01, 0.05)),
                        A.ImageCompression(quality_range=(35, 90)),
                    ],
                    p=0.35,
                ),
            ],
            **more,
        )

    def __call__(self, image: np.ndarray, mask: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Change a picture and its mask alike; the same for the same arguments.

        Args:
            image: (canvas, canvas, 3) uint8 RGB.
            mask: (canvas, canvas) uint8, soft or binary.
            seed: of all chance, 0 to 2**32 - 1.

        Returns:
            (size, size, 3) uint8 and (size, size) uint8; the mask is soft where its edge fell between pixels.
        """
        self.pipeline.set_random_seed(seed)
        changed = self.pipeline(image=image, mask=mask)
        return changed["image"], changed["mask"]

    def apply(
        self,
        seed: int,
        pictures: Mapping[str, np.ndarray],
        moved: Mapping[str, np.ndarray] | None = None,
        points: Mapping[str, np.ndarray] | None = None,
    ) -> Changed:
        """Change any number of pictures, masks and points of one face by one geometry; the same for the same arguments.

        With one picture and one mask, they come out as from a call with the same seed.

        Args:
            seed: of all chance, 0 to 2**32 - 1.
            pictures: (canvas, canvas, 3) uint8 RGB each, at least one: moved, and all relit, blurred, ... alike.
            moved: (canvas, canvas) or (canvas, canvas, C) uint8 each: masks, soft or binary, and renders; moved, and no
                colour changed.
            points: (N, 2) pixels each, pixel centres at integers.

        Raises:
            OccsetError: a picture or mask is not as large as the canvas, or two things have one name.
        """
        moved, points = moved or {}, points or {}
        self._refuse(pictures, moved, points)
        first = next(iter(pictures))
        kinds = [(name, "image") for name in pictures if name != first] + [(name, "mask") for name in moved]
        key = tuple((f"{kind} {name}", kind) for name, kind in kinds)  # no name that albumentations has a meaning for
        if key not in self._pipelines:
            self._pipelines[key] = self._pipeline(
                additional_targets=dict(key), keypoint_params=A.KeypointParams("xy", remove_invisible=False)
            )
        pipeline = self._pipelines[key]
        pipeline.set_random_seed(seed)
        groups = [_CORNER * (self.canvas - 1), *(np.asarray(p, np.float64).reshape(-1, 2) for p in points.values())]
        given = {target: {**pictures, **moved}[name] for (target, _), (name, _) in zip(key, kinds, strict=True)}
        found = pipeline(image=pictures[first], keypoints=np.concatenate(groups), **given)
        ends = np.cumsum([len(group) for group in groups])[:-1]
        corner, *placed = np.split(np.asarray(found["keypoints"], np.float64), ends)
        matrix = cv2.getAffineTransform(groups[0].astype(np.float32), corner.astype(np.float32))
        named = {name: found[target] for (target, _), (name, _) in zip(key, kinds, strict=True)}
        return Changed(
            {name: found["image"] if name == first else named[name] for name in pictures},
            {name: named[name] for name in moved},
            dict(zip(points, placed, strict=True)),
            matrix,
            bool(matrix[0, 0] * matrix[1, 1] < matrix[0, 1] * matrix[1, 0]),
        )

    def _refuse(self, *groups: Mapping[str, np.ndarray]) -> None:
        names = [name for group in groups for name in group]
        double = sorted({name for name in names if names.count(name) > 1})
        if not groups[0] or double:
            raise OccsetError(
                f"two things to change are called {double[0]}: give them names of their own"
                if double
                else "nothing to change: give at least one picture"
            )
        for name, array in {**groups[0], **groups[1]}.items():
            if array.shape[:2] != (self.canvas, self.canvas) or array.dtype != np.uint8:
                raise OccsetError(
                    f"{name} is {array.dtype} {array.shape}: give uint8 of {self.canvas} x {self.canvas} pixels, "
                    f"{self.MARGIN:g} times the {self.size} that are wanted"
                )


_CORNER = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
"""Three points of the unit square, which say how it was moved."""
