"""A box, a ball and a face find back from a perturbed start: pose and shape, by descent through the renderer."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from occset.models.morphable.procedural import procedural_model
from occset.models.rendering import lighting
from occset.models.rendering.render import render
from tests.models.rendering.meshes import ball, box


def lamp() -> Tensor:
    light = torch.zeros(1, 9)
    light[0, 0] = 0.6 * lighting.AMBIENT
    return light + lighting.directional(torch.tensor([0.5, 0.4, 0.75]), 0.5)


def descend(parameters: list[tuple[Tensor, float]], loss_of: Callable[[], Tensor], steps: int) -> tuple[float, float]:
    """Adam with a falling rate; the first and the last loss."""
    groups = [{"params": [each], "lr": rate} for each, rate in parameters]
    optimiser = torch.optim.Adam(groups, betas=(0.8, 0.95))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps, eta_min=0.0)
    losses = []
    for _ in range(steps):
        optimiser.zero_grad()
        loss = loss_of()
        loss.backward()
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
    return losses[0], losses[-1]


def test_a_box_finds_its_pose_and_its_sides() -> None:
    points, triangles = (each.float() if each.is_floating_point() else each for each in box())
    truth_pose, truth_sides = torch.tensor([[0.5, 0.6, 0.1, 4, -6, -520.0]]), torch.tensor([1.0, 1.2, 0.9])

    def seen(pose: Tensor, sides: Tensor) -> Tensor:
        out = render((points * sides)[None], triangles, torch.full((1, len(points), 3), 0.7), pose, lamp(), 48, 170.0)
        return torch.cat((out.image, out.mask[:, None]), 1)

    target = seen(truth_pose, truth_sides)
    turn = (truth_pose[:, :3] + torch.tensor([[0.12, -0.1, 0.08]])).requires_grad_()
    shift = (truth_pose[:, 3:] + torch.tensor([[5.0, 5, -25]])).requires_grad_()
    sides = (truth_sides * torch.tensor([1.1, 0.9, 1.08])).requires_grad_()

    def loss() -> Tensor:
        return (seen(torch.cat((turn, shift), 1), sides) - target).square().mean()

    first, last = descend([(turn, 0.012), (shift, 1.0), (sides, 0.01)], loss, 100)
    assert last < first / 100
    # size and distance are nearly one in a picture: the size over the distance is what shows
    ratio = sides / (-shift[0, 2]) / (truth_sides / -truth_pose[0, 5])
    assert (turn - truth_pose[:, :3]).abs().max() < 0.02
    assert (ratio - 1).abs().max() < 0.02
    assert (shift[0, :2] / shift[0, 2] - truth_pose[0, 3:5] / truth_pose[0, 5]).abs().max() < 0.001


def test_a_ball_finds_its_place_and_its_radii_from_the_outline_alone() -> None:
    points, triangles = (each.float() if each.is_floating_point() else each for each in ball(16, 24))
    pose, truth = torch.tensor([[0.0, 0, 0, 3, -4, -500]]), torch.tensor([1.0, 1.25, 0.95])

    def outline(shift: Tensor, radii: Tensor) -> Tensor:
        colours = torch.full((1, len(points), 3), 0.5)
        moved = torch.cat((pose[:, :3], shift, pose[:, 5:]), 1)
        return render((points * radii)[None], triangles, colours, moved, lamp(), 48, 150.0).mask

    target = outline(pose[:, 3:5], truth)
    shift, radii = torch.tensor([[-6.0, 6]]).requires_grad_(), torch.tensor([1.2, 1.0, 0.95]).requires_grad_()
    first, last = descend([(shift, 0.8), (radii, 0.02)], lambda: (outline(shift, radii) - target).square().mean(), 80)
    assert last < first / 1000
    assert (shift - pose[:, 3:5]).abs().max() < 0.15
    assert (radii - truth)[:2].abs().max() < 0.01


def test_a_face_finds_its_pose_light_and_shape() -> None:
    model = procedural_model().coarse
    draw = torch.Generator().manual_seed(4)
    truth = {
        "pose": torch.tensor([[0.1, 0.3, -0.05, 2, -12, -900.0]]),
        "identity": torch.zeros(1, 80),
        "texture": torch.zeros(1, 80),
        "light": lamp(),
    }
    truth["identity"][:, :12] = torch.randn(1, 12, generator=draw) * 1.2
    truth["texture"][:, :4] = torch.randn(1, 4, generator=draw)
    expression = torch.zeros(1, 64)

    def seen(pose: Tensor, identity: Tensor, texture: Tensor, light: Tensor) -> Tensor:
        vertices = model.shape(identity, expression)
        out = render(vertices, model.triangles, model.albedo(texture), pose, light, 64, 300.0)
        return torch.cat((out.image, out.mask[:, None]), 1)

    target = seen(**truth)
    turn = torch.tensor([[0.02, 0.18, 0.03]]).requires_grad_()
    shift = torch.tensor([[6.0, -16, -900]]).requires_grad_()
    identity, texture = torch.zeros(1, 80).requires_grad_(), torch.zeros(1, 80).requires_grad_()
    light = torch.zeros(1, 9)
    light[0, 0] = lighting.AMBIENT
    light.requires_grad_()
    far = torch.tensor([[1.0, 1, 0]])  # the distance stays: with the focal length it is hardly seen

    def loss() -> Tensor:
        pose = torch.cat((turn, shift * far + truth["pose"][:, 3:] * (1 - far)), 1)
        misfit = (seen(pose, identity, texture, light) - target).square().mean()
        return misfit + 3e-3 * (identity.square().mean() + texture.square().mean())

    rates = [(turn, 0.012), (shift, 0.5), (identity, 0.06), (texture, 0.04), (light, 0.05)]
    first, last = descend(rates, loss, 100)
    assert last < first / 20
    assert (turn - truth["pose"][:, :3]).abs().max() < 0.02  # from 0.12
    away = (model.shape(identity, expression) - model.shape(truth["identity"], expression)).norm(dim=-1)[0, model.skin]
    start = (model.mean - model.shape(truth["identity"], expression)[0]).norm(dim=-1)[model.skin]
    assert away.mean() < 0.6 * start.mean()
