"""The set of the experiment: train faces of a set with planted errors and hard samples, whose truth is known."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from occset.composition.compose import Sample
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import Recipe
from occset.dataset.records import FILES_OF, read_note
from occset.dataset.usable import usable_faces
from occset.pictures.masks import THRESHOLD
from occset.samples.draw import Drawer, Plan
from occset.samples.render import Renderer
from occset.sources.items import FaceItem
from occset.support.errors import OccsetError
from occset.support.files import write_atomic

HARD = ("hand", "mask", "object", "scarf")
"""Categories that the coarse model never sees labelled as what they are: they come from planted faces alone."""

EASY = ("hair", "hat", "sunglasses")
"""Categories of the Eq. 2 samples of every training."""

STORED = 2
"""Planted photos are kept at so many times the size of the training."""

_NOTE = "planted.json"


@dataclass(frozen=True)
class Shares:
    """How the train faces are dealt.

    Attributes:
        labelled: share that has a label; the others have none and are not trained on until one arrives.
        planted: share, of both, that wears a hard occluder which no label knows of.
        min_hidden: an occluder hides at least this share of the face.
    """

    labelled: float = 0.6
    planted: float = 0.3
    min_hidden: float = 0.08


def plant(data: OcclusionSet, folder: Path, seed: int, size: int, shares: Shares) -> OcclusionSet:
    """Make the experiment's set in a folder, or open it where it was made before.

    Its faces are all of the split "train"; what is true of each is in its `load_truth`: "face", (H, W) uint8 0/255, and
    "planted", whether it wears a hard occluder.

    Args:
        data: the set of real faces; only its train split is used.
        folder: of the new set; a half-made one is made again.
        seed: of who is labelled, who wears what, and where.
        size: side of the trainings, pixels.
        shares: how the faces are dealt.

    Raises:
        OccsetError: the set lacks faces, or occluders of one of the categories.
    """
    wanted = {"seed": seed, "size": size, "content_hash": data.content_hash(), **asdict(shares)}
    if (folder / _NOTE).is_file() and read_note(folder / _NOTE) == wanted:
        return OcclusionSet(folder)
    shutil.rmtree(folder, ignore_errors=True)
    planted = OcclusionSet.create(folder, folder.name)
    _copy_items(data, planted)
    rng = np.random.default_rng([seed, 0x3EED])
    faces = _usable(data)
    order = [faces[i] for i in rng.permutation(len(faces))]
    cut = round(shares.labelled * len(order))
    wearing = {face for part in (order[:cut], order[cut:]) for face in part[: round(shares.planted * len(part))]}
    samples = _wear(data, sorted(wearing), seed, size * STORED, shares.min_hidden)
    renderer = Renderer(data)
    rows = []
    for place, face in enumerate(order):
        sample = samples.get(face) or renderer.render(Recipe(face, (), size * STORED))
        item = _item(data, face, sample, place < cut, face in samples)
        rows.append({**planted.store_face(item, "planted"), "group": face, "split": "train"})
    planted.add_rows("faces", rows)
    planted.note()
    write_atomic(folder / _NOTE, json.dumps(wanted).encode())
    return planted


def held(data: OcclusionSet, categories: tuple[str, ...]) -> list[str]:
    """Those of some categories that a set has train and test occluders of.

    Raises:
        OccsetError: none of them.
    """
    have = data.occluders.groupby("split")["category"].agg(set).to_dict()
    found = [c for c in categories if c in have.get("train", set()) & have.get("test", set())]
    if not found:
        raise OccsetError(f"{data.path}: no occluder of {', '.join(categories)} in both train and test: add some")
    return found


def _usable(data: OcclusionSet) -> list[str]:
    return usable_faces(data, "train")


def _wear(data: OcclusionSet, faces: list[str], seed: int, size: int, min_hidden: float) -> dict[str, Sample]:
    """Eq. 2 samples of faces under hard occluders, by face; a face that no occluder hides enough of is left out."""
    types: dict[str, tuple[tuple[str, ...], float]] = {category: ((category,), 1.0) for category in held(data, HARD)}
    plan = Plan("train", size, types, types_in_turn=True, faces=tuple(faces), min_hidden=min_hidden)
    drawer = Drawer(data, plan, seed)
    found = {}
    for index in range(len(faces)):
        recipe = drawer.draw(index)
        if recipe.face not in found and recipe.draw < 20:  # later draws take any other face
            found[recipe.face] = drawer.renderer.render(recipe)
    return found


def _item(data: OcclusionSet, face: str, sample: Sample, labelled: bool, planted: bool) -> FaceItem:
    points = Renderer(data).face_points(face, sample.image.shape[0])
    return FaceItem(
        name=face,
        image=sample.image,
        licence=str(data.face_row(face)["licence"]),
        mask=sample.clean_mask if labelled else None,
        landmarks=points,
        landmarks_source="source",
        truth={"face": sample.face, "planted": np.array(planted)},
    )


def _copy_items(data: OcclusionSet, planted: OcclusionSet) -> None:
    """Take over the easy cut-outs and the textures of the split "train"."""
    occluders = data.occluders[data.occluders["split"].eq("train") & data.occluders["category"].isin(held(data, EASY))]
    textures = data.textures[data.textures["split"] == "train"]
    for table, rows in (("occluders", occluders), ("textures", textures)):
        for name in rows[FILES_OF[table]]:
            target = planted.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(data.path / name, target)
        added: Any = rows.to_dict("records")
        planted.add_rows(table, added)


@dataclass(frozen=True)
class FixedProtocol:
    """What every model is held against.

    Attributes:
        images: (N, S, S, 3) uint8.
        truth: (N, S, S) bool, visible face.
        types: name of the type of each sample, "bare" or a category.
    """

    images: np.ndarray
    truth: np.ndarray
    types: list[str]

    def score(self, soft: np.ndarray) -> dict[str, Any]:
        """Mean IoU over images of soft masks (N, S, S) uint8, of all and by type."""
        found = soft > THRESHOLD
        both, either = (found & self.truth).sum((1, 2)), (found | self.truth).sum((1, 2))
        ious = np.where(either > 0, both / np.maximum(either, 1), 1.0)
        kinds = np.array(self.types)
        return {
            "iou": float(ious.mean()),
            "by_type": {kind: float(ious[kinds == kind].mean()) for kind in dict.fromkeys(self.types)},
        }


def fixed_protocol(data: OcclusionSet, size: int, count: int, seed: int = 2022) -> FixedProtocol:
    """The fixed protocol: test faces bare and under each category, in turn; the same for every seed of the experiment.

    Raises:
        OccsetError: the set lacks test faces, or test occluders of one of the categories.
    """
    types: dict[str, tuple[tuple[str, ...], float]] = {"bare": ((), 1.0)}
    types |= {category: ((category,), 1.0) for category in held(data, EASY) + held(data, HARD)}
    drawer = Drawer(data, Plan("test", size, types, types_in_turn=True), seed)
    recipes = [drawer.draw(index) for index in range(count)]
    samples = [drawer.renderer.render(recipe) for recipe in recipes]
    truth = np.stack([sample.face > 0 for sample in samples])
    return FixedProtocol(np.stack([sample.image for sample in samples]), truth, [recipe.type for recipe in recipes])
