"""Eqs. 10 to 16 against values worked by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from occset.models.inpainting.likeness.ssim import ssim_map
from occset.models.inpainting.losses import (
    Weights,
    adversarial_loss,
    background_loss,
    discriminator_loss,
    erode,
    identity_loss,
    is_bare,
    pixel_loss,
    structure_loss,
    total_loss,
    total_variation_loss,
)


def picture(rows: list[list[float]], channels: int = 3) -> Tensor:
    return torch.tensor(rows).expand(1, channels, -1, -1)


def mask(rows: list[list[float]]) -> Tensor:
    return picture(rows, 1)


def test_pixel_loss_counts_the_pixels_that_are_rendered_and_seen() -> None:
    painted, clean = picture([[0.5, 0.5, 0.5, 0.5]]), picture([[0.4, 0.2, 0.9, 0.0]])
    rendered, face = mask([[1, 1, 1, 0]]), mask([[1, 1, 0, 1]])
    # pixels 0 and 1: differences .1 and .3, each in three channels, over two pixels
    assert pixel_loss(painted, clean, rendered, face).item() == pytest.approx(3 * 0.4 / 2)


def test_pixel_loss_is_the_mean_over_pictures_and_not_pooled() -> None:
    painted, clean = torch.zeros(2, 3, 1, 4), torch.zeros(2, 3, 1, 4)
    clean[0, :, :, 0] = 1  # one pixel seen, wrong by 1; the other picture has four, all right
    face = torch.tensor([[1.0, 0, 0, 0], [1, 1, 1, 1]]).view(2, 1, 1, 4)
    assert pixel_loss(painted, clean, torch.ones(2, 1, 1, 4), face).item() == pytest.approx(3 / 2)


def test_a_picture_whose_mask_is_empty_gives_no_loss_and_finite_gradients() -> None:
    painted = torch.rand(1, 3, 8, 8, requires_grad=True)
    nothing = torch.zeros(1, 1, 8, 8)
    for loss in (
        pixel_loss(painted, torch.zeros_like(painted), nothing, nothing),
        structure_loss(painted, torch.zeros_like(painted), nothing),
        background_loss(painted, torch.zeros_like(painted), 1 - nothing),
    ):
        (gradient,) = torch.autograd.grad(loss, painted)
        assert loss.item() == 0
        assert not gradient.any()


def test_erosion_takes_off_the_rim_but_not_the_border() -> None:
    square = torch.zeros(1, 1, 7, 7)
    square[:, :, 2:, 1:6] = 1  # touches the lower border
    eroded = erode(square, 1)
    expected = torch.zeros(1, 1, 7, 7)
    expected[:, :, 3:, 2:5] = 1
    assert torch.equal(eroded, expected)
    assert torch.equal(erode(square, 0), square)


def test_structure_loss_is_minus_one_for_the_blend_itself() -> None:
    blend = torch.rand(1, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    assert structure_loss(blend, blend, torch.ones(1, 1, 24, 24)).item() == pytest.approx(-1)


def test_structure_loss_is_that_of_two_flat_pictures_by_hand() -> None:
    # without structure only the light counts: (2 a b + C1) / (a^2 + b^2 + C1) everywhere
    a, b, c1 = 0.5, 0.25, 1e-4
    painted, blend = torch.full((1, 3, 24, 24), a), torch.full((1, 3, 24, 24), b)
    expected = -(2 * a * b + c1) / (a * a + b * b + c1)
    whole = torch.ones(1, 1, 24, 24)
    assert structure_loss(painted, blend, whole, keep=1).item() == pytest.approx(expected, abs=1e-4)


def test_structure_loss_looks_at_the_hardest_pixels_of_the_eroded_mask() -> None:
    generator = torch.Generator().manual_seed(1)
    painted, blend = torch.rand(2, 3, 20, 20, generator=generator), torch.rand(2, 3, 20, 20, generator=generator)
    rendered = torch.zeros(2, 1, 20, 20)
    rendered[0, :, 3:17, 3:17] = 1  # 14 x 14, eroded by 2: 10 x 10
    rendered[1, :, :9, :8] = 1  # in a corner, eroded on two sides only: 7 x 6
    expected = 0.0
    for one, count in ((0, 30), (1, 13)):  # of 100, and of 42: 12.6
        inside = erode(rendered, 2)[one, 0].bool()
        alike = ssim_map(painted * erode(rendered, 2), blend * erode(rendered, 2))[one].mean(0)[inside]
        assert len(alike) == (100, 42)[one]
        expected += -alike.sort().values[:count].mean().item() / 2
    assert structure_loss(painted, blend, rendered, erosion=2, keep=0.3).item() == pytest.approx(expected, abs=1e-5)
    with pytest.raises(ValueError, match="not 0"):
        structure_loss(painted, blend, rendered, keep=0)


def test_what_lies_outside_the_mask_does_not_count_for_structure() -> None:
    generator = torch.Generator().manual_seed(2)
    painted, blend = torch.rand(1, 3, 24, 24, generator=generator), torch.rand(1, 3, 24, 24, generator=generator)
    rendered = torch.zeros(1, 1, 24, 24)
    rendered[:, :, 4:20, 4:20] = 1
    other = torch.where(erode(rendered, 5) > 0, painted, torch.rand(1, 3, 24, 24, generator=generator))
    assert torch.equal(structure_loss(painted, blend, rendered), structure_loss(other, blend, rendered))


def test_background_loss_is_the_mean_over_pixels_and_channels_off_the_face() -> None:
    painted, whole = torch.zeros(1, 3, 1, 6), torch.zeros(1, 3, 1, 6)
    whole[0, 0] = torch.tensor([0.3, 0.6, 0.9, 0.9, 0.9, 0.9])  # one channel only
    rendered = mask([[0, 0, 0, 1, 1, 1]])
    # eroded by one pixel the background is pixels 0 and 1
    assert background_loss(painted, whole, rendered, erosion=1).item() == pytest.approx((0.3 + 0.6) / (2 * 3))
    assert background_loss(painted, whole, rendered, erosion=0).item() == pytest.approx(1.8 / (3 * 3))


def test_identity_loss_is_one_less_the_cosine() -> None:
    a, b = torch.tensor([[3.0, 0.0], [0.0, 2.0]]), torch.tensor([[1.0, 1.0], [0.0, -5.0]])
    assert identity_loss(a, b).item() == pytest.approx(((1 - math.sqrt(0.5)) + 2) / 2)


def test_total_variation_by_hand() -> None:
    rows = [[0.0, 0.2, 0.2], [0.5, 0.5, 0.1]]
    across, down = 0.2 + 0.4, 0.5 + 0.3 + 0.1
    assert total_variation_loss(picture(rows)).item() == pytest.approx((across + down) * 3 / (2 * 3 * 3))
    both = torch.cat((picture(rows), torch.zeros(1, 3, 2, 3)))
    assert total_variation_loss(both).item() == pytest.approx((across + down) * 3 / (2 * 3 * 3) / 2)


def test_adversarial_and_discriminator_loss_by_hand() -> None:
    logits = torch.tensor([[math.log(3.0)], [0.0]])  # D = .75 and .5
    assert adversarial_loss(logits).item() == pytest.approx(-(math.log(0.75) + math.log(0.5)) / 2)
    real, fake = logits, torch.tensor([[math.log(0.25)], [0.0]])  # D of the fakes = .2 and .5
    of_fakes = -(math.log(0.8) + math.log(0.5)) / 2
    assert discriminator_loss(real, fake).item() == pytest.approx(-(math.log(0.75) + math.log(0.5)) / 2 + of_fakes)
    first = torch.tensor([True, False])
    assert discriminator_loss(real, fake, first).item() == pytest.approx(-math.log(0.75) + of_fakes)
    assert discriminator_loss(real, fake, torch.zeros(2, dtype=torch.bool)).item() == pytest.approx(of_fakes)


def test_bare_faces_are_those_of_which_nearly_all_is_seen() -> None:
    rendered = torch.zeros(3, 1, 10, 10)
    rendered[:2, :, :, :5] = 1
    face = torch.ones(3, 1, 10, 10)
    face[0, :, 0, :5] = 0  # a tenth of the rendered face hidden
    face[1, :, :2, :5] = 0  # two tenths
    assert is_bare(rendered, face).tolist() == [True, False, False]
    assert is_bare(rendered, face, least=0.8).tolist() == [True, True, False]


def test_the_sum_has_the_papers_weights() -> None:
    losses = {name: torch.tensor(value) for name, value in
              {"pix": 0.1, "sm": -0.6, "bg": 0.02, "id": 0.5, "tv": 0.3, "adv": 0.7}.items()}  # fmt: skip
    expected = 10 * 0.1 - 5 * 0.6 + 5 * 0.02 + 0.2 * 0.5 + 0.1 * 0.3 + 0.01 * 0.7
    assert total_loss(losses, Weights()).item() == pytest.approx(expected)
    assert total_loss(losses, Weights(sm=0)).item() == pytest.approx(expected + 3)
    del losses["sm"]
    assert total_loss(losses, Weights(sm=0)).item() == pytest.approx(expected + 3)
    with pytest.raises(ValueError, match="lacks sm"):
        total_loss(losses, Weights())
    with pytest.raises(ValueError, match="has no smooth"):
        total_loss({**losses, "smooth": torch.tensor(1.0)}, Weights(sm=0))
