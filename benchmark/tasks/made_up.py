"""Drawings for check-method: faces, holes and train faces that need no data."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from occset.benchmark.methods.interfaces import TrainingFace

OCCLUDER = (40, 90, 160)
"""Colour of what hides a face, RGB."""

_CENTRE, _RADII = (0.5, 0.52), (0.28, 0.38)


def names(count: int) -> list[str]:
    """What the samples are called."""
    return [f"made-up-{at}" for at in range(1, count + 1)]


def face(size: int, seed: int) -> np.ndarray:
    """A smooth background, an oval of skin, two eyes and a mouth: enough for a method to do something with.

    Returns:
        (size, size, 3) uint8 RGB.
    """
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
    image = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    image[face_mask(size) > 0] = rng.integers(90, 230, 3)
    for x in (0.38, 0.62):
        image[_ellipse(size, (x, 0.47), (0.05, 0.03)) > 0] = 245
        image[_ellipse(size, (x, 0.47), (0.02, 0.02)) > 0] = 30
    image[_ellipse(size, (0.5, 0.72), (0.1, 0.03)) > 0] = (160, 60, 70)
    return image


def face_mask(size: int) -> np.ndarray:
    """Where every one of them shows skin, (size, size) uint8, 255 = face."""
    return _ellipse(size, _CENTRE, _RADII)


def points(size: int) -> np.ndarray:
    """Their five landmarks, (5, 2) float pixels."""
    return np.array([[0.38, 0.47], [0.62, 0.47], [0.5, 0.6], [0.4, 0.72], [0.6, 0.72]]) * size


def hole(size: int, seed: int) -> np.ndarray:
    """Somewhere in the middle, (size, size) uint8, 255 = hidden."""
    rng = np.random.default_rng([seed, 1])
    return _ellipse(size, tuple(rng.uniform(0.35, 0.65, 2)), tuple(rng.uniform(0.08, 0.25, 2)))


class MadeUpFaces:
    """Train faces for methods that learn."""

    fingerprint = "made-up"

    def __init__(self, size: int, count: int) -> None:
        """``count`` faces at ``size`` pixels, none of those that are shown."""
        self.size, self.count = size, count

    def __len__(self) -> int:
        """How many."""
        return self.count

    def __iter__(self) -> Iterator[TrainingFace]:
        """One after another."""
        for seed in range(100, 100 + self.count):
            yield TrainingFace(face(self.size, seed), face_mask(self.size), points(self.size))


def _ellipse(size: int, centre: tuple[float, ...], radii: tuple[float, ...]) -> np.ndarray:
    """(size, size) uint8, 255 inside; centre and radii (x, y) as shares of the size."""
    y, x = (np.mgrid[:size, :size] + 0.5) / size
    inside = ((x - centre[0]) / radii[0]) ** 2 + ((y - centre[1]) / radii[1]) ** 2 <= 1
    return np.where(inside, np.uint8(255), np.uint8(0))
