"""Unit vertex normals of a batch of meshes, and which triangles face the camera, with a gradient of its own.

The batch lies innermost, (V, B, 3): a vertex of all meshes is one row, so that looking up corners and summing over the
triangles of a vertex costs a batch of eight little more than one mesh.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from occset.models.rendering.topology import Topology

_SMALLEST = 1e-12  # squared length below which a normal is nothing


class _Normals(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, vertices: Tensor, mesh: Topology) -> tuple[Tensor, Tensor]:
        count, batch, _ = vertices.shape
        flat = vertices.reshape(count, batch * 3)
        a, b, c = (F.embedding(mesh.triangles[:, k], flat).view(-1, batch, 3) for k in range(3))
        u, v = b - a, c - a
        normal = torch.linalg.cross(u, v)
        facing = (normal * a).sum(-1) < 0
        total = _sum_at_vertices(normal, mesh.corners // 3, mesh)
        inverse = (total * total).sum(-1, keepdim=True).clamp_min(_SMALLEST).rsqrt()
        unit = total * inverse
        ctx.mesh = mesh
        ctx.save_for_backward(u, v, unit, inverse)
        ctx.mark_non_differentiable(facing)
        return unit, facing

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, None]:
        u, v, unit, inverse = ctx.saved_tensors
        mesh: Topology = ctx.mesh
        count, batch, _ = unit.shape
        gradient = gradients[0]
        gradient = (gradient - unit * (gradient * unit).sum(-1, keepdim=True)) * inverse
        flat = gradient.reshape(count, batch * 3)
        of_face = F.embedding_bag(mesh.triangles, flat, mode="sum").view(-1, batch, 3)
        of_b, of_c = torch.linalg.cross(v, of_face), torch.linalg.cross(of_face, u)
        table = torch.stack((-of_b - of_c, of_b, of_c), 1)
        return _sum_at_vertices(table, mesh.corners, mesh), None


def _sum_at_vertices(values: Tensor, which: Tensor, mesh: Topology) -> Tensor:
    """Sum rows (N, ..., B, 3) of values over the corners of each vertex: (V, B, 3)."""
    batch = values.shape[-2]
    total = F.embedding_bag(which, values.reshape(-1, batch * 3), mesh.starts, mode="sum")
    return total.view(-1, batch, 3)


def normals_and_facing(vertices: Tensor, mesh: Topology) -> tuple[Tensor, Tensor]:
    """Area-weighted unit normals of the vertices, and which triangles show the camera their outside.

    Args:
        vertices: (V, B, 3) camera millimetres, the camera at the origin.
        mesh: of the triangles, which run counter-clockwise seen from outside.

    Returns:
        (V, B, 3) normals, zeros at vertices without a triangle, and (T, B) bool.
    """
    unit, facing = _Normals.apply(vertices, mesh)  # type: ignore[no-untyped-call]
    return unit, facing
