"""Small closed meshes for the tests of the renderer: a ball and a box, wound counter-clockwise seen from outside."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def ball(rings: int = 12, around: int = 20, radius: float = 60.0) -> tuple[Tensor, Tensor]:
    """Vertices (V, 3) float64 millimetres and triangles (T, 3)."""
    polar = torch.linspace(0, math.pi, rings + 2, dtype=torch.float64)[1:-1, None]
    turn = torch.arange(around, dtype=torch.float64) * 2 * math.pi / around
    points = torch.stack((polar.sin() * turn.sin(), polar.cos().expand(-1, around), polar.sin() * turn.cos()), -1)
    poles = torch.tensor([[0.0, 1, 0], [0, -1, 0]], dtype=torch.float64)
    top, bottom = rings * around, rings * around + 1
    triangles = []
    for j in range(around):
        right = (j + 1) % around
        triangles += [[top, j, right], [bottom, bottom - 1 - around + right, bottom - 1 - around + j]]
        for i in range(rings - 1):
            a, b, c, d = i * around + j, i * around + right, (i + 1) * around + j, (i + 1) * around + right
            triangles += [[a, c, b], [b, c, d]]
    return torch.cat((points.reshape(-1, 3), poles)) * radius, torch.tensor(triangles)


def box(side: float = 80.0) -> tuple[Tensor, Tensor]:
    """24 vertices (each face has its own four, so that its normals are its own) and 12 triangles."""
    vertices, triangles = [], []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            normal, u = torch.zeros(3), torch.zeros(3)
            normal[axis], u[(axis + 1) % 3] = sign, 1.0
            v = torch.linalg.cross(normal, u)
            start = len(vertices)
            vertices += [normal + a * u + b * v for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
            triangles += [[start, start + 1, start + 2], [start, start + 2, start + 3]]
    return torch.stack(vertices).double() * side / 2, torch.tensor(triangles)
