"""What a pixel's mirror image shows, on a mesh where that can be written down."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from occset.models.rendering.mirrored import Mirrored, mirrored
from occset.models.rendering.render import render

SIZE, FOCAL, AWAY = 64, 200.0, -400.0


def wall(steps: int = 16, half: float = 50.0) -> tuple[Tensor, Tensor, Tensor]:
    """A square of side 100 mm before the camera: vertices, triangles, and the mirror vertex of each."""
    axis = torch.linspace(-half, half, steps + 1)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    vertices = torch.stack((x, y, torch.zeros_like(x)), -1).reshape(-1, 3)
    index = torch.arange((steps + 1) ** 2).view(steps + 1, steps + 1)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    triangles = torch.cat((torch.stack((a, b, c), -1).reshape(-1, 3), torch.stack((a, c, d), -1).reshape(-1, 3)))
    return vertices, triangles, index.flip(1).reshape(-1)


def seen(picture: Tensor, visible: Tensor, pose: Tensor) -> tuple[Mirrored, Tensor]:
    vertices, triangles, mirror = wall()
    light = torch.zeros(1, 9)
    drawn = render(vertices[None], triangles, torch.ones(1, len(vertices), 3), pose, light, SIZE, FOCAL)
    found = mirrored(picture, visible, vertices[None], triangles, mirror, pose, FOCAL, drawn.face)
    return found, drawn.face[0] >= 0


def frontal() -> Tensor:
    return torch.tensor([[0.0, 0.0, 0.0, 0.0, 0.0, AWAY]])


def test_a_frontal_wall_shows_its_mirror_image() -> None:
    picture = torch.rand(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    found, there = seen(picture, torch.ones(1, 1, SIZE, SIZE), frontal())
    inside = there & there.flip(1)
    assert inside.sum() > 2000
    assert found.valid[0, 0][inside].all() and not found.valid[0, 0][~there].any()
    # the camera's axis meets the middle of the picture, so that mirroring the mesh is flipping the picture
    expected = picture.flip(3)
    assert torch.allclose(found.texture[0][:, inside], expected[0][:, inside], atol=2e-3)


def test_what_is_not_visible_is_never_looked_at() -> None:
    picture = torch.full((1, 3, SIZE, SIZE), 0.5)
    visible = torch.ones(1, 1, SIZE, SIZE)
    visible[..., :, :30] = 0
    poisoned = torch.where(visible > 0.5, picture, torch.full_like(picture, 1e6))
    found, there = seen(poisoned, visible, frontal())
    assert found.texture.max() <= 0.5 + 1e-5
    right = there.clone()
    right[:, :36] = False
    assert not found.valid[0, 0][right].any()  # its other half is the hidden left one
    left = there.clone()
    left[:, 26:] = False
    assert found.valid[0, 0][left & there.flip(1)].all()


def test_a_half_seen_from_the_side_is_not_known() -> None:
    """A roof whose one half nearly lies in the line of sight: nothing is taken from that half."""
    vertices, triangles, mirror = wall()
    vertices = vertices.clone()
    vertices[:, 2] = -vertices[:, 0].abs() * 2  # a ridge towards the camera
    turned = torch.tensor([[0.0, 0.7, 0.0, 0.0, 0.0, AWAY]])
    drawn = render(vertices[None], triangles, torch.ones(1, len(vertices), 3), turned, torch.zeros(1, 9), SIZE, FOCAL)
    picture, visible = torch.rand(1, 3, SIZE, SIZE), torch.ones(1, 1, SIZE, SIZE)
    found = mirrored(picture, visible, vertices[None], triangles, mirror, turned, FOCAL, drawn.face)
    there = drawn.face[0] >= 0
    assert there.sum() > 300
    assert found.valid[0, 0][there].mean() < 0.2


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_colours_stay_in_range(value: float) -> None:
    found, _ = seen(torch.full((1, 3, SIZE, SIZE), value), torch.ones(1, 1, SIZE, SIZE), frontal())
    assert found.texture.min() >= 0 and found.texture.max() <= 1 + 1e-6
