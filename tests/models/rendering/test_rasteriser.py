"""The rasteriser against a plain loop, closed surfaces, exact perspective and finite differences."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from experiments.speed.rasteriser import bumpy_head, plain_loop
from occset.models.rendering.camera import project
from occset.models.rendering.rasteriser import interpolate, rasterise


def random_mesh(seed: int, side: int, count: int, largest: float) -> tuple[torch.Tensor, torch.Tensor]:
    draw = np.random.default_rng(seed)
    middle = draw.uniform(-4, side + 4, (count, 1, 2))
    corners = middle + draw.normal(0, largest, (count, 3, 2))
    depth = draw.uniform(300, 900, (count, 3, 1))
    vertices = np.concatenate((corners, depth), -1).reshape(1, -1, 3)
    return torch.from_numpy(vertices.astype(np.float32)), torch.arange(3 * count).view(-1, 3)


@pytest.mark.parametrize(("seed", "largest"), [(0, 1.0), (1, 4.0), (2, 15.0), (3, 60.0)])
def test_index_map_equals_a_plain_loop(seed: int, largest: float) -> None:
    vertices, triangles = random_mesh(seed, 48, 60, largest)
    ours = rasterise(vertices, triangles, 40, 48).face[0].numpy()
    # the loop gets the corners on the same 1/256 pixel grid, so that only ties may differ
    snapped = vertices[0].numpy().copy()
    snapped[:, :2] = np.round(snapped[:, :2] * 256) / 256
    slow = plain_loop(snapped, triangles.numpy(), 40, 48)
    assert (slow >= 0).sum() > 20
    assert (ours != slow).sum() <= 1


def test_depth_and_weights_belong_to_the_nearest_triangle() -> None:
    near_and_far = torch.tensor([[[0.0, 0, 500], [20, 0, 500], [0, 20, 500], [0, 0, 400], [20, 0, 400], [0, 20, 400]]])
    raster = rasterise(near_and_far, torch.tensor([[0, 1, 2], [3, 4, 5]]), 16, 16)
    covered = raster.face[0] >= 0
    assert (raster.face[0][covered] == 1).all()
    assert torch.allclose(raster.depth[0][covered], torch.tensor(400.0))
    assert torch.allclose(raster.barycentric[0][covered].sum(-1), torch.tensor(1.0))
    assert (raster.barycentric[0][~covered] == 0).all() and (raster.depth[0][~covered] == 0).all()


def test_culling_keeps_what_faces_the_camera() -> None:
    front = torch.tensor([[[2.0, 12, 9], [12, 12, 9], [2, 2, 9]]])  # counter-clockwise as seen, y down
    assert (rasterise(front, torch.tensor([[0, 1, 2]]), 16, 16, cull=True).face >= 0).any()
    assert not (rasterise(front, torch.tensor([[0, 2, 1]]), 16, 16, cull=True).face >= 0).any()


@pytest.mark.parametrize("shift", [0.0, 0.123, 0.5, 1 / 3])
def test_a_closed_surface_has_no_holes(shift: float) -> None:
    points, triangles = bumpy_head(61, 60)
    points[:, :2] += shift
    covered = (rasterise(torch.from_numpy(points)[None], torch.from_numpy(triangles), 224, 224).face[0] >= 0).numpy()
    # a hole is a patch of background that does not reach the border; the ball touches none
    patches, _ = cv2.connectedComponents((~covered).astype(np.uint8), connectivity=4)
    assert patches == 2, "one label for the ball, one for the background around it"
    assert covered.sum() > 25_000


def test_a_flat_grid_covers_every_pixel_between_its_borders() -> None:
    draw = np.random.default_rng(5)
    x, y = np.meshgrid(np.linspace(-3, 35, 20), np.linspace(-3, 35, 20))
    x[1:-1, 1:-1] += draw.uniform(-0.9, 0.9, (18, 18))
    y[1:-1, 1:-1] += draw.uniform(-0.9, 0.9, (18, 18))
    vertices = torch.from_numpy(np.stack((x, y, np.full_like(x, 5)), -1).reshape(1, -1, 3)).float()
    i = torch.arange(400).view(20, 20)
    a, b, c, d = (each.flatten() for each in (i[:-1, :-1], i[:-1, 1:], i[1:, :-1], i[1:, 1:]))
    triangles = torch.cat((torch.stack((a, b, c), -1), torch.stack((b, d, c), -1)))
    assert (rasterise(vertices, triangles, 32, 32).face >= 0).all()


def test_interpolation_is_perspective_correct() -> None:
    # a slanted plane X, Y -> Z known in closed form: attributes are the camera coordinates themselves
    corners = torch.tensor([[[-60.0, -50, -300], [70, -40, -900], [0, 80, -500]]], dtype=torch.float64)
    focal, side = 120.0, 64
    triangles = torch.tensor([[0, 1, 2]])
    raster = rasterise(project(corners, focal, side, side), triangles, side, side)
    found = interpolate(corners, triangles, raster)[0]
    row, column = (raster.face[0] >= 0).nonzero(as_tuple=True)
    assert len(row) > 100
    normal = torch.linalg.cross(corners[0, 1] - corners[0, 0], corners[0, 2] - corners[0, 0])
    middle = (side - 1) / 2
    ray = torch.stack(((column - middle) / focal, -(row - middle) / focal, -torch.ones(len(row))), -1).double()
    hit = ray * ((normal @ corners[0, 0]) / (ray @ normal))[:, None]
    assert torch.allclose(found[row, column], hit, atol=1e-6)
    assert torch.allclose(raster.depth[0, row, column], -hit[:, 2], atol=1e-6)


def test_gradients_of_attributes_and_vertices_match_finite_differences() -> None:
    vertices, triangles = random_mesh(7, 24, 6, 9.0)
    vertices = vertices.double()
    face = rasterise(vertices, triangles, 24, 24).face
    draw = torch.Generator().manual_seed(0)
    weights = torch.randn(1, 24, 24, 2, generator=draw, dtype=torch.float64)
    attributes = torch.randn(vertices.shape[1], 2, generator=draw, dtype=torch.float64)

    def loss(points: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        raster = rasterise(points, triangles, 24, 24)
        assert (raster.face == face).all()
        return (interpolate(values, triangles, raster) * weights).sum()

    points, values = vertices.clone().requires_grad_(), attributes.clone().requires_grad_()
    loss(points, values).backward()
    assert values.grad is not None and points.grad is not None
    assert values.grad.abs().sum() > 1 and points.grad.abs().sum() > 0.01
    step = 1e-5
    for target, gradient, at in (
        (attributes, values.grad, (4, 1)),
        (vertices, points.grad, (0, 4, 0)),
        (vertices, points.grad, (0, 7, 2)),
    ):
        up, down = target.clone(), target.clone()
        up[at] += step
        down[at] -= step
        high = loss(up if target is vertices else vertices, up if target is attributes else attributes)
        low = loss(down if target is vertices else vertices, down if target is attributes else attributes)
        assert gradient[at].item() == pytest.approx(((high - low) / (2 * step)).item(), rel=1e-4, abs=1e-7)


def test_what_cannot_be_drawn_is_left_out() -> None:
    bad = torch.tensor([[[2.0, 2, -5], [9, 2, 5], [2, 9, 5], [3, 3, 5], [3, 3, 5], [3, 3, 5], [float("nan"), 2, 5]]])
    assert (rasterise(bad, torch.tensor([[0, 1, 2], [3, 4, 5], [6, 1, 2]]), 16, 16).face == -1).all()
    with pytest.raises(ValueError, match=r"\(B, V, 3\)"):
        rasterise(torch.zeros(4, 3), torch.zeros(1, 3), 4, 4)
