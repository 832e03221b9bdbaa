"""Where an occluder of a category belongs on a face.

Where each category belongs is said in `occset.composition.categories`; here it is put there, with random changes.
"""

from __future__ import annotations

import numpy as np

from occset.composition.categories import Place
from occset.composition.categories import category as category_of
from occset.pictures.landmarks import similarity


def face_frame(points: np.ndarray) -> np.ndarray:
    """Five points (5, 2) to the (2, 3) map from the frame of the face to pixels.

    Both units have the length of the larger of eye distance and eye-to-mouth distance of a frontal face, so that a
    turned head, whose eyes come closer, does not shrink what it wears.
    """
    eyes = (points[0] + points[1]) / 2
    mouth = (points[3] + points[4]) / 2
    down = mouth - eyes
    across = points[1] - points[0]
    unit = max(float(np.hypot(*across)), 0.9 * float(np.hypot(*down)), 1.0)
    x_axis = across / max(float(np.hypot(*across)), 1e-6) * unit
    y_axis = np.array([-x_axis[1], x_axis[0]])
    return np.column_stack([x_axis, y_axis, eyes])


def draw_warp(
    rng: np.random.Generator,
    category: str,
    cutout_size: tuple[int, int],
    cutout_points: np.ndarray | None,
    face_points: np.ndarray,
    flip: bool,
    size: int,
) -> tuple[np.ndarray, tuple[float, float]]:
    """Draw where one cut-out goes on one face.

    Args:
        rng: the only source of chance.
        category: see `occset.composition.categories`.
        cutout_size: (height, width) of the cut-out.
        cutout_points: (5, 2) pixels of the unflipped cut-out, or None when it has no landmarks.
        face_points: (5, 2) pixels of the picture.
        flip: the cut-out will be mirrored.
        size: the picture's height and width.

    Returns:
        The map from picture pixels to (flipped) cut-out pixels, (2, 3) float, and the bend for `warps.warp_from_affine`.

    Raises:
        ValueError, numpy.linalg.LinAlgError: landmarks that span no face.
    """
    place = category_of(category).place
    shift = rng.uniform(-1, 1, 2) * place.shift
    angle = np.deg2rad(rng.uniform(-1, 1) * place.turn)
    scale = 1 + rng.uniform(-1, 1) * place.scale
    stretch = 1 + rng.uniform(-1, 1) * 0.06
    bend = rng.uniform(-1, 1, 2) * place.bend
    frame = face_frame(face_points)
    if cutout_points is not None and not place.free:
        forward = _onto_points(cutout_size, cutout_points, face_points, flip)
    else:
        forward = _onto_place(place, cutout_size, frame)
    pivot = frame[:, :2] @ np.asarray(place.centre) + frame[:, 2]
    change = _about(pivot, angle, scale, stretch, frame[:, :2] @ shift)
    forward = change @ np.vstack([forward, [0, 0, 1]])
    backward = np.linalg.inv(forward)[:2]
    if not np.isfinite(backward).all():
        raise ValueError("landmarks that are not finite numbers")
    # a bend of `size * share` picture pixels at the edge, half a picture from the middle, in cut-out pixels
    step = float(np.hypot(backward[0, 0], backward[1, 0]))
    per_square = step * size / (size / 2) ** 2
    return backward, (bend[0] * per_square, bend[1] * per_square)


def _onto_points(
    cutout_size: tuple[int, int], cutout_points: np.ndarray, face_points: np.ndarray, flip: bool
) -> np.ndarray:
    points = np.asarray(cutout_points, np.float64)
    if flip:
        points = points * [-1, 1] + [cutout_size[1] - 1, 0]
        points = points[[1, 0, 2, 4, 3]]  # left and right changed places
    return similarity(points, np.asarray(face_points, np.float64))


def _onto_place(place: Place, cutout_size: tuple[int, int], frame: np.ndarray) -> np.ndarray:
    height, width = cutout_size
    side = np.sqrt(height * width) if place.free else width
    unit = place.width / side  # frame units for one pixel of the cut-out
    anchor = np.array([place.anchor[0] * (width - 1), place.anchor[1] * (height - 1)])
    to_frame = np.array([[unit, 0, place.centre[0] - unit * anchor[0]], [0, unit, place.centre[1] - unit * anchor[1]]])
    return frame @ np.vstack([to_frame, [0, 0, 1]])


def _about(pivot: np.ndarray, angle: float, scale: float, stretch: float, shift: np.ndarray) -> np.ndarray:
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turn = turn @ np.diag([stretch, 1 / stretch])
    return np.vstack([np.column_stack([turn, pivot - turn @ pivot + shift]), [0, 0, 1]])
