"""ArcFace as a torch module: the same embeddings as by onnxruntime, with gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from occset.models.arcface import TEMPLATE, ArcFace, NoArcFace, align, find_arcface
from occset.models.arcface_network import ArcFaceNetwork, alignments
from tests.models.reconstruction.rendered import rendered_faces

SIZE = 128


@pytest.fixture(scope="module")
def network() -> ArcFaceNetwork:
    """Of the file of the extra identity."""
    try:
        return ArcFaceNetwork(find_arcface())
    except NoArcFace as error:
        pytest.skip(str(error))


def faces() -> tuple[np.ndarray, np.ndarray]:
    """Pictures and their five points."""
    items = rendered_faces(4, seed=80)
    points = [np.asarray(item.landmarks, np.float64) for item in items]
    five = [[p[36:42].mean(0), p[42:48].mean(0), p[30], p[48], p[54]] for p in points]
    return np.stack([item.image for item in items]), np.array(five)


def test_the_crop_is_that_of_the_judge() -> None:
    """A picture that holds its own places shows where each pixel of the crop came from."""
    _, five = faces()
    ramp = np.stack(np.meshgrid(np.arange(SIZE), np.arange(SIZE)), -1).astype(np.float32)
    grid = torch.nn.functional.affine_grid(
        torch.from_numpy(alignments(five, SIZE)), [len(five), 3, 112, 112], align_corners=False
    )
    places = torch.from_numpy(ramp).permute(2, 0, 1)[None].expand(len(five), -1, -1, -1)
    came_from = torch.nn.functional.grid_sample(places, grid, align_corners=False, padding_mode="border")
    for face, points in enumerate(five):
        for (x, y), wanted in zip(TEMPLATE, points, strict=True):
            found = came_from[face, :, round(y), round(x)].numpy()
            assert np.linalg.norm(found - wanted) < 6  # the similarity fits the five points, it does not meet each


def test_embeddings_are_those_of_onnxruntime(network: ArcFaceNetwork) -> None:
    images, five = faces()
    judged = ArcFace().embed_aligned(align(images, five))
    pictures = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        found = network(pictures, torch.from_numpy(alignments(five, SIZE))).numpy()
    assert np.einsum("nk,nk->n", judged, found).min() > 0.99  # OpenCV's warp rounds to a 32nd of a pixel
    others = np.einsum("nk,nk->n", judged, np.roll(found, 1, axis=0))
    assert others.max() < 0.99


def test_it_is_a_judge_that_lets_gradients_through_and_never_learns(network: ArcFaceNetwork) -> None:
    images, five = faces()
    pictures = (torch.from_numpy(images[:1]).permute(0, 3, 1, 2).float() / 255).requires_grad_()
    network.train()
    assert not network.training and not any(p.requires_grad for p in network.parameters())
    network(pictures, torch.from_numpy(alignments(five[:1], SIZE)))[0, 0].backward()
    assert pictures.grad is not None and pictures.grad.abs().sum() > 0
