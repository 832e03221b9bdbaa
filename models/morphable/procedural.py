"""The procedural morphable model: 80 identity, 64 expression and 80 texture modes, made by code alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from occset.models.morphable import albedo, modes
from occset.models.morphable.base import LinearModel
from occset.models.morphable.grid import coarse_grid, grid_mirror, grid_triangles
from occset.models.morphable.head import (
    EYE_HALF,
    EYE_X,
    MOUTH_HALF,
    MOUTH_Q,
    lids,
    lip_edges,
    mean_surface,
    mouth_gap,
    mouth_line,
    smoothstep,
)

VERSION = 1
"""Of the model's arrays; whoever changes them raises it, since what was fitted or trained belongs to one version."""

CHART_P, CHART_Q = (-284.0, 284.0), (-260.0, 170.0)
"""Chart range that uv 0..1 covers; v runs down, from the crown to the neck."""


@dataclass(frozen=True)
class ProceduralModel(LinearModel):
    """A `LinearModel` that also knows its chart and the names of its modes.

    Attributes:
        chart: (V, 2) chart coordinates p, q in millimetres (see `occset.models.morphable.head`).
        skin_albedo: (V, 3) mean albedo without brows, eyes and mouth, for renderers that paint those finer.
        identity_names: names of the identity modes; random ones are called ``smooth k``.
        expression_names: names of the expression modes.
        texture_names: names of the texture modes.
    """

    chart: Tensor
    skin_albedo: Tensor
    identity_names: tuple[str, ...]
    expression_names: tuple[str, ...]
    texture_names: tuple[str, ...]


@lru_cache(maxsize=1)
def procedural_model() -> ProceduralModel:
    """Build the model (some seconds the first time, the same object afterwards)."""
    columns, rows = _columns(), _rows()
    p, q = (each.ravel() for each in np.meshgrid(columns, rows))
    surface = mean_surface(p, q)
    parts = albedo.regions(p, q)
    whole, skin = albedo.mean_albedo(parts)
    identity = _fill(modes.identity_modes(p, q), modes.IDENTITY, p, q, seed=144, scale=0.9, region=_face_region(p, q))
    mouth_and_eyes = _face_region(p, q) * np.exp(-((np.hypot(p / 60, (q + 40) / 75)) ** 4))
    expression = _fill(
        modes.expression_modes(p, q, surface), modes.EXPRESSION, p, q, seed=64, scale=0.35, region=mouth_and_eyes
    )
    landmarks = _landmarks(columns, rows)
    texture = albedo.texture_modes(p, q, parts)
    coarse_vertices, coarse_triangles, coarse_cells = coarse_grid(columns, rows, landmarks)
    uv = np.stack(((p - CHART_P[0]) / (CHART_P[1] - CHART_P[0]), (CHART_Q[1] - q) / (CHART_Q[1] - CHART_Q[0])), -1)
    return ProceduralModel(
        mean=_tensor(surface),
        identity_basis=_stack(identity),
        expression_basis=_stack(expression),
        mean_albedo=_tensor(whole),
        texture_basis=_stack(texture),
        triangles=grid_triangles(len(rows), len(columns)),
        uv=_tensor(np.clip(uv, 0, 1)),
        landmarks=landmarks,
        mirror=grid_mirror(len(rows), len(columns)),
        skin=torch.from_numpy((_face_region(p, q) > 0.5) & (parts["eyes"] < 0.1) & (parts["mouth"] < 0.1)),
        coarse_vertices=coarse_vertices,
        coarse_triangles=coarse_triangles,
        coarse_cells=coarse_cells,
        name="procedural",
        geometry_id=f"procedural {VERSION}",
        albedo_id=f"procedural {VERSION}",
        chart=_tensor(np.stack((p, q), -1)),
        skin_albedo=_tensor(skin),
        identity_names=tuple(name for name, _ in identity),
        expression_names=tuple(name for name, _ in expression),
        texture_names=tuple(name for name, _ in texture),
    )


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))


def _stack(named: list[tuple[str, np.ndarray]]) -> Tensor:
    return _tensor(np.stack([field for _, field in named]))


