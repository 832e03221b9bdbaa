"""The display curve: near sRGB's, its inverse, and gradients that stay finite."""

from __future__ import annotations

import torch

from occset.models.rendering.colour import to_display, to_linear


def test_the_curve_is_near_srgb_and_keeps_black_and_white() -> None:
    light = torch.linspace(0, 1, 1001, dtype=torch.float64)
    srgb = torch.where(light <= 0.0031308, 12.92 * light, 1.055 * light.clamp_min(1e-9) ** (1 / 2.4) - 0.055)
    shown = to_display(light)
    assert (shown - srgb).abs().max() < 0.01
    assert shown[0] == 0 and (shown[-1] - 1).abs() < 1e-12
    assert (shown.diff() > 0).all()


def test_back_and_forth() -> None:
    light = torch.tensor([0.0, 0.01, 0.3, 1.0, 2.5], dtype=torch.float64)
    assert to_linear(to_display(light)).allclose(light)
    assert to_display(torch.tensor([-0.2])).item() == 0


def test_black_has_a_finite_gradient() -> None:
    light = torch.full((3,), 1e-8, requires_grad=True)  # sRGB's power alone would give more than 10,000 here
    to_display(light).sum().backward()
    assert light.grad is not None and (light.grad > 1).all() and (light.grad < 50).all()
