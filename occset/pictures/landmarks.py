"""Five points of a face, where aligned crops have them, and the similarity that takes one set to another.

The five points are: the eye on the picture's left, the eye on its right, the nose tip, the mouth corner on the left, on
the right. Points are (x, y) in pixels with pixel centres at integers, so that the left edge of a picture is at -0.5.
"""

from __future__ import annotations

import numpy as np

# CelebA-HQ and FFHQ crop by one formula: centre = eyes + 0.1 * (mouth - eyes), half side = max(2 * eye distance,
# 1.8 * eyes to mouth). The numbers are the means of SCRFD's points over 1901 CelebA-HQ photos, made symmetric, in
# widths of the picture; one photo strays from them by 1 % of the width at the eyes and by 2 % at the mouth.
_HQ = np.array([[0.3785, 0.4785], [0.6215, 0.4785], [0.5, 0.6283], [0.3937, 0.7330], [0.6063, 0.7330]])

# Where faces made by code are put, in pixels of 256: their noses are shorter than the mean of photos. It stays as it is,
# since a face is told by its pixels, and built-in faces placed otherwise would be other faces.
_BUILTIN = (np.array([[98.0, 120.0], [158.0, 120.0], [128.0, 152.0], [104.5, 178.0], [151.5, 178.0]]) + 0.5) / 256

TEMPLATES: dict[str, np.ndarray] = {"celeba-hq": _HQ, "ffhq": _HQ, "builtin": _BUILTIN}
"""Five points of aligned crops, (5, 2) in widths of the crop, its corners at (0, 0) and (1, 1)."""

_IBUG_EYES = (slice(36, 42), slice(42, 48))  # those on the picture's left and right
_IBUG_NOSE_TIP, _IBUG_MOUTH = 30, (48, 54)


def template(size: int, name: str = "celeba-hq") -> np.ndarray:
    """Five points of an aligned crop of `size` x `size` pixels, (5, 2) float64 pixels.

    Raises:
        KeyError: no template is called `name`.
    """
    return TEMPLATES[name] * size - 0.5


def five_points(landmarks: np.ndarray) -> np.ndarray:
    """Reduce (68, 2) iBUG landmarks to the five points; (5, 2) are returned as they are.

    An eye is the mean of its six points; the nose tip is point 30, the mouth corners are 48 and 54 (counted from 0).

    Raises:
        ValueError: another shape.
    """
    points = np.asarray(landmarks, np.float64)
    if points.shape == (5, 2):
        return points
    if points.shape != (68, 2):
        raise ValueError(f"landmarks are (5, 2) or (68, 2), not {points.shape}")
    eyes = [points[eye].mean(axis=0) for eye in _IBUG_EYES]
    return np.stack([*eyes, points[_IBUG_NOSE_TIP], points[_IBUG_MOUTH[0]], points[_IBUG_MOUTH[1]]])


def spans_a_face(points: np.ndarray | None) -> bool:
    """Whether landmarks are None, or (5, 2) or (68, 2) finite numbers with the eyes at least a pixel apart."""
    if points is None:
        return True
    points = np.asarray(points, np.float64)
    if points.shape not in ((5, 2), (68, 2)) or not np.isfinite(points).all():
        return False
    left, right = five_points(points)[:2]
    return bool(np.hypot(*(right - left)) >= 1)


def similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Least-squares scale, rotation and shift that take `source` to `target`, without reflection.

    With both sets centred and read as complex numbers s and t it is ``t = (conj(s) . t / |s|^2) s``, which is
    Umeyama's solution (1991) in the plane.

    Args:
        source: (N, 2) points, N >= 2.
        target: (N, 2) points.

    Returns:
        (2, 3) float64, ``target ~ matrix[:, :2] @ source + matrix[:, 2]``.

    Raises:
        ValueError: shapes that differ, or source points that coincide.
    """
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    if source.shape != target.shape or source.ndim != 2 or source.shape[1] != 2 or len(source) < 2:
        raise ValueError(f"need two sets of the same N >= 2 points, not {source.shape} and {target.shape}")
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    s, t = (source - source_mean) @ [1, 1j], (target - target_mean) @ [1, 1j]
    spread = np.vdot(s, s).real
    if spread < 1e-12:
        raise ValueError("the source points coincide: no similarity is determined")
    turn = np.vdot(s, t) / spread
    linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    return np.column_stack([linear, target_mean - linear @ source_mean])


def transform_points(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Apply a (2, 3) affine matrix to (N, 2) points."""
    return np.asarray(points, np.float64) @ matrix[:, :2].T + matrix[:, 2]
