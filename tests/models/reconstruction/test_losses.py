"""NR's losses against values worked by hand."""

from __future__ import annotations

import pytest
import torch

from occset.models.reconstruction import losses
from occset.models.reconstruction.presets import Weights


def test_coefficients_count_in_their_own_spread_and_only_where_known() -> None:
    predicted, truth = torch.tensor([[1.0, 100.0, 5.0]]), torch.tensor([[0.0, 0.0, 0.0]])
    spread, known = torch.tensor([1.0, 50.0, 1.0]), torch.tensor([[1.0, 1.0, 0.0]])
    assert losses.coefficient_loss(predicted, truth, spread, known).tolist() == [pytest.approx((1 + 2) / 2)]
    assert losses.coefficient_loss(predicted, truth, spread, torch.zeros(1, 3)).tolist() == [0]


def test_pixels_are_counted_once_and_not_for_each_channel() -> None:
    render, clean = torch.zeros(1, 3, 1, 2), torch.zeros(1, 3, 1, 2)
    render[0, :, 0, 0] = torch.tensor([0.3, 0.0, 0.4])  # a distance of .5; the other pixel is right
    mask = torch.ones(1, 1, 1, 2)
    assert losses.pixel_loss(render, clean, mask).item() == pytest.approx(0.25, abs=1e-3)
    mask[..., 1] = 0
    assert losses.pixel_loss(render, clean, mask).item() == pytest.approx(0.5, abs=1e-3)
    assert (
        losses.pixel_loss(render, clean, torch.zeros_like(mask)).item() == 0
    )  # nothing to compare is no division by 0


def test_a_right_pixel_has_a_finite_gradient() -> None:
    render = torch.zeros(1, 3, 2, 2, requires_grad=True)
    losses.pixel_loss(render, torch.zeros(1, 3, 2, 2), torch.ones(1, 1, 2, 2)).sum().backward()
    assert render.grad is not None and render.grad.isfinite().all()


def test_identity_is_one_less_the_cosine() -> None:
    a, b = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([[0.0, 2.0], [3.0, 0.0]])
    assert losses.identity_loss(a, b).tolist() == [pytest.approx(1.0), pytest.approx(0.0)]


def test_nose_and_inner_mouth_weigh_twenty() -> None:
    truth = torch.zeros(2, 68, 3)
    predicted = truth.clone()
    predicted[0, 0] = torch.tensor([3.0, 0.0, 4.0])  # a landmark of the jaw, off by 5 mm
    predicted[1, 30] = torch.tensor([0.0, 5.0, 0.0])  # the tip of the nose, as far off
    assert losses.landmark_loss(predicted, truth).tolist() == [pytest.approx(5 / 68), pytest.approx(20 * 5 / 68)]
    assert int((losses.LANDMARK_WEIGHTS == 20).sum()) == 9 + 8


def test_the_papers_weights() -> None:
    weights = Weights()
    assert (weights.coefficients, weights.pixels, weights.identity, weights.landmarks) == (1.0, 1.92, 0.2, 1.6e-3)
