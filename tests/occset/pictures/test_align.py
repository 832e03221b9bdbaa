from __future__ import annotations

import cv2
import numpy as np
import pytest

from occset.pictures.align import align_face
from occset.pictures.landmarks import template


def _centroids(image: np.ndarray, points: np.ndarray, radius: int) -> np.ndarray:
    """Brightness-weighted centres of the spots near `points`."""
    found = []
    for x, y in points:
        top, left = max(0, round(y) - radius), max(0, round(x) - radius)
        patch = image[top : round(y) + radius + 1, left : round(x) + radius + 1, 0].astype(float)
        rows, columns = np.indices(patch.shape)
        found.append([left + (patch * columns).sum() / patch.sum(), top + (patch * rows).sum() / patch.sum()])
    return np.array(found)


@pytest.mark.parametrize(("scale", "angle"), [(0.5, 0.0), (1.0, 0.4), (2.6, -0.3), (7.3, 0.2)])
def test_spots_come_to_lie_on_the_template(scale: float, angle: float) -> None:
    size = 128
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = (template(size) - size / 2) @ turn.T
    points += 20 * scale - points.min(axis=0)
    side = int(points.max() + 20 * scale)
    rows, columns = np.indices((side, side))
    spread = 2 * scale
    spots = sum(np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * spread**2)) for x, y in points)
    image = np.repeat((np.clip(spots, 0, 1) * 255).astype(np.uint8)[:, :, None], 3, axis=2)
    crop, landmarks, matrix = align_face(image, points, size)
    assert crop.shape == (size, size, 3) and matrix.shape == (2, 3)
    assert np.allclose(landmarks, template(size), atol=1e-6)
    assert np.abs(_centroids(crop, template(size), 7) - template(size)).max() < 0.25


def test_a_large_photo_is_averaged() -> None:
    checks = np.repeat((np.indices((2000, 2000)).sum(axis=0) % 2 * 255).astype(np.uint8)[:, :, None], 3, axis=2)
    crop, _, _ = align_face(checks, template(64) * 25 + 100, 64)
    assert np.abs(crop.astype(int) - 127).max() <= 3


def test_an_untouched_photo_stays_as_it_is() -> None:
    image = np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8)
    crop, _, _ = align_face(image, template(96), 96)
    assert np.array_equal(crop, image)


def test_beyond_the_photo_it_is_mirrored_and_blurred() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (200, 200, 3), np.uint8)
    image = cv2.GaussianBlur(noise, (0, 0), 1.5)
    crop, _, _ = align_face(image, template(200) - np.array([60, 0]), 200)  # the left 60 columns lie beyond
    assert np.array_equal(crop[:, 60:], image[:, :140])
    assert np.abs(crop[:, 59].astype(int) - image[:, 1]).mean() < 6
    assert crop[:, :40].std() < 0.5 * crop[:, 60:].std()
    assert crop.min() > 0


def test_all_sixty_eight_points_come_along() -> None:
    points = np.random.default_rng(2).uniform(20, 180, (68, 2))
    _, landmarks, matrix = align_face(np.zeros((200, 200, 3), np.uint8), points, 100)
    assert landmarks.shape == (68, 2)
    assert np.allclose(landmarks, points @ matrix[:, :2].T + matrix[:, 2])
