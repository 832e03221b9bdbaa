"""Mm and Ip of clean faces: what they are, and that they are made once."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from occset.models.inpainting.clean import BLENDED, COVERED, CleanFaces
from occset.models.poisson.blending import blend
from occset.pictures.images import read_rgba
from tests.models.reconstruction.rendered import SIZE, draw_parts, face_model, rendered_faces


class Counting(CleanFaces):
    """Counts how often something is made."""

    made = 0

    def _made(self, *arrays: Any) -> np.ndarray:
        self.made += 1
        return super()._made(*arrays)


@pytest.fixture
def face() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A rendered face whose forehead is hidden by hair, its mask, its coefficients."""
    item = rendered_faces(1, seed=3)[0]
    assert item.mask is not None
    image, mask = item.image.copy(), item.mask.copy()
    image[:50], mask[:50] = (30, 20, 10), 0
    return image, mask, face_model().layout.join(draw_parts(1, seed=3))[0].numpy()


def files_in(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.png"))


def test_values_are_those_of_the_fit_and_of_the_blend(
    face: tuple[np.ndarray, np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    image, mask, vector = face
    found = CleanFaces(face_model(), tmp_path)(image, mask, vector)
    with torch.no_grad():
        view = face_model()(draw_parts(1, seed=3), SIZE)
    covered = view.mask > 0.5
    assert np.array_equal(found[COVERED] > 0, covered[0, 0].numpy()) and set(np.unique(found[COVERED])) == {0, 255}
    seen = covered & torch.from_numpy(mask > 127)[None, None]
    clean = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
    wanted = blend(view.image.clamp(0, 1), clean, covered & ~seen, seen)[0].permute(1, 2, 0).numpy()
    assert np.abs(found[BLENDED] / 255 - wanted).max() < 0.003
    hair = covered[0, 0].numpy() & (mask == 0)
    assert hair.sum() > 200  # there it is the rendered face, elsewhere the picture
    assert np.abs(found[BLENDED][hair] - view.image[0].permute(1, 2, 0).numpy()[hair] * 255).mean() < 6
    assert np.array_equal(found[BLENDED][~hair], image[~hair])


def test_it_is_made_once_and_again_where_anything_differs(
    face: tuple[np.ndarray, np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    image, mask, vector = face
    faces = Counting(face_model(), tmp_path)
    first = faces(image, mask, vector)
    again = pickle.loads(pickle.dumps(faces))(image, mask, vector)
    assert faces.made == 1 and all(np.array_equal(first[name], again[name]) for name in first)
    assert len(files_in(tmp_path)) == 1
    other = vector.copy()
    other[0] += 0.1
    faces(image, mask, other)
    faces(image, 255 - mask, vector)
    faces(255 - image, mask, vector)
    assert faces.made == 4 and len(files_in(tmp_path)) == 4


def test_a_damaged_file_is_made_again(face: tuple[np.ndarray, np.ndarray, np.ndarray], tmp_path: Path) -> None:
    faces = Counting(face_model(), tmp_path)
    first = faces(*face)
    path = files_in(tmp_path)[0]
    path.write_bytes(path.read_bytes()[:200])
    again = faces(*face)
    assert faces.made == 2 and np.array_equal(first[BLENDED], again[BLENDED])
    assert np.array_equal(read_rgba(path)[..., 3], first[COVERED])


def test_where_nothing_can_be_written_it_is_made_each_time(
    face: tuple[np.ndarray, np.ndarray, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from occset.models.inpainting import clean
    from occset.support.errors import NoSpace

    def full(*_: object) -> None:
        raise NoSpace("the disk is full")

    monkeypatch.setattr(clean, "write_png", full)
    faces = Counting(face_model(), tmp_path)
    assert np.array_equal(faces(*face)[BLENDED], faces(*face)[BLENDED]) and faces.made == 2
    assert not files_in(tmp_path)
