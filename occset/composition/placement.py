"""Where an occluder of a category belongs on a face.

Everything is said in the frame of the face: the origin is between the eyes, one unit to the right is the distance of the
eyes, one unit down is the distance from the eyes to the mouth along the face.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from occset.pictures.landmarks import similarity


@dataclass(frozen=True)
class Place:
    """Where the anchor of a cut-out's box goes.

    Attributes:
        anchor: point of the box, (0, 0) its top left, (1, 1) its bottom right.
        centre: where the anchor goes, in the frame of the face.
        width: width of the box in eye distances; for `free` places the geometric mean of width and height.
        shift, turn, scale: largest random change of the place (units), the angle (degrees), the size (share).
        free: the anchor may go anywhere on the face, with `shift` around `centre`.
        bend: largest random bend at the picture's edge, as a share of the picture's size.
    """

    anchor: tuple[float, float]
    centre: tuple[float, float]
    width: float
    shift: tuple[float, float]
    turn: float
    scale: float
    free: bool = False
    bend: float = 0.02


PLACES: dict[str, Place] = {
    "sunglasses": Place((0.5, 0.5), (0.0, 0.06), 2.15, (0.06, 0.06), 4, 0.08),
    "spectacles": Place((0.5, 0.5), (0.0, 0.06), 2.15, (0.06, 0.06), 4, 0.08),
    "mask": Place((0.5, 0.0), (0.0, 0.38), 2.35, (0.06, 0.08), 4, 0.10),
    "hair": Place((0.5, 1.0), (0.0, -0.35), 2.9, (0.15, 0.15), 8, 0.12, bend=0.04),
    "hat": Place((0.5, 1.0), (0.0, -0.45), 3.0, (0.10, 0.12), 6, 0.10),
    "scarf": Place((0.5, 0.0), (0.0, 0.65), 2.7, (0.15, 0.20), 10, 0.15, bend=0.05),
    "hand": Place((0.5, 0.4), (0.0, 0.65), 1.75, (0.85, 0.85), 60, 0.25, free=True, bend=0.03),
    "cup": Place((0.5, 0.3), (0.0, 1.05), 1.15, (0.40, 0.30), 15, 0.20, free=True),
    "microphone": Place((0.5, 0.15), (0.0, 1.15), 1.0, (0.45, 0.25), 30, 0.20, free=True),
    "phone": Place((0.5, 0.4), (0.2, 0.5), 1.2, (0.85, 0.60), 25, 0.20, free=True),
    "food": Place((0.5, 0.4), (0.0, 1.0), 0.95, (0.45, 0.35), 40, 0.25, free=True),
}
"""Place of each category that has one; `ANYWHERE` serves the others."""
ANYWHERE = Place((0.5, 0.5), (0.0, 0.5), 1.2, (0.85, 0.85), 45, 0.30, free=True, bend=0.03)
CATEGORIES = tuple(PLACES)


def place_of(category: str) -> Place:
    """The place of a category; one that is not known may go anywhere on the face."""
    return PLACES.get(category, ANYWHERE)


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
        category: see `PLACES`.
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
    place = place_of(category)
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
