"""Fitting to landmarks finds what they were projected from."""

from __future__ import annotations

import torch

from occset.models.morphable.procedural import procedural_model
from occset.models.reconstruction.fitting.contour import jaw_candidates, outward
from occset.models.reconstruction.fitting.landmarks import LandmarkFitter, LandmarkSettings
from tests.models.reconstruction.rendered import draw_parts, face_model


def test_pose_and_landmarks_are_found_from_a_frontal_start() -> None:
    parts = draw_parts(6, seed=2)
    points = face_model().landmarks(parts, 200)
    found = LandmarkFitter(procedural_model()).fit(points, 200)
    assert found.error.max() < 0.004  # of the width: under a pixel of 200
    assert torch.rad2deg((found.pose - parts.pose)[:, 1].abs()).max() < 8  # yaw
    assert torch.rad2deg((found.pose - parts.pose)[:, 2].abs()).max() < 2  # roll


def test_with_the_shape_known_the_pose_is_exact() -> None:
    parts = draw_parts(4, seed=3)
    points = face_model().landmarks(parts, 128)
    shape = torch.cat((parts.identity, parts.expression), 1)
    found = LandmarkFitter(procedural_model()).fit(points, 128, shape)
    assert torch.equal(found.identity, parts.identity)
    assert torch.rad2deg((found.pose - parts.pose)[:, :3].abs()).max() < 0.6
    assert (found.pose - parts.pose)[:, 5].abs().max() < 12  # millimetres of more than a thousand


def test_the_resolution_changes_nothing() -> None:
    parts = draw_parts(2, seed=4)
    fitter = LandmarkFitter(procedural_model())
    small, large = (fitter.fit(face_model().landmarks(parts, size), size) for size in (64, 512))
    assert small.identity.allclose(large.identity, atol=0.05)
    assert small.error.allclose(large.error, atol=1e-4)


def test_one_wild_landmark_does_not_rule() -> None:
    parts = draw_parts(1, seed=5)
    points = face_model().landmarks(parts, 128)
    wild = points.clone()
    wild[0, 36] += 40
    fitter = LandmarkFitter(procedural_model(), LandmarkSettings(steps=14))
    straight, bent = fitter.fit(points, 128), fitter.fit(wild, 128)
    assert torch.rad2deg((straight.pose - bent.pose)[:, :3].abs()).max() < 4


def test_candidates_of_the_jaw_begin_with_its_landmark_and_stay_on_its_side() -> None:
    model = procedural_model()
    candidates = jaw_candidates(model)
    assert candidates.shape[0] == 17 and torch.equal(candidates[:, 0], model.landmarks[:17])
    assert (model.mean[candidates[0], 0] < 0).all() and (model.mean[candidates[16], 0] > 0).all()


def test_normals_of_a_jaw_point_away_from_the_nose() -> None:
    points = face_model().landmarks(draw_parts(1, seed=6), 128)
    normals = outward(points)
    assert normals[0, 0, 0] < -0.8 and normals[0, 16, 0] > 0.8 and normals[0, 8, 1] > 0.8
