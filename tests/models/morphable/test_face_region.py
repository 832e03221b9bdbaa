"""The face part of a head: what data sets label as face, and as built-in faces are masked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from occset.models.morphable.face_region import face_triangles, inside_face, jaw_line
from occset.models.morphable.procedural import procedural_model


def test_eyes_nose_and_mouth_are_inside_and_ears_and_neck_are_not() -> None:
    p, q = np.array([0.0, 30.0, 0.0, 0.0, 100.0, 0.0]), np.array([0.0, 0.0, -60.0, -105.0, 0.0, -130.0])
    assert (inside_face(p, q) > 0).tolist() == [True, True, True, True, False, False]
    assert np.array_equal(jaw_line(np.array([-60.0])), jaw_line(np.array([60.0])))


def test_the_part_holds_the_inner_landmarks_at_both_levels_and_no_neck() -> None:
    model = procedural_model()
    for level in (model, model.coarse):
        triangles = face_triangles(level)
        assert set(level.landmarks[17:].tolist()) <= set(triangles.unique().tolist())
        lowest = level.mean[triangles.unique(), 1].min()
        assert lowest > level.mean[level.landmarks[8], 1] - 25  # millimetres below the chin
        assert 0.1 * len(level.triangles) < len(triangles) < len(level.triangles)


def test_a_model_that_is_but_a_face_is_taken_whole() -> None:
    model = replace(procedural_model().coarse, name="ict")
    assert face_triangles(model) is model.triangles
