"""NR's pose, corrected by the five points that the detector finds in the occluded picture.

NR learned pose beside everything else; the detector learned points alone, from far more faces, occluded ones among them.
With q(p) the five points of NR's face in pose p, q^ the detector's, and p0 NR's pose, it minimises

    sum_n || q_n(p) + b_n W - q^_n ||^2 / (s W)^2  +  sum_k ( (p_k - p0_k) / d_k )^2

over the pose by Gauss-Newton: W the picture's width, b where the detector sees a point off the morphable model's, s what a
found point is off by, d what NR's pose is off by. Points further from NR's than `FURTHEST` are wrong, or those of another
face: then NR's pose stays. The figures come from ``python -m experiments.five_points``.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from occset.models.reconstruction.coefficients import Coefficients
from occset.models.reconstruction.face import FaceModel
from occset.models.rendering import camera
from occset.pictures.detector import FaceDetector
from occset.support.errors import MissingExtra

OFF = ((0.0029, -0.0023), (0.0021, -0.0032), (0.0034, -0.0004), (0.0104, -0.0082), (-0.0063, -0.0061))
"""b: medians over occluded train faces of the detector's points less those of the fits, in widths of the picture."""

POINT = 0.008
"""s: deviation of a found point, in widths of the picture; this and the next are the best of some tried on val faces."""

DEVIATIONS = (0.1, 0.4, 0.15, 15.0, 15.0, 60.0)
"""d: deviations of NR's pitch, yaw, roll (radians), and x, y, z (millimetres)."""

FURTHEST = 0.15
"""In widths of the picture: the mean distance beyond which found points are not believed."""

_STEPS = 6
_DIFFERENCES = (1e-3, 1e-3, 1e-3, 0.05, 0.05, 0.5)
_MARGIN = 0.25  # of the side: the detector misses faces that fill a picture
_USED = [*range(36, 48), 30, 48, 54]  # of the 68: six round each eye, the tip of the nose, the corners of the mouth


class Finder(Protocol):
    """Such as `occset.pictures.detector.FaceDetector`."""

    def detect(self, image: np.ndarray) -> list[Any]:
        """Detections of an (H, W, 3) uint8 RGB picture, the largest first, with ``landmarks``, (5, 2) pixels."""
        ...


def five_found(detector: Finder, image: np.ndarray) -> np.ndarray:
    """The five points of an aligned face, whatever hides it: (5, 2) float32 pixels, NaN where no face is found.

    Args:
        detector: finds faces.
        image: (S, S, 3) uint8 RGB.
    """
    margin = round(_MARGIN * len(image))
    found = detector.detect(np.pad(image, ((margin, margin), (margin, margin), (0, 0)), mode="edge"))
    if not found:
        return np.full((5, 2), np.nan, np.float32)
    return np.asarray(found[0].landmarks, np.float32) - margin


def any_detector() -> FaceDetector | None:
    """The face detector; None where the extra identity, which brings it, is not installed."""
    try:
        return FaceDetector()
    except MissingExtra:
        return None


@torch.no_grad()
def corrected(face: FaceModel, parts: Coefficients, found: Tensor, size: int) -> Tensor:
    """The pose whose five points lie near those that were found.

    Args:
        face: what the coefficients belong to.
        parts: of B faces, NR's.
        found: (B, 5, 2) pixels of a picture of `size`: eyes, tip of the nose, corners of the mouth; NaN for none.
        size: side of the picture.

    Returns:
        (B, 6); NR's where nothing was found, or what was found is not believed.
    """
    first = parts.pose
    there = found.isfinite().flatten(1).all(1)
    goal = torch.where(there[:, None, None], found, torch.zeros_like(found)).to(first) - first.new_tensor(OFF) * size
    head = face.points_of_head(parts)[:, _USED]  # which the pose leaves as it is
    near = (_seen(face, head, first, size) - goal).norm(dim=2).mean(1) < FURTHEST * size
    deviations, differences = first.new_tensor(DEVIATIONS), first.new_tensor(_DIFFERENCES)

    def residuals(pose: Tensor) -> Tensor:
        off = (_seen(face, head, pose, size) - goal).flatten(1) / (POINT * size)
        return torch.cat((off, (pose - first) / deviations), 1)

    pose = first
    for _ in range(_STEPS):
        sides = [(residuals(pose + step) - residuals(pose - step)) / (2 * step.sum()) for step in differences.diag()]
        slopes = torch.stack(sides, 2)  # (B, 16, 6)
        pose = pose - torch.linalg.lstsq(slopes, residuals(pose)[..., None]).solution[..., 0]
    good = there & near & pose.isfinite().all(1)
    return torch.where(good[:, None], pose, first)


def five_of(face: FaceModel, parts: Coefficients, size: int) -> Tensor:
    """The five points of B faces, as `occset.pictures.landmarks.five_points` takes them: (B, 5, 2) pixels.

    Args:
        face: what the coefficients belong to.
        parts: of B faces.
        size: side of the picture in pixels.
    """
    return _seen(face, face.points_of_head(parts)[:, _USED], parts.pose, size)


def _seen(face: FaceModel, head: Tensor, pose: Tensor, size: int) -> Tensor:
    """(B, 5, 2) of the landmarks (B, 15, 3) that make them, in a pose."""
    focal, middle = face.lens.pixels(size)
    points = camera.project(camera.to_camera(head, pose), focal, size, size, middle)[..., :2]
    eyes = points[:, :12].unflatten(1, (2, 6)).mean(2)
    return torch.cat((eyes, points[:, 12:]), 1)
