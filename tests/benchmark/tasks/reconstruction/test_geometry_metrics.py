"""Errors of landmarks, vertices, albedo and light, on numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from occset.benchmark.tasks.reconstruction import geometry_metrics as far
from occset.models.rendering.lighting import AMBIENT

FIVE = np.array([[40.0, 50], [60, 50], [50, 60], [42, 70], [58, 70]])


def landmarks68() -> np.ndarray:
    """Eyes 20 pixels apart, centres at (40, 50) and (60, 50); all else about the nose tip."""
    points = np.tile([[50.0, 60.0]], (68, 1))
    points[36:42], points[42:48] = (40, 50), (60, 50)
    points[36] -= 3
    points[39] += 3
    points[48], points[54] = (42, 70), (58, 70)
    return points


def test_landmarks_are_measured_in_percent_of_the_distance_of_the_eyes() -> None:
    truth = landmarks68()
    assert far.landmark_error(truth, truth) == 0
    assert far.landmark_error(truth + np.array([3, 4]), truth) == pytest.approx(100 * 5 / 20)
    one = truth.copy()
    one[0] += [0, 68]  # one of 68 is 68 pixels off: 1 pixel on the mean
    assert far.landmark_error(one, truth) == pytest.approx(100 * 1 / 20)


def test_where_the_set_has_five_points_five_are_made_of_the_68() -> None:
    assert far.landmark_error(landmarks68(), FIVE) == 0
    moved = landmarks68()
    moved[30] += [0, 10]  # the nose tip alone
    moved[0] += 1000  # none of the five
    assert far.landmark_error(moved, FIVE) == pytest.approx(100 * (10 / 5) / 20)


def test_3d_landmarks_may_stand_nearer_but_not_be_turned() -> None:
    truth = np.zeros((68, 3))
    truth[:34, 0], truth[34:, 0] = -10, 10
    assert far.landmark_mm(truth + np.array([5, -7, -300]), truth) == pytest.approx(0, abs=1e-9)
    quarter = truth[:, [2, 1, 0]]  # turned by 90 degrees: each point is 10 sqrt(2) off
    assert far.landmark_mm(quarter, truth) == pytest.approx(10 * np.sqrt(2))


def turned(points: np.ndarray, seed: int = 0) -> np.ndarray:
    """Rotated at random, and far away."""
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    q[:, 0] *= np.linalg.det(q)
    return points @ q.T + [100, -20, -1000]


def test_vertices_are_compared_after_the_best_rigid_motion() -> None:
    truth = np.random.default_rng(3).normal(size=(40, 3)) * [70, 90, 50]
    weights = np.linspace(0.5, 2, 40)
    for seed in range(5):
        assert far.vertex_mm(turned(truth, seed), truth, weights) == pytest.approx(0, abs=1e-9)
    assert far.vertex_mm(truth * [-1, 1, 1], truth, weights) > 10, "a mirrored face is another one"


def test_a_larger_face_is_wrong_unless_scale_is_free() -> None:
    truth = np.array([[10.0, 0, 0], [-10, 0, 0], [0, 10, 0], [0, -10, 0]])
    even = np.ones(4)
    assert far.vertex_mm(turned(1.2 * truth), truth, even) == pytest.approx(2)
    assert far.vertex_mm(turned(1.2 * truth), truth, even, scaled=True) == pytest.approx(0, abs=1e-9)


def test_vertices_without_weight_do_not_count() -> None:
    truth = np.random.default_rng(3).normal(size=(40, 3)) * 50
    other = truth.copy()
    other[7] += 1000
    weights = np.ones(40)
    assert far.vertex_mm(other, truth, weights) > 20
    weights[7] = 0
    assert far.vertex_mm(turned(other), truth, weights) == pytest.approx(0, abs=1e-9)


def test_a_dent_is_weighted_by_its_area() -> None:
    """On a cross that a bump cannot turn or move: opposite vertices go opposite ways, by 1 mm of 4 equal ones."""
    truth = np.array([[10.0, 0, 0], [-10, 0, 0], [0, 10, 0], [0, -10, 0]])
    other = truth + np.array([[1, 0, 0], [-1, 0, 0], [0, 0, 0], [0, 0, 0]])
    assert far.vertex_mm(other, truth, np.ones(4)) == pytest.approx(0.5)
    assert far.vertex_mm(other, truth, np.array([3, 3, 1, 1])) == pytest.approx(0.75)


def test_albedo_is_right_up_to_one_gain() -> None:
    truth = np.array([[0.2, 0.1, 0.1], [0.4, 0.3, 0.1]])
    weights = np.array([1.0, 1.0])
    assert far.albedo_error(0.5 * truth, truth, weights) == pytest.approx(0, abs=1e-9)
    assert far.albedo_error(np.zeros_like(truth), truth, weights) == pytest.approx(100)
    # grey for truth of 1 and 0: the best gain makes it 0.5, half the mean of 0.5 away at both
    assert far.albedo_error(np.ones((2, 3)), np.array([[1.0] * 3, [0.0] * 3]), weights) == pytest.approx(100)
    alone = np.array([1.0, 0.0])
    assert far.albedo_error(np.ones((2, 3)), np.array([[1.0] * 3, [0.0] * 3]), alone) == pytest.approx(0, abs=1e-9)
    tinted = truth * [2, 1, 1]
    assert far.albedo_error(tinted, truth, weights) > 20, "one gain, not one a channel"


def test_light_is_right_up_to_one_gain_and_whatever_its_number_of_colours() -> None:
    truth = np.zeros(9)
    truth[0], truth[2] = 0.8 * AMBIENT, 0.6
    assert far.light_error(3 * truth, truth) == pytest.approx(0, abs=1e-4)
    assert far.light_error(np.repeat(truth[:, None], 3, 1), truth) == pytest.approx(0, abs=1e-4)
    even, left, right = (np.eye(9)[0] * AMBIENT for _ in range(3))
    left[3], right[3] = -1, 1
    # E / pi = 1 -+ (2/3) sqrt(3 / 4 pi) x; the gain is near 1, and |x| half on the mean
    assert far.light_error(right, even) == pytest.approx(100 * (2 / 3) * np.sqrt(3 / (4 * np.pi)) / 2, rel=0.05)
    assert far.light_error(left, right) > 1.8 * far.light_error(even, right)
    assert far.light_error(np.zeros(9), truth) == pytest.approx(100)
