"""Light as nine spherical-harmonics coefficients (order 2), for one grey channel or for three.

With real harmonics ``Y_lm`` of the normal and light coefficients ``L_lm``, a Lambertian surface receives
``E(n) = sum A_l L_lm Y_lm(n)`` where ``A = (pi, 2 pi / 3, pi / 4)``. Radiosity is ``albedo * E / pi``: the division is
done here, so that ``shade(albedo, normals, light)`` returns ``albedo`` itself under ambient light of radiance one.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

COEFFICIENTS = 9
AMBIENT = 2 * math.sqrt(math.pi)
"""The first coefficient of light with radiance one from everywhere: ``1 / Y_00``."""

_Y0 = 0.5 / math.sqrt(math.pi)
_Y1 = math.sqrt(3 / (4 * math.pi))
_Y2 = math.sqrt(15 / (4 * math.pi))
_Y20 = math.sqrt(5 / (16 * math.pi))
_Y22 = math.sqrt(15 / (16 * math.pi))
_LAMBERT = (1.0, 2 / 3, 2 / 3, 2 / 3, 0.25, 0.25, 0.25, 0.25, 0.25)  # A_l / pi


def harmonics(directions: Tensor) -> Tensor:
    """The nine real harmonics of unit directions (..., 3) as (..., 9), ordered 00, 1-1, 10, 11, 2-2, 2-1, 20, 21, 22."""
    x, y, z = directions.unbind(-1)
    return torch.stack(
        (
            torch.full_like(x, _Y0),
            _Y1 * y,
            _Y1 * z,
            _Y1 * x,
            _Y2 * x * y,
            _Y2 * y * z,
            _Y20 * (3 * z * z - 1),
            _Y2 * x * z,
            _Y22 * (x * x - y * y),
        ),
        -1,
    )


def irradiance(normals: Tensor, light: Tensor) -> Tensor:
    """Irradiance over pi of unit normals (B, ..., 3) under ``light``.

    Args:
        normals: (B, ..., 3) unit vectors, in the axes that the light is given in (the camera's).
        light: (B, 9) for one grey channel, or (B, 9, C).

    Returns:
        (B, ..., 1) or (B, ..., C), not clamped: an order-2 light may be slightly negative behind a lamp.
    """
    if light.ndim == 2:
        light = light[..., None]
    if light.shape[1] != COEFFICIENTS:
        raise ValueError(f"light must be (B, 9) or (B, 9, C), not {tuple(light.shape)}")
    basis = harmonics(normals) * normals.new_tensor(_LAMBERT)
    flat = basis.reshape(basis.shape[0], -1, COEFFICIENTS) @ light.to(basis.dtype)
    return flat.reshape(*normals.shape[:-1], light.shape[-1])


def shade(albedo: Tensor, normals: Tensor, light: Tensor) -> Tensor:
    """``albedo * max(E(n) / pi, 0)``: albedo (B, ..., 3) 0..1 and unit normals (B, ..., 3) to colours (B, ..., 3)."""
    return albedo * irradiance(normals, light).clamp_min(0)


def directional(direction: Tensor, radiance: float | Tensor = 1.0) -> Tensor:
    """The nine coefficients of a lamp far away whose light falls from ``direction`` (..., 3) (unit, towards the lamp).

    ``radiance`` is the irradiance over pi of a surface that faces the lamp, before the cut to order 2.
    """
    return harmonics(direction) * math.pi * radiance


def vertex_normals(vertices: Tensor, triangles: Tensor) -> Tensor:
    """Unit normals (B, V, 3) of meshes (B, V, 3), area weighted; outward where triangles run counter-clockwise."""
    corners = vertices[:, triangles.long()]
    faces = torch.cross(corners[:, :, 1] - corners[:, :, 0], corners[:, :, 2] - corners[:, :, 0], dim=-1)
    total = torch.zeros_like(vertices)
    for corner in range(3):
        total = total.index_add(1, triangles[:, corner].long(), faces)
    return torch.nn.functional.normalize(total, dim=-1)
