"""Harmonics light against integrals over the sphere, and the camera's conventions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from occset.models.rendering import camera, lighting


def sphere(count: int = 40_000) -> torch.Tensor:
    """Evenly spread directions (Fibonacci)."""
    k = torch.arange(count, dtype=torch.float64) + 0.5
    z, turn = 1 - 2 * k / count, k * math.pi * (1 + 5**0.5)
    r = (1 - z * z).sqrt()
    return torch.stack((r * turn.cos(), r * turn.sin(), z), -1)


def test_harmonics_are_orthonormal() -> None:
    basis = lighting.harmonics(sphere())
    gram = basis.T @ basis * (4 * math.pi / len(basis))
    assert torch.allclose(gram, torch.eye(9, dtype=torch.float64), atol=1e-3)


def test_ambient_light_gives_back_the_albedo() -> None:
    light = torch.zeros(1, 9)
    light[0, 0] = lighting.AMBIENT
    normals = sphere(50).float()[None]
    albedo = torch.rand(1, 50, 3)
    assert torch.allclose(lighting.shade(albedo, normals, light), albedo, atol=1e-5)


def test_irradiance_equals_the_cosine_integral() -> None:
    """Order-2 radiance, integrated against the clamped cosine by brute force."""
    directions = sphere()
    light = torch.randn(1, 9, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    radiance = lighting.harmonics(directions) @ light[0]
    normals = sphere(12)
    cosine = (normals @ directions.T).clamp_min(0)
    slow = (cosine * radiance).sum(-1) * 4 / len(directions)
    assert torch.allclose(lighting.irradiance(normals[None], light)[0, :, 0], slow, atol=2e-3)


def test_three_channels_and_bad_shapes() -> None:
    normals = sphere(7)[None].float()
    light = torch.randn(1, 9, 3)
    coloured = lighting.irradiance(normals, light)
    assert coloured.shape == (1, 7, 3)
    assert torch.allclose(coloured[..., 1:2], lighting.irradiance(normals, light[..., 1]), atol=1e-6)
    with pytest.raises(ValueError, match="9"):
        lighting.irradiance(normals, torch.zeros(1, 4))


def test_a_lamp_lights_the_side_it_shines_on() -> None:
    lamp = torch.nn.functional.normalize(torch.tensor([0.4, 0.5, 0.8]), dim=0)
    light = lighting.directional(lamp, 0.8)[None]
    facing, away = (lighting.irradiance((s * lamp)[None, None], light).item() for s in (1, -1))
    assert facing == pytest.approx(0.8 * 17 / 16, rel=1e-4)  # order 2 overshoots the cosine by 1/16 at its top
    assert abs(away) < 0.1


def test_normals_of_a_sphere_point_outwards() -> None:
    polar, turn = np.meshgrid(np.linspace(0.3, 2.8, 30), np.linspace(-1.2, 1.2, 30), indexing="ij")
    points = np.stack((np.sin(polar) * np.sin(turn), np.cos(polar), np.sin(polar) * np.cos(turn)), -1).reshape(1, -1, 3)
    i = torch.arange(900).view(30, 30)
    a, b, c, d = (each.flatten() for each in (i[:-1, :-1], i[:-1, 1:], i[1:, :-1], i[1:, 1:]))
    triangles = torch.cat((torch.stack((a, c, b), -1), torch.stack((b, c, d), -1)))
    vertices = torch.from_numpy(points)
    normals = lighting.vertex_normals(vertices, triangles)
    inner = np.zeros((30, 30), bool)
    inner[1:-1, 1:-1] = True
    assert ((normals * vertices).sum(-1)[0][torch.from_numpy(inner.ravel())] > 0.999).all()


def test_camera_axes() -> None:
    """x goes right, y up, a nearer point has the smaller distance; the axis hits the middle between pixel centres."""
    points = torch.tensor([[[0.0, 0, 0], [10, 0, 0], [0, 10, 0], [0, 0, 10]]])
    pose = torch.tensor([[0.0, 0, 0, 0, 0, -1000]])
    seen = camera.project(camera.to_camera(points, pose), 1000.0, 101, 201)[0]
    assert seen[0].tolist() == [100, 50, 1000]
    assert seen[1].tolist() == [110, 50, 1000]
    assert seen[2].tolist() == [100, 40, 1000]
    assert seen[3, 2] == 990


def test_rotation_angles() -> None:
    turned = camera.rotation_matrix(torch.tensor([[0.3, 0, 0], [0, 0.3, 0], [0, 0, 0.3]])) @ torch.tensor([0.0, 0, 1])
    assert turned[0, 1] < 0  # positive pitch bows the head
    assert turned[1, 0] > 0  # positive yaw turns the face to the picture's right
    up = camera.rotation_matrix(torch.tensor([[0, 0, 0.3]])) @ torch.tensor([0.0, 1, 0])
    assert up[0, 0] < 0  # positive roll tilts counter-clockwise
    matrix = camera.rotation_matrix(torch.randn(5, 3))
    assert torch.allclose(matrix @ matrix.transpose(1, 2), torch.eye(3).expand(5, 3, 3), atol=1e-5)
