"""Drawing recipes from a seed: which face, which occluders, where and how."""

from __future__ import annotations

import math
from collections.abc import Container
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from occset.composition import warps
from occset.composition.categories import category as category_of
from occset.composition.compose import hidden_share
from occset.composition.placement import draw_warp
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import MAX_SIZE, Layer, Recipe, check_work
from occset.dataset.usable import usable_faces
from occset.samples.render import Renderer
from occset.support.errors import OccsetError

MIN_HIDDEN = 0.02
MAX_DRAWS = 60


@dataclass(frozen=True)
class Plan:
    """What is drawn.

    Attributes:
        split: faces, occluders and textures all come from this split.
        size: height and width of the samples, pixels.
        types: name of each type of sample -> (categories of its layers, weight); a type without categories is a bare
            face, with nothing but what it wears by itself; no types at all means one layer of each category that the
            set has, weighted as `occset.composition.categories` says.
        types_in_turn: take the types one after another instead of by weight.
        faces: ids to draw from; empty means every labelled face of the split.
        min_hidden: a draw that hides less of the face than this share is drawn again, unless its type is bare.
    """

    split: str = "train"
    size: int = 256
    types: dict[str, tuple[tuple[str, ...], float]] = field(default_factory=dict)
    types_in_turn: bool = False
    faces: tuple[str, ...] = ()
    min_hidden: float = MIN_HIDDEN


class Drawer:
    """Draws recipe number `index` from a seed, independent of every other one."""

    def __init__(self, data: OcclusionSet, plan: Plan, seed: int = 0, retexture: float | None = None) -> None:
        """Look up what there is to draw from.

        Args:
            data: the set.
            plan: what is drawn.
            seed: of all draws.
            retexture: 0..1, how often an occluder gets another texture; as often as its category does when None.

        Raises:
            OccsetError: the split has no labelled face with landmarks, or none of the occluders a type needs.
        """
        self.data, self.plan, self.seed, self.retexture = data, plan, seed, retexture
        self.renderer = Renderer(data)
        self.faces = usable_faces(data, plan.split, only=plan.faces)
        occluders = data.occluders[data.occluders["split"] == plan.split]
        self.by_category = {str(c): list(rows.index) for c, rows in occluders.set_index("id").groupby("category")}
        self.textures = sorted(data.textures.loc[data.textures["split"] == plan.split, "id"])
        self.types = plan.types or {c: ((c,), category_of(c).weight) for c in sorted(self.by_category)}
        self._check()
        self._shuffle()

    def _shuffle(self) -> None:
        self.order = np.random.default_rng([self.seed, 0xFACE]).permutation(len(self.faces))

    def repeat(self, faces: Container[str], times: int) -> None:
        """Give some faces as many turns where each other face has one."""
        self.faces = [face for face in dict.fromkeys(self.faces) for _ in range(times if face in faces else 1)]
        self._shuffle()

    def _check(self) -> None:
        split = self.plan.split
        if not 1 <= self.plan.size <= MAX_SIZE:
            raise OccsetError(f"samples of {self.plan.size} pixels: sizes go from 1 to {MAX_SIZE}")
        if not 0 <= self.seed < 1 << 63:
            raise OccsetError(f"the seed {self.seed} is out of range: use 0 to 2**63 - 1")
        if not self.faces:
            raise OccsetError(
                f"{self.data.path}: no labelled face with landmarks in the split '{split}': photos and ffhq bring no "
                "masks; add faces that have them, from celebamask-hq or builtin"
            )
        if not self.types:
            raise OccsetError(f"{self.data.path}: no occluder in the split '{split}': add some with --occluders")
        for name, (categories, _) in self.types.items():
            check_work(len(categories), self.plan.size)
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
        face = self.faces[self.order[self._turn(index)]]
        for draw in range(MAX_DRAWS):
            rng = np.random.default_rng([self.seed, index, draw])
            if draw >= 20:  # this face will not do
                face = self.faces[int(rng.integers(len(self.faces)))]
            kind = self._type(rng, index)
            layers = tuple(self._layer(rng, category, face) for category in self.types[kind][0])
            recipe = Recipe(face, layers, self.plan.size, kind, self.seed, index, draw)
            if not layers:
                return recipe
            if not all(-(1 << 31) <= v < 1 << 31 for layer in layers for v in layer.warp):
                continue  # so far outside that the table could not hold it
            _, mask, _ = self.renderer.face(face, self.plan.size)
            if hidden_share(mask, self.renderer.alpha(recipe)) >= self.plan.min_hidden:
                return recipe
        raise OccsetError(
            f"{self.data.path}: no draw of sample {index} hides {self.plan.min_hidden:.0%} of a face: "
            "are the landmarks of its faces right?"
        )

    def _turn(self, index: int) -> int:
        """Whose turn it is. One face further each time types and faces have met all they can, so that every pair meets."""
        shift = index // math.lcm(len(self.faces), len(self.types)) if self.plan.types_in_turn else 0
        return (index + shift) % len(self.faces)

    def _type(self, rng: np.random.Generator, index: int) -> str:
        names = list(self.types)
        if self.plan.types_in_turn:
            return names[index % len(names)]
        weights = np.array([self.types[name][1] for name in names])
        return names[
            int(np.searchsorted(np.cumsum(weights / weights.sum()), rng.random(), side="right").clip(0, len(names) - 1))
        ]

    def _layer(self, rng: np.random.Generator, category: str, face: str) -> Layer:
        points = self.renderer.face_points(face, self.plan.size)
        assert points is not None  # self.faces have landmarks
        occluders, size = self.by_category[category], self.plan.size
        return draw_layer(rng, self.renderer, category, occluders, self.textures, points, size, self.retexture)


