"""Drawing recipes from a seed: which face, which occluders, where and how."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from occset import warps
from occset.compose import hidden_share
from occset.dataset import OcclusionSet
from occset.errors import OccsetError
from occset.placement import draw_warp
from occset.recipes import Layer, Recipe
from occset.render import Renderer

DEFAULT_MIX = {
    "sunglasses": 2.0,
    "mask": 2.0,
    "hand": 2.0,
    "hair": 2.0,
    "scarf": 1.0,
    "hat": 1.0,
    "object": 1.0,
    "spectacles": 0.5,
}
"""How often each category is drawn for training; categories of a set that are not named count 0.7."""

RETEXTURE = {"mask": 0.5, "scarf": 0.5, "hat": 0.4, "sunglasses": 0.15, "spectacles": 0.3, "hand": 0.1, "hair": 0.1}
"""How often a category gets another texture, as FaceOcc does it most for masks; others 0.3."""

MIN_HIDDEN = 0.02
MAX_DRAWS = 60


@dataclass(frozen=True)
class Plan:
    """What is drawn.

    Attributes:
        split: faces, occluders and textures all come from this split.
        size: height and width of the samples, pixels.
        types: name of each type of sample -> (categories of its layers, weight); empty means one layer of each
            category that the set has, weighted by `DEFAULT_MIX`.
        types_in_turn: take the types one after another instead of by weight.
        faces: ids to draw from; empty means every labelled face of the split.
        min_hidden: a draw that hides less of the face than this share is drawn again.
    """

    split: str = "train"
    size: int = 256
    types: dict[str, tuple[tuple[str, ...], float]] = field(default_factory=dict)
    types_in_turn: bool = False
    faces: tuple[str, ...] = ()
    min_hidden: float = MIN_HIDDEN


class Drawer:
    """Draws recipe number `index` from a seed, independent of every other one."""

    def __init__(self, data: OcclusionSet, plan: Plan, seed: int = 0) -> None:
        """Look up what there is to draw from.

        Raises:
            OccsetError: the split has no labelled face with landmarks, or none of the occluders a type needs.
        """
        self.data, self.plan, self.seed = data, plan, seed
        self.renderer = Renderer(data)
        self.faces = self._faces()
        occluders = data.occluders[data.occluders["split"] == plan.split]
        self.by_category = {c: list(rows.index) for c, rows in occluders.set_index("id").groupby("category")}
        self.textures = sorted(data.textures.loc[data.textures["split"] == plan.split, "id"])
        self.types = plan.types or {
            c: ((c,), DEFAULT_MIX.get(c, 0.7)) for c in sorted(self.by_category) if DEFAULT_MIX.get(c, 0.7) > 0
        }
        self._check()
        self.order = np.random.default_rng([seed, 0xFACE]).permutation(len(self.faces))

    def _faces(self) -> list[str]:
        table = self.data.faces
        usable = table["split"].eq(self.plan.split) & table["mask"].notna() & table["landmarks"].notna()
        ids = sorted(table.loc[usable, "id"])
        return [i for i in ids if i in set(self.plan.faces)] if self.plan.faces else ids

    def _check(self) -> None:
        split = self.plan.split
        if not self.faces:
            raise OccsetError(
                f"{self.data.path}: no labelled face with landmarks in the split '{split}': add faces with masks"
            )
        if not self.types:
            raise OccsetError(f"{self.data.path}: no occluder in the split '{split}': add some with --occluders")
        for name, (categories, _) in self.types.items():
            for category in categories:
                if not self.by_category.get(category):
                    raise OccsetError(
                        f"{self.data.path}: samples of type '{name}' need an occluder of category '{category}' in the "
                        f"split '{split}', there is none: add more occluders of that category"
                    )

    def draw(self, index: int) -> Recipe:
        """Recipe number ``index``; the same for the same set, plan and seed.

        Faces are taken in turn, in an order drawn from the seed, so that each is used as often as any other.

        Raises:
            OccsetError: after 60 draws none hid enough of any face.
        """
        face = self.faces[self.order[index % len(self.faces)]]
        for draw in range(MAX_DRAWS):
            rng = np.random.default_rng([self.seed, index, draw])
            if draw >= 20:  # this face will not do
                face = self.faces[int(rng.integers(len(self.faces)))]
            kind = self._type(rng, index)
            layers = tuple(self._layer(rng, category, face) for category in self.types[kind][0])
            recipe = Recipe(face, layers, self.plan.size, kind, self.seed, index, draw)
            _, mask, _ = self.renderer.face(face, self.plan.size)
            if hidden_share(mask, self.renderer.alpha(recipe)) >= self.plan.min_hidden:
                return recipe
        raise OccsetError(
            f"{self.data.path}: no draw of sample {index} hides {self.plan.min_hidden:.0%} of a face: "
            "are the landmarks of its faces right?"
        )

    def _type(self, rng: np.random.Generator, index: int) -> str:
        names = list(self.types)
        if self.plan.types_in_turn:
            # one step further each time round the faces, so that every face meets every type
            return names[(index + index // len(self.faces)) % len(names)]
        weights = np.array([self.types[name][1] for name in names])
        return names[
            int(np.searchsorted(np.cumsum(weights / weights.sum()), rng.random(), side="right").clip(0, len(names) - 1))
        ]

    def _layer(self, rng: np.random.Generator, category: str, face: str) -> Layer:
        ids = self.by_category[category]
        occluder = ids[int(rng.integers(len(ids)))]
        cutout = self.renderer.cutout(occluder)
        points = self.data.occluder_landmarks(occluder)
        flip = bool(rng.random() < 0.5)
        face_points = self.renderer.face_points(face, self.plan.size)
        matrix, bend = draw_warp(rng, category, cutout.shape[:2], points, face_points, flip, self.plan.size)
        texture, offset = None, (0, 0)
        if self.textures and rng.random() < RETEXTURE.get(category, 0.3):
            texture = self.textures[int(rng.integers(len(self.textures)))]
            offset = (int(rng.integers(512)), int(rng.integers(512)))
        common = rng.uniform(0.8, 1.2)
        gain = tuple(int(v) for v in np.rint(256 * common * rng.uniform(0.94, 1.06, 3)))
        bias = tuple(int(v) for v in np.rint(rng.uniform(-8, 8) + rng.uniform(-4, 4, 3)))
        softness = int(rng.choice([0, 0, 0, 1, 1, 2])) * max(1, self.plan.size // 256)
        return Layer(
            occluder,
            texture,
            tuple(warps.warp_from_affine(matrix, bend)),
            flip,
            gain,
            bias,
            softness,
            offset,  # type: ignore[arg-type]
        )


def describe(table: pd.DataFrame) -> pd.DataFrame:
    """How many occluders of each category each split has: one row a category, one column a split."""
    return table.groupby(["category", "split"]).size().unstack(fill_value=0)
