"""Whether more points help a fit: the arithmetic, with finders whose errors are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from experiments.mesh_points import OF_MESH, POINTS, Finder, MeshPoints, _square, on_builtin, table
from occset.models.builtin.faces import render_face
from occset.pictures.landmarks import transform_points
from occset.support.errors import OccsetError


def test_every_point_of_ibugs_has_a_vertex_of_its_own() -> None:
    assert len(OF_MESH) == len(set(OF_MESH)) == 68
    assert min(OF_MESH) >= 0 and max(OF_MESH) < POINTS


def test_errors_are_those_that_the_finders_make() -> None:
    truths = [np.asarray(render_face(index, size=256).landmarks, float) for index in range(3)]

    def eyes(truth: np.ndarray) -> float:
        return float(np.linalg.norm(truth[36:42].mean(0) - truth[42:48].mean(0)))

    def off_by(share: float) -> Finder:
        turn = iter(truths)

        def find(image: np.ndarray, points: np.ndarray) -> np.ndarray:
            truth = next(turn)
            assert points.shape == (5, 2) and image.shape == (256, 256, 3)
            return np.add(truth, (share * eyes(truth), 0))

        return find

    found = on_builtin({"exact": off_by(0.0), "off": off_by(0.1)}, 3)
    assert found["exact"] == pytest.approx(np.zeros(3)) and found["off"] == pytest.approx(np.full(3, 0.1))
    (row,) = table({"points": found})
    assert row == {"figure": "points", "exact": "0.0000", "off": "0.1000", "difference": "+0.1000 +- 0.0000"}


@pytest.mark.parametrize("degrees", [0, 25, -140])
def test_the_second_look_is_upright_and_leaves_a_quarter_around(degrees: float) -> None:
    upright = np.random.default_rng(0).uniform(0, 100, (POINTS, 2))
    upright[[33, 263]] = (20, 30), (80, 30)
    upright[:4] = (0, 10), (100, 20), (40, 0), (60, 90)
    t = np.radians(degrees)
    mesh = upright @ np.array([[np.cos(t), np.sin(t)], [-np.sin(t), np.cos(t)]]) + (300, 200)
    seen = transform_points(mesh, _square(mesh))
    assert seen[263, 1] == pytest.approx(seen[33, 1]) and seen[263, 0] > seen[33, 0]
    low, high = seen.min(0), seen.max(0)
    assert (high - low).max() == pytest.approx(128) and (low + high) / 2 == pytest.approx([95.5, 95.5])


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(OccsetError, match=r"ai-edge-litert|there is no such file"):
        MeshPoints(tmp_path / "none.tflite")
