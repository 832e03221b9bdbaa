"""The 68 landmarks of the network of 106, on drawn faces whose landmarks are known."""

from __future__ import annotations

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest

from occset.models.builtin.faces import RenderedFace, render_face
from occset.models.reconstruction.fitting import points
from occset.models.reconstruction.fitting.points import PointDetector, find_points_file
from occset.support.errors import BadInput, MissingExtra


@pytest.fixture(scope="module")
def detector() -> PointDetector:
    """The network of the extra identity."""
    if find_points_file() is None:
        pytest.skip("no 2d106det.onnx is installed: pip install 'occset[identity]'")
    return PointDetector()


@pytest.fixture(scope="module")
def faces() -> list[RenderedFace]:
    """Six drawn faces."""
    return [render_face(index) for index in range(6)]


def test_every_inner_landmark_is_near_its_own(detector: PointDetector, faces: list[RenderedFace]) -> None:
    """Mean over faces, in pixels of 256, so that two that were swapped would show: lids are 9 pixels apart."""
    away = [np.linalg.norm(detector.find(f.image, f.landmarks5) - f.landmarks, axis=1) for f in faces]
    inner = np.mean(away, axis=0)[17:]
    assert inner.mean() < 3.5 and inner.max() < 8
    eyes = np.mean(away, axis=0)[36:48]
    assert eyes.max() < 4.5


def test_a_turned_and_shifted_face_has_the_same_points(detector: PointDetector, faces: list[RenderedFace]) -> None:
    face = faces[1]
    matrix = cv2.getRotationMatrix2D((128.0, 128.0), 140.0, 0.8)
    matrix[:, 2] += (12, -7)
    turned = cv2.warpAffine(face.image, matrix, (256, 256), borderValue=(90, 90, 90))
    five = face.landmarks5 @ matrix[:, :2].T + matrix[:, 2]
    straight = detector.find(face.image, face.landmarks5) @ matrix[:, :2].T + matrix[:, 2]
    found = pickle.loads(pickle.dumps(detector)).find(turned, five)
    assert np.linalg.norm(found - straight, axis=1).mean() < 1.5


def test_each_landmark_is_a_mean_of_the_networks_points() -> None:
    weights = points._mixing()
    assert weights.shape == (68, 106)
    assert np.allclose(weights.sum(1), 1) and (weights >= 0).all()
    assert sorted(np.flatnonzero((weights > 0).sum(1) == 2)) == [37, 38, 40, 41, 43, 44, 46, 47]


def test_a_missing_or_foreign_file_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"nowhere\.onnx"):
        PointDetector(tmp_path / "nowhere.onnx")
    monkeypatch.setattr(points, "find_points_file", lambda file=None: None)
    with pytest.raises(MissingExtra, match="identity"):
        PointDetector()