def draw_layer(
    rng: np.random.Generator,
    renderer: Renderer,
    category: str,
    occluders: list[str],
    textures: list[str],
    face_points: np.ndarray,
    size: int,
    retexture: float | None = None,
) -> Layer:
    """Draw one occluder, where it lies, its texture, colour and softness.

    Args:
        rng: the only source of chance.
        renderer: of the set.
        category: of the occluders.
        occluders, textures: ids to choose from; textures may be empty.
        face_points: (5, 2) pixels of the picture.
        size: the picture's height and width.
        retexture: chance of another texture; as often as the category is when None.

    Raises:
        OccsetError: the landmarks of the face or of the cut-out span no face.
    """
    occluder = occluders[int(rng.integers(len(occluders)))]
    cutout = renderer.cutout(occluder)
    points = renderer.data.occluder_landmarks(occluder)
    flip = bool(rng.random() < 0.5)
    try:
        matrix, bend = draw_warp(rng, category, cutout.shape[:2], points, face_points, flip, size)
    except (ValueError, np.linalg.LinAlgError) as error:
        raise OccsetError(
            f"{renderer.data.path}: landmarks that span no face, of a face {np.round(face_points).tolist()} or of "
            f"occluder {occluder}: run  occset check {renderer.data.path}"
        ) from error
    texture, offset = None, (0, 0)
    if textures and rng.random() < (category_of(category).retexture if retexture is None else retexture):
        texture = textures[int(rng.integers(len(textures)))]
        offset = (int(rng.integers(512)), int(rng.integers(512)))
    common = rng.uniform(0.8, 1.2)
    gain = tuple(int(v) for v in np.rint(256 * common * rng.uniform(0.94, 1.06, 3)))
    bias = tuple(int(v) for v in np.rint(rng.uniform(-8, 8) + rng.uniform(-4, 4, 3)))
    softness = int(rng.choice([0, 0, 0, 1, 1, 2])) * max(1, size // 256)
    warp = tuple(warps.warp_from_affine(matrix, bend))
    return Layer(occluder, texture, warp, flip, gain, bias, softness, offset)  # type: ignore[arg-type]


def describe(table: pd.DataFrame) -> pd.DataFrame:
    """How many occluders of each category each split has: one row a category, one column a split."""
    return table.groupby(["category", "split"]).size().unstack(fill_value=0)
