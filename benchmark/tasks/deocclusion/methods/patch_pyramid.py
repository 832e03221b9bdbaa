"""The pyramid under `patchmatch`: which patches can be copied and which must be found, on every level."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

PATCH = 7
HALF = PATCH // 2
AXES = 24  # main axes of the patches that are kept; of 147, they carry nearly all of the energy of a photo
SMALLEST = 32  # pixels: no level is smaller than this


@dataclass
class Level:
    """One level of the pyramid. Positions are flat indices into its H x W pixels; patches are named by their centre.

    Attributes:
        image: (H, W, 3) float32; inside the hole, what the caller had there.
        hole: (H, W) bool.
        is_source: (H * W,) bool, the patch lies wholly in the picture and outside the hole.
        targets: (T,) int, the patches that lie wholly in the picture and touch the hole.
        target_of: (H * W,) int, the row of a position in `targets`, or -1.
        trust: (T,) float32, 1.3^-depth.
        axes: (147, K) float32, the projection f; mean-free since only differences count.
        features: (H * W, K) float32, f of every source patch (zero elsewhere).
    """

    image: np.ndarray
    hole: np.ndarray
    is_source: np.ndarray
    targets: np.ndarray
    target_of: np.ndarray
    trust: np.ndarray
    axes: np.ndarray
    features: np.ndarray


def pyramid(image: np.ndarray, hole: np.ndarray) -> list[Level]:
    """Finest level first; ends where the next would be too small or would have no patch left outside the hole."""
    levels: list[Level] = []
    picture, missing = image.astype(np.float32), hole
    while True:
        height, width = missing.shape
        level = _level(picture, missing) if min(height, width) >= PATCH else None
        if level is None:
            return levels
        levels.append(level)
        if min(height, width) < 2 * SMALLEST:
            return levels
        picture, missing = _halve(picture, missing)


def _halve(picture: np.ndarray, missing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Half the size: the mean of what is known of 2 x 2 pixels (edges repeated); a hole where any is one."""
    odd = [(0, missing.shape[0] % 2), (0, missing.shape[1] % 2)]
    picture = np.pad(picture, [*odd, (0, 0)], mode="edge")
    missing = np.pad(missing, odd, mode="edge")
    size = (missing.shape[1] // 2, missing.shape[0] // 2)
    known = cv2.resize((~missing).astype(np.float32), size, interpolation=cv2.INTER_AREA)
    small = cv2.resize(picture * ~missing[..., None], size, interpolation=cv2.INTER_AREA)
    small /= np.maximum(known, 1e-6)[..., None]
    return small, known < 0.999


def _level(picture: np.ndarray, missing: np.ndarray) -> Level | None:
    """Precompute what the search needs, or None if no patch lies outside the hole."""
    height, width = missing.shape
    box = np.ones((PATCH, PATCH), np.uint8)
    inside = np.zeros((height, width), bool)
    inside[HALF : height - HALF, HALF : width - HALF] = True
    touched = cv2.dilate(missing.astype(np.uint8), box) > 0
    is_source = (inside & ~touched).ravel()
    if not is_source.any():
        return None
    targets = np.flatnonzero(inside & touched)
    target_of = np.full(height * width, -1)
    target_of[targets] = np.arange(len(targets))
    depth = cv2.distanceTransform(missing.astype(np.uint8), cv2.DIST_L2, 3).ravel()[targets]
    sources = np.flatnonzero(is_source)
    known = patches(picture, sources)
    axes = _main_axes(known)
    features = np.zeros((height * width, axes.shape[1]), np.float32)
    features[sources] = known @ axes
    trust = np.power(np.float32(1.3), -depth)
    return Level(picture, missing, is_source, targets, target_of, trust, axes, features)


def patches(picture: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """(N, 147) float32: the patches round the flat positions `centres`, which must lie wholly in the picture."""
    width = picture.shape[1]
    steps = offsets(width)
    return picture.reshape(-1, 3)[centres[:, None] + steps].reshape(len(centres), -1)


def offsets(width: int) -> np.ndarray:
    """(49,) int: from a patch's centre to its pixels, as differences of flat positions."""
    reach = np.arange(-HALF, HALF + 1)
    return (reach[:, None] * width + reach).ravel()


def _main_axes(known: np.ndarray) -> np.ndarray:
    """(147, K) float32: eigenvectors of the covariance of at most 4096 patches, evenly taken."""
    some = known[:: max(1, len(known) // 4096)].astype(np.float64)
    some = some - some.mean(axis=0)
    _, vectors = np.linalg.eigh(some.T @ some)
    return np.ascontiguousarray(vectors[:, : -AXES - 1 : -1], dtype=np.float32)
