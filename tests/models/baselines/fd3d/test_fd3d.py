"""FD3D: it looks at the photo and at what NR renders of it, and at no mask."""

from __future__ import annotations

import torch

from occset.dataset.occlusion_set import OcclusionSet
from occset.models.baselines.fd3d.method import FD3D, RECONSTRUCTION
from occset.models.baselines.fd3d.network import FD3DNetwork
from occset.models.baselines.presets import Shape
from tests.models.baselines.tiny import batch_of, task_of


def test_the_render_counts_and_the_mask_does_not() -> None:
    torch.manual_seed(0)
    network = FD3DNetwork(Shape(64, 2, (8, 16), 1)).eval()
    picture, render, hole = torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 64), torch.ones(1, 1, 64, 64)
    with torch.no_grad():
        found = network(picture, hole, render)["painted"]
        assert torch.equal(found, network(picture, 0 * hole, render)["painted"])
        assert not torch.equal(found, network(picture, hole)["painted"])
    assert FD3D.given == ()


def test_the_render_is_of_the_occluded_picture_alone(fitted_set: OcclusionSet) -> None:
    """What the clean face looks like, and its fit, change nothing of it: nothing leaks."""
    task = task_of("fd3d", fitted_set)
    networks, batch = {**task.networks, **task.frozen}, batch_of(task)
    assert set(task.frozen) == {RECONSTRUCTION}
    other = {**batch, "clean": 255 - batch["clean"], "vector": batch["vector"].roll(1, 0), "mask": 255 - batch["mask"]}
    given = task.given(batch)
    render = task.told(networks, batch, given)["render"]
    assert torch.equal(render, task.told(networks, other, given)["render"])
    assert render.shape == given["picture"].shape and 0.1 < (render.sum(1) > 0).float().mean() < 0.9
