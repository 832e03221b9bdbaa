"""Feature matching, R1 and DiffAugment against values worked by hand."""

from __future__ import annotations

import pytest
import torch

from occset.models.inpainting.adversarial import (
    R1_EVERY,
    Augmentation,
    draw_augmentation,
    feature_matching_loss,
    lazy_r1,
    r1_penalty,
)


def test_feature_matching_is_the_mean_over_levels_and_moves_the_fake_alone() -> None:
    real = [torch.zeros(1, 2, 2, 2, requires_grad=True), torch.full((1, 1, 1, 1), 5.0)]
    fake = [torch.full((1, 2, 2, 2), 0.5, requires_grad=True), torch.full((1, 1, 1, 1), 2.0)]
    loss = feature_matching_loss(real, fake)
    assert loss.item() == pytest.approx((0.5 + 3) / 2)
    loss.backward()
    assert fake[0].grad is not None
    assert real[0].grad is None
    with pytest.raises(ValueError, match="shorter"):
        feature_matching_loss(real, fake[:1])


def test_r1_is_the_squared_slope() -> None:
    weights = torch.tensor([3.0, 4.0]).view(1, 1, 1, 2).requires_grad_()
    penalty = r1_penalty(lambda x: (weights * x).sum((1, 2, 3))[:, None], torch.rand(5, 1, 1, 2))
    assert penalty.item() == pytest.approx(25)
    penalty.backward()
    assert weights.grad is not None
    assert weights.grad.flatten().tolist() == pytest.approx([6, 8])


def test_lazy_r1_comes_every_sixteenth_step_and_weighs_as_much() -> None:
    def logits(x: torch.Tensor) -> torch.Tensor:
        return 2 * x.sum((1, 2, 3))[:, None]

    real = torch.rand(2, 1, 1, 3)
    due = [lazy_r1(logits, real, step, weight=10) for step in range(2 * R1_EVERY)]
    assert [step for step, penalty in enumerate(due) if penalty is not None] == [0, 16]
    assert due[0] is not None
    assert due[0].item() / R1_EVERY == pytest.approx(10 / 2 * 12)


def still(batch: int = 1) -> dict[str, torch.Tensor | int]:
    one = torch.ones(batch, 1, 1, 1)
    far = torch.full((batch, 2), -99)
    return {"shift": torch.zeros(batch, 2, dtype=torch.long), "cut": far, "side": 1, "light": 0 * one,
            "saturation": one, "contrast": one}  # fmt: skip


def test_an_augmentation_that_does_nothing() -> None:
    pictures = torch.rand(1, 3, 5, 6)
    assert torch.allclose(Augmentation(**still())(pictures), pictures, atol=1e-6)  # type: ignore[arg-type]


def test_translation_moves_black_in_and_cutout_blackens_a_square() -> None:
    pictures = torch.arange(1.0, 21).view(1, 1, 4, 5).repeat(1, 3, 1, 1)
    moved = Augmentation(**{**still(), "shift": torch.tensor([[1, -2]])})(pictures)[0, 0]  # type: ignore[arg-type]
    assert moved[0].tolist() == [0, 0, 0, 0, 0]
    assert moved[1].tolist() == [3, 4, 5, 0, 0]
    cut = Augmentation(**{**still(), "cut": torch.tensor([[1, 3]]), "side": 3})(pictures)[0, 0]  # type: ignore[arg-type]
    assert (cut == 0).nonzero().tolist() == [[y, x] for y in (0, 1, 2) for x in (2, 3, 4)]


def test_colours_by_hand() -> None:
    picture = torch.tensor([0.9, 0.3, 0.3]).view(1, 3, 1, 1).expand(1, 3, 2, 2).clone()
    half = torch.full((1, 1, 1, 1), 0.5)
    grey = Augmentation(**{**still(), "saturation": half})(picture)[0, :, 0, 0]  # type: ignore[arg-type]
    assert grey.tolist() == pytest.approx([0.7, 0.4, 0.4])
    lit = Augmentation(**{**still(), "light": 0.2 * half})(picture)[0, :, 0, 0]  # type: ignore[arg-type]
    assert lit.tolist() == pytest.approx([1.0, 0.4, 0.4])
    picture[..., 0] += 0.1
    flat = Augmentation(**{**still(), "contrast": 0 * half})(picture)  # type: ignore[arg-type]
    assert torch.allclose(flat, torch.full_like(flat, 0.55))


def test_one_draw_is_the_same_for_real_and_fake_and_comes_from_the_seed() -> None:
    torch.manual_seed(3)
    draw = draw_augmentation(64, (32, 48))
    a, b = torch.rand(2, 64, 3, 32, 48).unbind()
    assert torch.allclose(draw(a) - draw(b), draw(a - b) - draw(torch.zeros_like(a)), atol=1e-5)  # the same linear map
    torch.manual_seed(3)
    assert torch.equal(draw_augmentation(64, (32, 48))(a), draw(a))
    assert draw.side == 10
    assert set(draw.shift[:, 0].tolist()) == set(range(-4, 5))
    assert draw.shift[:, 1].abs().max() <= 6
    assert draw.light.abs().max() <= 0.1 < (draw.saturation - 1).abs().max() <= 0.2
    assert draw_augmentation(2, (8, 8), shift=0, cutout=0, colour=0)(a[:2]).allclose(a[:2], atol=1e-6)


def test_gradients_flow_through_an_augmentation() -> None:
    torch.manual_seed(4)
    pictures = torch.rand(2, 3, 16, 16, requires_grad=True)
    draw_augmentation(2, (16, 16))(pictures).square().sum().backward()
    assert pictures.grad is not None
    assert pictures.grad.flatten(1).abs().sum(1).min() > 0
