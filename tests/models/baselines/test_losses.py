"""Shared losses against values done by hand, by the numbers of their papers' equations."""

from __future__ import annotations

import pytest
import torch

from occset.models.baselines import losses


def pictures(value: float, side: int = 4, batch: int = 1) -> torch.Tensor:
    return torch.full((batch, 3, side, side), value)


def corner(side: int = 4) -> torch.Tensor:
    mask = torch.zeros(1, 1, side, side)
    mask[..., :2, :2] = 1  # 4 of 16 pixels
    return mask


def test_l1_over_the_picture_and_over_the_mask() -> None:
    painted, clean, mask = pictures(0.5), pictures(0.1), corner()
    assert losses.l1_over_picture(painted, clean, mask).item() == pytest.approx(0.4 * 4 / 16)
    assert losses.l1_over_mask(painted, clean, mask).item() == pytest.approx(0.4)
    assert losses.square_over_mask(painted, clean, mask).item() == pytest.approx(0.16)
    assert losses.l1_over_share(painted, clean, mask).item() == pytest.approx(0.4 / 0.25)
    nothing = torch.zeros_like(mask)
    assert losses.l1_over_mask(painted, clean, nothing) == losses.square_over_mask(painted, clean, nothing) == 0
    assert losses.l1_over_share(painted, clean, nothing).item() == pytest.approx(0.4 / 0.05)


def test_every_picture_of_a_batch_weighs_alike() -> None:
    painted, clean = torch.cat((pictures(1.0), pictures(0.2))), torch.zeros(2, 3, 4, 4)
    mask = torch.cat((corner(), torch.ones(1, 1, 4, 4)))
    assert losses.l1_over_mask(painted, clean, mask).item() == pytest.approx((1.0 + 0.2) / 2)


def test_a_gram_matrix_is_of_products_of_channels() -> None:
    """Two channels of 1 x 2: (1, 2) and (3, 4): products 5, 11 and 25, over C H W = 4."""
    features = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])
    assert losses.gram(features)[0].tolist() == [[5 / 4, 11 / 4], [11 / 4, 25 / 4]]


def test_feature_losses_are_relative() -> None:
    found, wanted = torch.tensor([[[[2.0, 2.0]]]]), torch.tensor([[[[1.0, 1.0]]]])
    perceptual, style = losses.feature_losses([found], [wanted])
    assert perceptual.item() == pytest.approx(1.0)  # | 2 - 1 | / 1
    assert style.item() == pytest.approx(3.0)  # | 4 - 1 | / 1
    again = losses.feature_losses([10 * found], [10 * wanted])
    assert again[0].item() == pytest.approx(1.0) and again[1].item() == pytest.approx(3.0)


def test_variation_counts_pairs_in_the_hole_grown_by_a_pixel() -> None:
    """One bright pixel in a hole of one of 5 x 5: its four neighbours lie in the grown hole, so 4 pairs of 75 values."""
    filled, hole = pictures(0.0, 5), torch.zeros(1, 1, 5, 5)
    filled[..., 2, 2], hole[..., 2, 2] = 1.0, 1.0
    filled[..., 0, 0] = 9.0  # far from the hole: does not count
    assert losses.hole_variation(filled, hole).item() == pytest.approx(3 * 4 / 75)


def test_hinge_losses() -> None:
    real, fake = torch.tensor([2.0, 0.5]), torch.tensor([-3.0, 0.0])
    assert losses.hinge_discriminator(real, fake).item() == pytest.approx((0 + 0.5) / 2 + (0 + 1) / 2)
    assert losses.hinge_generator(fake).item() == pytest.approx(1.5)


def test_least_squares() -> None:
    real, fake = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 2.0])
    assert losses.square_discriminator(real, fake).item() == pytest.approx((0.5 + 2) / 2)
    assert losses.square_generator(fake).item() == pytest.approx((1 + 1) / 2)


def test_the_sum_names_what_it_lacks() -> None:
    parts = {"a": torch.tensor(2.0), "b": torch.tensor(5.0)}
    assert losses.weighted_sum(parts, {"a": 3.0, "b": 0.0}).item() == 6
    with pytest.raises(ValueError, match="lacks c"):
        losses.weighted_sum(parts, {"a": 1.0, "c": 1.0})


def test_a_composite_is_the_picture_outside_the_hole() -> None:
    filled = losses.composite(pictures(1.0), pictures(0.3), corner())
    assert filled[0, 0].tolist()[0] == pytest.approx([1, 1, 0.3, 0.3])
