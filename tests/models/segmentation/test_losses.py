"""Dice and OHEM against values worked by hand, and their gradients against finite differences."""

from __future__ import annotations

import math

import pytest
import torch

from occset.models.segmentation.losses import dice_loss, ohem_bce_loss


def logit(p: float) -> float:
    return math.log(p / (1 - p))


def picture(values: list[float]) -> torch.Tensor:
    """One picture of one row, as (1, 1, 1, W)."""
    return torch.tensor(values, dtype=torch.float64).view(1, 1, 1, -1)


def test_dice_of_a_picture_worked_by_hand() -> None:
    # P = .5 .5 .25 .75, T = 1 0 0 1: sum PT = 1.25, sum P = 2, sum T = 2, so 1 - 2.5 / 4
    logits, target = picture([0, 0, logit(0.25), logit(0.75)]), picture([1, 0, 0, 1])
    assert dice_loss(logits, target, smooth=0).item() == pytest.approx(0.375)
    assert dice_loss(logits, target, smooth=1).item() == pytest.approx(1 - 3.5 / 5)


def test_dice_is_the_mean_of_pictures_and_not_pooled() -> None:
    perfect, empty = picture([40, 40, -40, -40]), picture([-40, -40, -40, -40])
    target = picture([1, 1, 0, 0])
    both = dice_loss(torch.cat([perfect, empty]), torch.cat([target, target]), smooth=0)
    assert both.item() == pytest.approx(0.5)  # 0 and 1; pooled over pixels it would be 1 - 4 / 6


def test_dice_of_a_picture_without_face_is_finite_and_lowest_for_nothing() -> None:
    target = picture([0, 0, 0, 0])
    nothing, everything = dice_loss(picture([-40] * 4), target), dice_loss(picture([40] * 4), target)
    assert nothing.item() == pytest.approx(0)
    assert everything.item() == pytest.approx(1 - 1 / 5)


def test_ohem_keeps_the_hardest_pixels_of_each_picture() -> None:
    # losses -log(.9), -log(.5), -log(.2), -log(.6)
    first = picture([logit(0.9), 0, logit(0.2), logit(0.6)])
    target = picture([1, 1, 1, 1])
    hardest = [-math.log(p) for p in (0.2, 0.5, 0.6, 0.9)]
    for keep, count in ((0.25, 1), (0.5, 2), (0.75, 3), (1.0, 4)):
        assert ohem_bce_loss(first, target, keep).item() == pytest.approx(sum(hardest[:count]) / count)
    easy = picture([40, 40, 40, 40])
    together = ohem_bce_loss(torch.cat([first, easy]), torch.cat([target, target]), 0.5)
    # two of each picture, not four of the batch: the easy picture counts with its zeros
    assert together.item() == pytest.approx((hardest[0] + hardest[1]) / 4)


def test_ohem_of_everything_is_plain_cross_entropy() -> None:
    torch.manual_seed(0)
    logits, target = torch.randn(3, 1, 5, 7), torch.rand(3, 1, 5, 7)
    plain = torch.nn.functional.binary_cross_entropy_with_logits(logits, target)
    torch.testing.assert_close(ohem_bce_loss(logits, target, 1.0), plain)


@pytest.mark.parametrize("keep", [0.0, -0.1, 1.01])
def test_ohem_refuses_a_share_that_is_none(keep: float) -> None:
    with pytest.raises(ValueError, match="share"):
        ohem_bce_loss(picture([0]), picture([0]), keep)


def test_gradient_of_ohem_reaches_kept_pixels_alone() -> None:
    logits = picture([logit(0.9), 0, logit(0.2), logit(0.6)]).requires_grad_()
    ohem_bce_loss(logits, picture([1, 1, 1, 1]), 0.5).backward()
    # d/dx of -log(sigmoid(x)) is p - 1, halved by the mean over two pixels
    torch.testing.assert_close(logits.grad, picture([0, (0.5 - 1) / 2, (0.2 - 1) / 2, 0]))


def test_gradient_of_dice_worked_by_hand() -> None:
    logits = picture([0, 0]).requires_grad_()
    dice_loss(logits, picture([1, 0]), smooth=0).backward()
    # L = 1 - 2 p1 / (p1 + p2 + 1); at p = .5: dL/dp1 = -(2 * 2 - 1) / 4, dL/dp2 = 1 / 4, and dp/dx = 1 / 4
    torch.testing.assert_close(logits.grad, picture([-0.75 / 4, 0.25 / 4]))


@pytest.mark.parametrize("loss", [dice_loss, lambda x, t: ohem_bce_loss(x, t, 0.4)])
def test_gradients_against_finite_differences(loss: object) -> None:
    torch.manual_seed(1)
    logits = torch.randn(2, 1, 3, 5, dtype=torch.float64, requires_grad=True)
    target = torch.rand(2, 1, 3, 5, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: loss(x, target), (logits,))  # type: ignore[operator]
