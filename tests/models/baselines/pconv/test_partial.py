"""Partial convolutions against sums done by hand."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from occset.models.baselines.pconv.network import PartialConvolution, PartialUNet
from occset.models.baselines.pconv.presets import PRESETS, WEIGHTS
from occset.models.baselines.presets import Shape


def ones(inside: int = 1, stride: int = 1, bias: float = 0.0) -> PartialConvolution:
    """A window of 3 x 3 ones."""
    made = PartialConvolution(inside, 1, 3, stride)
    made.convolution.weight.data.fill_(1.0)
    made.bias.data.fill_(bias)
    return made


def test_what_is_missing_is_made_up_for() -> None:
    """In a 5 x 5 picture of 1 .. 25 two thirds of the window at the centre are unknown: 3 known of 9, so times 3."""
    x = torch.arange(1.0, 26).view(1, 1, 5, 5)
    known = torch.zeros(1, 1, 5, 5)
    known[0, 0, 1, 1:4] = 1  # 7, 8, 9
    found, seen = ones(bias=0.5)(x, known)
    assert found[0, 0, 2, 2].item() == (7 + 8 + 9) * 9 / 3 + 0.5
    assert found[0, 0, 0, 0].item() == 7 * 9 + 0.5  # a corner that knows one pixel
    assert found[0, 0, 4, 2].item() == 0.0  # and nothing, not even the bias, where nothing is known
    assert seen[0, 0].tolist() == [[1, 1, 1, 1, 1]] * 3 + [[0, 0, 0, 0, 0]] * 2


def test_a_border_counts_as_unknown() -> None:
    found, seen = ones()(torch.ones(1, 1, 3, 3), torch.ones(1, 1, 3, 3))
    assert torch.equal(found, torch.full((1, 1, 3, 3), 9.0)) and seen.all()


def test_with_nothing_missing_it_is_a_convolution() -> None:
    torch.manual_seed(0)
    layer, x = PartialConvolution(4, 5, 5, 2), torch.randn(2, 4, 16, 16)
    found, _ = layer(x, torch.ones(2, 1, 16, 16))
    plain = F.conv2d(x, layer.convolution.weight, layer.bias, 2, 2)
    assert torch.allclose(found[..., 1:-1, 1:-1], plain[..., 1:-1, 1:-1], atol=1e-5)


def test_channels_may_know_different_places() -> None:
    """As where a skip connection joins: one channel known, the other not, doubles what is there."""
    x = torch.stack((torch.full((3, 3), 2.0), torch.full((3, 3), 100.0)))[None]
    known = torch.stack((torch.ones(3, 3), torch.zeros(3, 3)))[None]
    found, _ = ones(inside=2)(x, known)
    assert found[0, 0, 1, 1].item() == 18 * 2 * 9 / 9


def test_a_hole_shrinks_by_its_windows_and_is_gone_at_last() -> None:
    known = torch.ones(1, 1, 16, 16)
    known[..., 4:12, 4:12] = 0
    layer, x, left = ones(), torch.zeros(1, 1, 16, 16), []
    for _ in range(5):
        x, known = layer(x, known)
        left.append(int((known == 0).sum()))
    assert left == [36, 16, 4, 0, 0]


def test_counts_are_exact_in_bfloat16() -> None:
    layer, known = PartialConvolution(64, 2, 7), torch.ones(1, 1, 8, 8)
    known[..., 0, 0] = 0
    x = torch.randn(1, 64, 8, 8)
    exact = layer(x, known)[0]
    with torch.autocast("cpu", torch.bfloat16):
        found = layer(x, known)[0]
    assert (exact - found.float()).abs().max() < 0.03 * exact.abs().max()


def test_every_place_is_painted() -> None:
    torch.manual_seed(0)
    network = PartialUNet(Shape(64, 1, (8, 16, 16))).eval()
    hole = torch.zeros(1, 1, 64, 64)
    hole[..., 10:54, 10:54] = 1
    with torch.no_grad():
        painted = network(torch.rand(1, 3, 64, 64), hole)["painted"]
    assert painted.shape == (1, 3, 64, 64) and painted[..., 20:44, 20:44].std() > 0


def test_the_presets_are_the_papers_where_they_say_so() -> None:
    assert (WEIGHTS["valid"], WEIGHTS["hole"], WEIGHTS["tv"]) == (1, 6, 0.1)
    paper = PRESETS["paper"].training
    assert (paper.batch, paper.learning_rate, paper.learning_rate * paper.drop_to) == (6, 2e-4, 5e-5)
    assert PRESETS["paper"].shape.size == 512 and len(PRESETS["paper"].shape.widths) == 8
