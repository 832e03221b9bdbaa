"""Labels that are masks and yet can hardly be meant: full, hardly anything, or the opposite of what they should be.

Measured against the label that is replaced, and against the face: the five points, or the places that they have in an
aligned crop. A label that is doubted may be right (a crop that is all face), so a person has to confirm it.
"""

from __future__ import annotations

import cv2
import numpy as np

from occset.pictures.landmarks import TEMPLATES, five_points

_FULL = 0.98  # of the picture; of 900 real labels the largest covers 0.53
_HARDLY = 0.001  # of the picture
_LITTLE_LEFT = 0.05  # of the label that is replaced
_OPPOSITE, _ALIKE = 0.7, 0.1  # IoU with the opposite of what is replaced, at least; and with itself, at most
_BORDER, _BORDER_ON, _FACE_ON = 0.03, 0.7, 0.3  # width of the border in sides; shares that are on


def doubt_of(mask: np.ndarray, points: np.ndarray | None = None, before: np.ndarray | None = None) -> str:
    """Why a visible-face mask can hardly be meant; "" where nothing speaks against it.

    Args:
        mask: (H, W) uint8, 0 or 255, of an aligned or cropped face, not empty.
        points: (5, 2) or (68, 2) landmarks in its pixels; None takes the places of an aligned crop.
        before: (H, W), the label that it replaces; None where there is none. What was so before is not doubted.
    """
    share = _share(mask)
    known = before is not None and bool(before.any())
    if share >= _FULL and not (known and before is not None and _share(before) >= _FULL):
        return f"it covers {share:.0%} of the picture, hair and background included"
    if known and before is not None:
        if _iou(mask, 255 - before) >= _OPPOSITE and _iou(mask, before) <= _ALIKE:
            return "it is the opposite of the label that it replaces"
        if share < _LITTLE_LEFT * _share(before):
            return f"it marks {share / _share(before):.1%} of what the label before marked"
    elif share < _HARDLY:
        return f"it marks {np.count_nonzero(mask)} pixels only"
    if _is_inside_out(mask, points) and not (known and before is not None and _is_inside_out(before, points)):
        return "it marks the border of the picture and leaves the face out, as if it were inverted"
    return ""


def marks_the_border(mask: np.ndarray, least: float) -> bool:
    """Whether at least a share of the picture's border is on, where a whole photo has its background."""
    border = np.ones(mask.shape, bool)
    rim = max(1, round(_BORDER * min(mask.shape)))
    border[rim:-rim, rim:-rim] = False
    return bool((mask > 0)[border].mean() >= least)


def _is_inside_out(mask: np.ndarray, points: np.ndarray | None) -> bool:
    height, width = mask.shape
    placed = TEMPLATES["celeba-hq"] * [width, height] - 0.5 if points is None else five_points(points)
    if not np.isfinite(placed).all():
        return False
    face = np.zeros(mask.shape, np.uint8)
    hull = cv2.convexHull(np.clip(placed, -1e6, 1e6).astype(np.float32))
    cv2.fillConvexPoly(face, np.round(hull).astype(np.int32), 255)
    hidden = face.any() and (mask > 0)[face > 0].mean() <= _FACE_ON
    return bool(hidden and marks_the_border(mask, _BORDER_ON))


def _share(mask: np.ndarray) -> float:
    return float(np.count_nonzero(mask) / mask.size)


def _iou(one: np.ndarray, other: np.ndarray) -> float:
    union = np.count_nonzero((one > 0) | (other > 0))
    return float(np.count_nonzero((one > 0) & (other > 0)) / union) if union else 1.0
