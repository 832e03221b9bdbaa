"""Which part of a morphable model is face, as data sets label it: no hair, ears, neck."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from occset.models.morphable.base import LinearModel
from occset.models.morphable.head import smooth_table
from occset.models.morphable.procedural import CHART_P, CHART_Q

_HAIR_LINE = 72.0
"""Where the forehead of the procedural model ends, millimetres of its chart."""

_JAW = np.array([0, 30, 60, 85, 100, 200.0]), np.array([-112.5, -107, -86, -62, -46, -40.0])
_SLACK = 4.0
"""Millimetres by which a triangle may stick out of the region, so that the decimated level has no notches."""


def jaw_line(p: np.ndarray) -> np.ndarray:
    """Height of the jaw's edge on the procedural chart, millimetres, at `p` (positive and negative alike)."""
    return smooth_table(np.abs(p), *_JAW, 5)


def inside_face(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Millimetres inside the face region of the procedural chart, hair line left aside; negative outside."""
    return np.minimum(q - jaw_line(p), (91 - 0.08 * np.clip(q, -60, 40)) - np.abs(p))


def face_triangles(model: LinearModel) -> Tensor:
    """Triangles of the face part, (T, 3): all of a model that is no more than a face, and of the procedural head those
    above the jaw, before the ears and below the hair line."""
    if not model.name.startswith("procedural"):
        return model.triangles
    across, down = model.uv.double().cpu().numpy().T
    p = CHART_P[0] + across * (CHART_P[1] - CHART_P[0])
    q = CHART_Q[1] - down * (CHART_Q[1] - CHART_Q[0])
    inside = torch.from_numpy((inside_face(p, q) > -_SLACK) & (q < _HAIR_LINE)).to(model.triangles.device)
    return model.triangles[inside[model.triangles].all(-1)]
