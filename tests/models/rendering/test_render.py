"""Pictures of meshes: what they show, their silhouettes against exact areas, and gradients against finite differences."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from occset.models.morphable.procedural import procedural_model
from occset.models.rendering import camera, lighting
from occset.models.rendering.antialias import Blends, blend
from occset.models.rendering.rasteriser import interpolate, rasterise
from occset.models.rendering.render import Rendered, project, render
from tests.models.rendering.meshes import ball, box

SIZE, FOCAL = 48, 200.0


def lamp() -> Tensor:
    light = torch.zeros(1, 9, dtype=torch.float64)
    light[0, 0] = 0.8 * lighting.AMBIENT
    return light + lighting.directional(torch.tensor([0.5, 0.5, 0.7], dtype=torch.float64), 0.4)


def pose_of(*numbers: float) -> Tensor:
    return torch.tensor([numbers], dtype=torch.float64)


@pytest.fixture(scope="module")
def lumpy() -> dict[str, Tensor]:
    """A lumpy ball of many colours, turned, in double precision."""
    points, triangles = ball()
    draw = torch.Generator().manual_seed(0)
    vertices = points[None] + torch.randn(1, *points.shape, generator=draw, dtype=torch.float64)
    colours = torch.rand(1, *points.shape, generator=draw, dtype=torch.float64) * 0.5 + 0.3
    return {
        "triangles": triangles,
        "vertices": vertices,
        "colours": colours,
        "pose": pose_of(0.2, 0.3, 0.1, 3, -2, -600),
        "light": lamp(),
    }


def picture(given: dict[str, Tensor], **changed: Tensor) -> Rendered:
    given = {**given, **changed}
    order = ("vertices", "triangles", "colours", "pose", "light")
    return render(*(given[name] for name in order), SIZE, FOCAL)  # type: ignore[arg-type]


def image_of(seen: Rendered, weights: Tensor) -> Tensor:
    return (seen.image * weights[:, :3]).sum()


def mask_of(seen: Rendered, weights: Tensor) -> Tensor:
    return (seen.mask * weights[:, 3]).sum()


def area_of(seen: Rendered, weights: Tensor) -> Tensor:
    return seen.mask.sum()


@pytest.mark.parametrize("measure", [image_of, mask_of, area_of])
@pytest.mark.parametrize("name", ["vertices", "colours", "pose", "light"])
def test_gradients_equal_finite_differences(
    lumpy: dict[str, Tensor], name: str, measure: Callable[[Rendered, Tensor], Tensor]
) -> None:
    """Analytic against central differences wherever no pixel changes its triangle, which happens in jumps."""
    draw = torch.Generator().manual_seed(1)
    weights = torch.randn(1, 4, SIZE, SIZE, generator=draw, dtype=torch.float64)
    start = lumpy[name].clone().requires_grad_()
    seen = picture(lumpy, **{name: start})
    (gradient,) = torch.autograd.grad(measure(seen, weights), start)
    if measure is not image_of and name in ("colours", "light"):
        assert (gradient == 0).all()  # the mask knows no colour
        return
    silhouettes = (gradient.abs().sum(-1) > 1e-3).sum() if name == "vertices" else 9
    assert gradient.abs().max() > 0.1 and silhouettes >= 9
    compared, step = 0, 1e-5
    for at in torch.randperm(start.numel(), generator=draw)[:40].tolist():
        values = []
        for sign in (1, -1):
            moved = lumpy[name].clone()
            moved.view(-1)[at] += sign * step
            other = picture(lumpy, **{name: moved})
            if not torch.equal(other.face, seen.face):
                break
            values.append(measure(other, weights).item())
        if len(values) == 2:
            compared += 1
            assert gradient.view(-1)[at].item() == pytest.approx(
                (values[0] - values[1]) / (2 * step), rel=1e-5, abs=1e-6
            )
    assert compared >= (3 if name == "pose" else 9)


def test_large_steps_follow_the_gradient_of_the_silhouette() -> None:
    """Over half a pixel, where pixels do change their triangle: the area of a growing ball against its closed form."""
    points, triangles = ball(60, 90)
    pose = pose_of(0.1, 0.2, 0, 1.3, -0.7, -600)
    colours = torch.ones(1, *points.shape, dtype=torch.float64)
    for scale in (0.9, 0.95, 1.0, 1.013):
        factor = torch.tensor(scale, dtype=torch.float64, requires_grad=True)
        seen = render(points[None] * factor, triangles, colours, pose, lamp(), 96, 420.0)
        (slope,) = torch.autograd.grad(seen.mask.sum(), factor)
        radius, away = 60 * scale, 600.0

        def disc(radius: float, away: float = away) -> float:
            return (
                math.pi * (420 * radius) ** 2 / (away**2 - radius**2)
            )  # the cone that touches the ball, cut by the picture

        exact = (disc(radius * 1.001) - disc(radius * 0.999)) / 0.002 / scale
        assert seen.mask.sum().item() == pytest.approx(disc(radius), rel=0.002)
        assert slope.item() == pytest.approx(exact, rel=0.005)


@pytest.mark.parametrize("turn", [0.0, 0.2, 0.5, math.pi / 4, 1.1])
def test_the_mask_of_a_square_has_its_area_and_moves_with_it(turn: float) -> None:
    corners = torch.tensor([[[-40.0, -40, 0], [40, -40, 0], [40, 40, 0], [-40, 40, 0]]], dtype=torch.float64)
    triangles = torch.tensor([[0, 1, 2], [0, 2, 3]])
    place = torch.tensor([0.37, -0.21], dtype=torch.float64, requires_grad=True)
    side = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    pose = torch.cat((torch.tensor([0, 0, turn], dtype=torch.float64), place, torch.tensor([-500.0]).double()))[None]
    seen = render(corners * side, triangles, torch.ones_like(corners), pose, lamp(), 64, 250.0)
    assert seen.mask.sum().item() == pytest.approx(1600, rel=2e-3)  # 80 mm at half a pixel each
    assert seen.mask.min() >= 0 and seen.mask.max() <= 1
    assert ((seen.mask > 0.02) & (seen.mask < 0.98)).sum() > 60
    column = torch.arange(64, dtype=torch.float64)
    shift = (seen.mask * column).sum() / 1600
    along, growth = (
        torch.autograd.grad(shift, place, retain_graph=True)[0],
        torch.autograd.grad(seen.mask.sum(), side)[0],
    )
    assert along.tolist() == pytest.approx([0.5, 0], abs=0.02)  # a millimetre moves it by half a pixel
    assert growth.item() == pytest.approx(3200, rel=0.02)


def test_inside_it_equals_the_plain_rasteriser(lumpy: dict[str, Tensor]) -> None:
    lumpy = {**lumpy, "vertices": ball()[0][None]}  # a round ball has no silhouettes within its outline
    seen = picture(lumpy)
    inside = camera.to_camera(lumpy["vertices"], lumpy["pose"])
    normals = lighting.vertex_normals(inside, lumpy["triangles"])
    shaded = lighting.shade(lumpy["colours"], normals, lumpy["light"])
    raster = rasterise(camera.project(inside, FOCAL, SIZE, SIZE), lumpy["triangles"], SIZE, SIZE, cull=True)
    plain = interpolate(shaded, lumpy["triangles"], raster)[0]
    interior = seen.mask[0] == 1
    assert torch.equal(seen.face, raster.face)
    assert interior.sum() > 1000
    assert torch.allclose(seen.image[0].permute(1, 2, 0)[interior], plain[interior], atol=1e-12)
    assert torch.allclose(seen.depth, raster.depth, atol=1e-9)
    assert (seen.image[0].permute(1, 2, 0)[seen.mask[0] == 0] == 0).all()


def test_a_silhouette_inside_the_mesh_is_soft_too() -> None:
    """A small square before a large one: its border is blended with what lies behind, and only there."""
    square = torch.tensor([[-1.0, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], dtype=torch.float64)
    vertices = torch.cat((square * 90, square * 30 + torch.tensor([0.4, 0, 50.0])))[None]
    triangles = torch.tensor([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]])
    colours = torch.cat((torch.full((4, 3), 0.2), torch.full((4, 3), 0.9)))[None].double()
    light = torch.zeros(1, 9, dtype=torch.float64)
    light[0, 0] = lighting.AMBIENT
    seen = render(vertices, triangles, colours, pose_of(0, 0, 0.3, 0, 0, -500), light, 64, 250.0)
    level = seen.image[0, 0][seen.mask[0] == 1]
    mixed = (level > 0.21) & (level < 0.89)
    assert 40 < mixed.sum() < 200
    bright = (seen.image[0, 0][seen.mask[0] == 1] - 0.2).sum() / 0.7
    assert bright.item() == pytest.approx((60 * 250 / 450) ** 2, rel=0.004)
    sharp = rasterise(project_all(vertices, pose_of(0, 0, 0.3, 0, 0, -500), 64, 250.0), triangles, 64, 64, cull=True)
    assert abs((sharp.face >= 2).sum().item() / (60 * 250 / 450) ** 2 - 1) > 1e-4  # counted pixels are not that exact


def project_all(points: Tensor, pose: Tensor, size: int, focal: float) -> Tensor:
    return camera.project(camera.to_camera(points, pose), focal, size, size)


def test_a_pixel_that_is_all_border_stays_between_its_neighbours() -> None:
    """Four crossings of one half each must not take more from a pixel than there is."""
    pictures = torch.tensor([[1.0], [0], [0], [0], [0]])
    found = Blends(torch.zeros(4, dtype=torch.int64), torch.arange(1, 5), torch.full((4,), 0.5))
    assert blend(pictures, found).flatten().tolist() == [0, 0, 0, 0, 0]
    found = Blends(torch.tensor([0, 0]), torch.tensor([1, 2]), torch.tensor([0.25, 0.5]))
    assert blend(pictures, found)[0].item() == pytest.approx(0.25)


def test_a_batch_is_its_pictures_and_colour_of_light_counts(lumpy: dict[str, Tensor]) -> None:
    three = {
        name: each if name == "triangles" else each.repeat(3, *[1] * (each.ndim - 1)) for name, each in lumpy.items()
    }
    three["pose"] = three["pose"] + torch.arange(3)[:, None] * 0.1
    three["light"] = three["light"][..., None] * torch.tensor([1.0, 0.8, 0.5])
    together = picture(three)
    for k in range(3):
        alone = picture({name: each if name == "triangles" else each[k : k + 1] for name, each in three.items()})
        for name in ("image", "mask", "depth", "face"):
            assert torch.allclose(getattr(together, name)[k], getattr(alone, name)[0], atol=1e-12), name
    assert together.image.shape == (3, 3, SIZE, SIZE) and together.image.dtype == torch.float64
    assert together.image[0, 2].sum() < 0.8 * together.image[0, 0].sum()


def test_known_visibility_gives_the_same_picture(lumpy: dict[str, Tensor]) -> None:
    first = picture(lumpy)
    again = render(
        lumpy["vertices"],
        lumpy["triangles"],
        lumpy["colours"],
        lumpy["pose"],
        lumpy["light"],
        SIZE,
        FOCAL,
        face=first.face,
    )
    assert torch.equal(again.image, first.image) and torch.equal(again.mask, first.mask)
    moved = lumpy["pose"] + torch.tensor([0, 0, 0, 4.0, 0, 0])
    stale = picture({**lumpy, "pose": moved}, vertices=lumpy["vertices"])
    assert not torch.equal(stale.face, first.face)
    reused = render(
        lumpy["vertices"], lumpy["triangles"], lumpy["colours"], moved, lumpy["light"], SIZE, FOCAL, face=first.face
    )
    assert torch.equal(reused.face, first.face) and reused.image.isfinite().all()


def test_points_are_projected_as_the_camera_says() -> None:
    points = torch.tensor([[[0.0, 0, 0], [10, 0, 0], [0, 10, 100]]])
    seen = project(points, torch.tensor([[0.0, 0, 0, 0, 0, -1000]]), 101, 1000.0)
    assert seen[0].tolist() == [[50, 50], [60, 50], [50, pytest.approx(50 - 10 * 1000 / 900)]]


def test_the_back_of_a_box_is_not_drawn_and_can_be() -> None:
    points, triangles = box()
    colours = torch.ones(1, *points.shape, dtype=torch.float64)
    pose = pose_of(0.5, 0.6, 0, 0, 0, -500)
    outside = render(points[None], triangles, colours, pose, lamp(), 64, 250.0)
    inside_out = render(points[None], triangles.flip(1), colours, pose, lamp(), 64, 250.0)
    both = render(points[None], triangles.flip(1), colours, pose, lamp(), 64, 250.0, cull=False)
    covered = outside.mask > 0
    assert (outside.depth[covered & (inside_out.depth > 0)] < inside_out.depth[covered & (inside_out.depth > 0)]).all()
    assert torch.allclose(both.mask, outside.mask, atol=1e-12) and torch.equal(both.face, outside.face)


@pytest.mark.parametrize("distance", [-2000.0, -160.0, -20.0, 50.0])
def test_meshes_at_the_camera_and_behind_it_give_no_nan(distance: float) -> None:
    points, triangles = ball()
    vertices = points[None].float().requires_grad_()
    seen = render(
        vertices,
        triangles,
        torch.ones_like(vertices),
        pose_of(0, 0, 3.1, 0, 0, distance).float(),
        lamp().float(),
        32,
        60.0,
    )
    assert all(each.isfinite().all() for each in (seen.image, seen.mask, seen.depth))
    assert (seen.mask.sum() > 0) == (distance < -100)
    (seen.image.sum() + seen.mask.sum()).backward()
    assert vertices.grad is not None and vertices.grad.isfinite().all()


def test_bad_shapes_are_told() -> None:
    points, triangles = ball()
    vertices, pose = points[None], pose_of(0, 0, 0, 0, 0, -500)
    with pytest.raises(ValueError, match=r"colours must be \(1, 242, 3\)"):
        render(vertices, triangles, vertices[:, :9], pose, lamp(), 8, 9.0)
    with pytest.raises(ValueError, match=r"pose must be \(1, 6\)"):
        render(vertices, triangles, vertices, pose[:, :5], lamp(), 8, 9.0)
    with pytest.raises(ValueError, match=r"0\.\.241"):
        render(vertices, triangles + 5, vertices, pose, lamp(), 8, 9.0)
    with pytest.raises(ValueError, match=r"face must be \(1, 8, 8\)"):
        render(vertices, triangles, vertices, pose, lamp(), 8, 9.0, face=torch.zeros(1, 4, 4, dtype=torch.int64))


def test_a_face_is_drawn_whole() -> None:
    """The coarse mesh of the procedural model shows no hole and nearly the outline of the full one."""
    model = procedural_model()
    light = lamp().float()
    pose = pose_of(0.1, 0.4, 0, 0, 0, -1000).float()
    coarse = model.coarse
    seen = render(coarse.mean[None], coarse.triangles, coarse.mean_albedo[None], pose, light, 96, 450.0)
    full = render(model.mean[None], model.triangles, model.mean_albedo[None], pose, light, 96, 450.0)
    inside = (seen.mask == 1) & (full.mask == 1)
    assert inside.sum() > 2000
    assert (full.mask[seen.mask > 0.99] > 0.8).all()  # the coarse one covers a part of the head
    assert (seen.depth - full.depth)[inside].abs().median() < 0.5
    assert (seen.image - full.image).abs().mean(1)[inside].mean() < 0.02
