"""A pose is corrected by five points: towards the truth where they are its, not at all where they are none."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from occset.models.morphable.procedural import procedural_model
from occset.models.reconstruction.coefficients import Coefficients, Layout
from occset.models.reconstruction.face import FaceModel
from occset.models.reconstruction.fitting.five_points import OFF, corrected, five_found
from occset.pictures.landmarks import five_points

SIZE = 256


@pytest.fixture(scope="module")
def face() -> FaceModel:
    return FaceModel(procedural_model())


def parts_of(face: FaceModel, pose: Tensor) -> Coefficients:
    layout: Layout = face.layout
    return layout.split(layout.typical()[0].expand(len(pose), -1))._replace(pose=pose)


def seen(face: FaceModel, parts: Coefficients) -> Tensor:
    """The detector's points of these faces: the model's, off as the detector is."""
    points = face.landmarks(parts, SIZE).numpy()
    return torch.from_numpy(np.stack([five_points(each) for each in points])).float() + torch.tensor(OFF) * SIZE


@pytest.fixture
def poses() -> Tensor:
    return torch.tensor([[0.05, 0.3, 0.02, 2.0, 20.0, -1180.0], [-0.1, -0.4, 0.0, -3.0, 25.0, -1170.0]])


def test_a_pose_that_is_off_comes_back_to_its_points(face: FaceModel, poses: Tensor) -> None:
    truth = parts_of(face, poses)
    wrong = parts_of(face, poses + torch.tensor([0.02, -0.25, 0.03, 5.0, -4.0, 15.0]))
    found = corrected(face, wrong, seen(face, truth), SIZE)
    before, after = (
        (face.landmarks(wrong._replace(pose=p), SIZE) - face.landmarks(truth, SIZE)) for p in (wrong.pose, found)
    )
    assert after.norm(dim=2).mean() < 0.15 * before.norm(dim=2).mean()
    assert (found[:, 1] - poses[:, 1]).abs().max() < 0.06


def test_a_pose_that_is_right_stays(face: FaceModel, poses: Tensor) -> None:
    truth = parts_of(face, poses)
    assert torch.allclose(corrected(face, truth, seen(face, truth), SIZE), poses, atol=1e-3)


def test_without_points_and_with_points_elsewhere_it_stays_to_the_bit(face: FaceModel, poses: Tensor) -> None:
    truth = parts_of(face, poses)
    points = seen(face, truth)
    points[0] = torch.nan
    points[1] += 0.3 * SIZE
    assert torch.equal(corrected(face, truth, points, SIZE), poses)


def test_one_face_does_not_depend_on_the_others(face: FaceModel, poses: Tensor) -> None:
    truth = parts_of(face, poses)
    wrong = parts_of(face, poses + 0.02)
    points = seen(face, truth)
    together = corrected(face, wrong, points, SIZE)
    alone = corrected(face, Coefficients(*(part[:1] for part in wrong)), points[:1], SIZE)
    assert torch.allclose(together[:1], alone, atol=1e-3)


def test_points_are_those_of_the_picture_without_its_margin() -> None:
    class Finder:
        def detect(self, image: np.ndarray) -> list[SimpleNamespace]:
            assert image.shape == (150, 150, 3)
            return [SimpleNamespace(landmarks=np.full((5, 2), 65.0)), SimpleNamespace(landmarks=np.zeros((5, 2)))]

    class Blind:
        def detect(self, image: np.ndarray) -> list[SimpleNamespace]:
            return []

    picture = np.zeros((100, 100, 3), np.uint8)
    assert np.array_equal(five_found(Finder(), picture), np.full((5, 2), 40.0))
    assert np.isnan(five_found(Blind(), picture)).all()
