"""Contextual attention copies what is planted, from nowhere else, and its scores are added up as they should be."""

from __future__ import annotations

import torch

from occset.models.baselines.deepfill_v2.attention import attend, fuse, weights
from occset.models.baselines.deepfill_v2.network import DeepFillDiscriminator
from occset.models.baselines.deepfill_v2.presets import PRESETS
from occset.models.baselines.presets import Shape


def planted() -> tuple[torch.Tensor, torch.Tensor]:
    """A map of 32 x 32 random places, whose hole (rows and columns 20 to 27) holds what stands 16 to its upper left."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, 8, 32, 32, generator=generator)
    x[..., 18:30, 18:30] = x[..., 2:14, 2:14]
    hole = torch.zeros(1, 1, 32, 32)
    hole[..., 20:28, 20:28] = 1
    return x, hole


def test_a_planted_patch_is_copied() -> None:
    x, hole = planted()
    for fused in (False, True):
        found = attend(x, hole, fused)
        inside = (slice(None), slice(None), slice(21, 27), slice(21, 27))
        assert (found[inside] - x[inside]).abs().max() < 1e-3


def test_nothing_is_copied_from_the_hole() -> None:
    x, hole = planted()
    looks = weights(x[..., ::2, ::2], hole[..., ::2, ::2])
    assert looks.shape == (1, 256, 256)
    missing = torch.zeros(16, 16)
    missing[9:15, 9:15] = 1  # the hole at half the sides, rows 10 to 13, and what sees it through a window
    assert looks[0, missing.flatten() > 0].abs().max() == 0
    assert torch.allclose(looks.sum(1), torch.ones(1, 256), atol=1e-5)


def test_where_nothing_is_known_nothing_is_copied() -> None:
    found = attend(torch.randn(1, 4, 8, 8), torch.ones(1, 1, 8, 8))
    assert torch.equal(found, torch.zeros(1, 4, 8, 8))


def test_a_map_that_looks_at_itself_comes_out_as_it_was() -> None:
    """With nothing missing each place finds itself; overlapping patches are averaged, at the border too."""
    _, hole = planted()
    y = torch.randn(1, 16, 16, 16, generator=torch.Generator().manual_seed(1))
    assert (attend(y, hole[..., :16, :16] * 0, fused=False) - y).abs().max() < 1e-3


def test_scores_add_up_along_diagonals_of_rows_and_of_columns() -> None:
    """One score of 1 in a map of 3 x 3: at rows' order and columns' order it reaches its diagonal neighbours."""
    scores = torch.zeros(1, 9, 9)
    scores[0, 4, 4] = 1.0  # the centre looks at the centre
    found = fuse(scores, 3, 3)[0]
    # along rows 3 and 5 (its neighbours to the left and right), then along columns all of these and theirs above and below
    expected = torch.zeros(9, 9)
    for place in (3, 4, 5):
        for step in (-3, 0, 3):
            expected[place + step, place + step] = 1.0
    assert torch.equal(found, expected)


def test_the_discriminator_sees_the_hole_and_keeps_its_norm() -> None:
    torch.manual_seed(0)
    judge = DeepFillDiscriminator(Shape(64, 2, (8, 8)))
    pictures = torch.rand(2, 4, 64, 64)
    for _ in range(20):
        logits, features = judge(pictures)
    assert logits.shape == (2, 1, 8, 8) and [f.shape[1] for f in features] == [8, 8]
    largest = torch.linalg.matrix_norm(judge.levels[0].weight.flatten(1), 2)
    assert abs(float(largest.detach()) - 1) < 0.05


def test_the_paper_preset_is_the_papers() -> None:
    paper = PRESETS["paper"]
    assert (paper.training.batch, paper.training.learning_rate) == (16, 1e-4)
    assert paper.weights["l1"] == 2 * paper.weights["adv"]  # 1 : 1 on values of -1..1
    assert paper.shape.widths == (24, 48, 96) and paper.judge is not None and len(paper.judge.widths) == 6