def _fill(
    named: list[tuple[str, np.ndarray]],
    count: int,
    p: np.ndarray,
    q: np.ndarray,
    seed: int,
    scale: float,
    region: np.ndarray,
) -> list[tuple[str, np.ndarray]]:
    """Complete named modes with smooth random ones up to ``count``."""
    extra = modes.random_modes(p, q, count - len(named), seed, scale, region)
    return named + [(f"smooth {k}", field) for k, field in enumerate(extra)]


def _face_region(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    return smoothstep(q, -150, -112) * (1 - smoothstep(q, 60, 100)) * (1 - smoothstep(np.abs(p), 75, 120))


def _columns() -> np.ndarray:
    """Chart columns: 1.5 mm apart on the face, wider behind."""
    steps = np.concatenate((np.full(34, 1.5), np.linspace(1.7, 14.0, 30)))
    right = np.cumsum(steps)
    right *= CHART_P[1] / right[-1]
    return np.concatenate((-right[::-1], [0.0], right))


def _rows() -> np.ndarray:
    """Chart rows from the crown down: fine at eyes, nose base and mouth."""
    bands = ((170, 80, 6.0), (80, 30, 3.3), (30, 14, 1.6), (14, -9, 0.9), (-9, -34, 1.8), (-34, -52, 1.2))
    bands += ((-52, -74, 0.75), (-74, -118, 2.2), (-118, -165, 3.5), (-165, -260, 9.0))  # type: ignore[assignment]
    parts = [np.linspace(high, low, round((high - low) / step), endpoint=False) for high, low, step in bands]
    return np.concatenate((*parts, [-260.0]))


def landmark_chart() -> np.ndarray:
    """(68, 2) chart coordinates of the landmarks in the iBUG order, the picture's left first."""
    jaw_p = np.array([-104, -98, -90, -80, -68, -54, -39, -20, 0.0])
    jaw_q = np.array([2, -20, -42, -64, -79, -93, -103, -110, -112.0])
    jaw = np.stack((np.concatenate((jaw_p, -jaw_p[-2::-1])), np.concatenate((jaw_q, jaw_q[-2::-1]))), -1)
    brow = np.array([[-51, 18], [-42, 22.5], [-33, 24], [-23, 23.5], [-13, 21.0]])
    bridge = np.array([[0, 3], [0, -10], [0, -23], [0, -36.0]])
    base = np.array([[-14, -45], [-7, -47], [0, -48.5], [7, -47], [14, -45.0]])
    s = np.array([1.0, 0.36, -0.36, -1.0, -0.36, 0.36])  # outer corner, upper lid, inner corner, lower lid
    eye_p = EYE_X + EYE_HALF * s
    upper, lower = lids(eye_p)
    left_eye = np.stack((-eye_p, np.where(np.arange(6) < 4, upper, lower)), -1)
    right_eye = left_eye[[3, 2, 1, 0, 5, 4]] * [-1, 1]
    return np.concatenate((jaw, brow, brow[::-1] * [-1, 1], bridge, base, left_eye, right_eye, _mouth_landmarks()))


def _mouth_landmarks() -> np.ndarray:
    outer = np.array([-1.0, -0.62, -0.22, 0.0, 0.22, 0.62, 1.0]) * MOUTH_HALF
    inner = np.array([-0.86, -0.4, 0.0, 0.4, 0.86]) * MOUTH_HALF
    top, _ = lip_edges(outer)
    line, gap = mouth_line(inner), mouth_gap(inner)
    low = outer[-2:0:-1]
    return np.concatenate(
        (
            np.stack((outer, np.where(np.abs(outer) >= MOUTH_HALF, mouth_line(outer), top)), -1),
            np.stack((low, lip_edges(low)[1]), -1),
            np.stack((inner, line + gap), -1),
            np.stack((inner[-2:0:-1], (line - gap)[-2:0:-1]), -1),
        )
    )


def _landmarks(columns: np.ndarray, rows: np.ndarray) -> Tensor:
    chart = landmark_chart()
    column = np.abs(columns[None] - chart[:, :1]).argmin(1)
    row = np.abs(rows[None] - chart[:, 1:]).argmin(1)
    return torch.from_numpy(row * len(columns) + column)


__all__ = ["CHART_P", "CHART_Q", "MOUTH_Q", "ProceduralModel", "landmark_chart", "procedural_model"]
