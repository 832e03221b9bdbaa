"""Fixtures: a set with everything in it that names of strangers can do, and cut-outs that lie where they were cut."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from occset.dataset.occlusion_set import OcclusionSet
from occset.importing.add_source import resplit
from occset.sources.items import FaceItem, OccluderItem, TextureItem
from tests.conftest import plain_face, plain_occluder

NAMES = ('comma, and "quote"', "line\nbreak", "emoji \U0001f60e", "<script>alert(1)</script>", "../up", "=1+1")
ANNOTATOR = "<b onmouseover=alert(1)>Anna</b>, \U0001f58c\n"
CORNER = (20, 10)


def named_face(seed: int, name: str, **changes: object) -> FaceItem:
    """A face of 128 px under another name."""
    item = plain_face(seed, 128)
    return FaceItem(**{**vars(item), "name": name, **changes})  # type: ignore[arg-type]


def cut_from(face: FaceItem, category: str) -> tuple[OccluderItem, np.ndarray]:
    """A cut-out of the upper left of a face, and the mask of where it lies there, clear of the face's own mask."""
    assert face.mask is not None and face.landmarks is not None
    where = np.zeros((128, 128), np.uint8)
    where[10:42, 20:60] = 255
    where &= ~face.mask
    x, y = CORNER
    alpha = where[y : y + 34, x : x + 42]
    rgba = np.dstack([face.image[y : y + 34, x : x + 42], alpha])
    return OccluderItem(f"{face.name}-{category}", rgba, category, face.licence, face.landmarks - CORNER), where


@pytest.fixture
def hostile_set(tmp_path: Path) -> OcclusionSet:
    """18 faces, of which one has no mask and one was taken out of use; cut-outs in a hostile category; textures."""
    data = OcclusionSet.create(tmp_path / "hostile", 'set \U0001f60e, <i>\n"x": [}')
    items = [named_face(i, NAMES[i] if i < len(NAMES) else f"face-{i}", identity=f"p{i}") for i in range(18)]
    rows = [data.store_face(item, "test") for item in items]
    rows[6]["mask"] = None
    rows[7]["verdict"] = "unusable"
    data.add_rows("faces", rows)
    pieces = []
    for item, row, category in zip(items[:3], rows[:3], ("hair", "hat", "hand/../x"), strict=True):
        piece, _ = cut_from(item, category)
        pieces.append({**data.store_occluder(piece, "label-studio", row["id"]), "annotator": ANNOTATOR, "round": 1})
    pieces += [data.store_occluder(plain_occluder(i, "hand"), "test") for i in range(4)]
    data.add_rows("occluders", pieces)
    rng = np.random.default_rng(3)
    patches = [
        TextureItem(f"t,{i}", rng.integers(0, 255, (40, 40, 3), np.uint8), "polka_dots", "made") for i in range(4)
    ]
    data.add_rows("textures", [data.store_texture(one, "test") for one in patches])
    resplit(data)
    return data


@pytest.fixture
def masks_of() -> Callable[[OcclusionSet], dict[str, str]]:
    """A function that gives the masks of the usable faces of a set by id, as stored."""

    def masks(data: OcclusionSet) -> dict[str, str]:
        faces = data.faces[data.faces["mask"].notna() & data.faces["verdict"].isna()]
        return dict(zip(faces["id"], faces["mask"], strict=True))

    return masks
