"""Shared layers against values done by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from occset.models.baselines.discriminators import PatchDiscriminator
from occset.models.baselines.layers import Convolution, Gated, Residual, ShortLongAttention, at_grid, folded, unfolded
from occset.models.baselines.presets import Shape


def test_a_gate_forced_open_lets_through_what_the_features_say_and_shut_nothing() -> None:
    torch.manual_seed(0)
    layer, x = Gated(2, 3), torch.randn(1, 2, 6, 6)
    weight, bias = layer.convolution.weight.data, layer.convolution.bias.data
    weight[3:] = 0
    features = F.elu(F.conv2d(x, weight[:3], bias[:3], padding=1))
    for says, share in ((100.0, 1.0), (-100.0, 0.0), (0.0, 0.5), (1.0, 1 / (1 + math.exp(-1)))):
        bias[3:] = says
        assert torch.allclose(layer(x), share * features, atol=1e-5)


def test_a_dilated_gate_keeps_the_sides_and_looks_further() -> None:
    layer, x = Gated(1, 1, dilation=4), torch.zeros(1, 1, 16, 16)
    x[..., 8, 8] = 1
    plain = layer(torch.zeros_like(x))
    changed = (layer(x) - plain)[0, 0].abs() > 1e-7
    assert changed.shape == (16, 16) and changed.nonzero().flatten().unique().tolist() == [4, 8, 12]


@pytest.mark.parametrize(("scale", "side"), [(0.5, 4), (1, 8), (2, 16)])
def test_residual_blocks_change_the_sides(scale: float, side: int) -> None:
    layer = Residual(3, 5, scale)
    assert layer(torch.randn(2, 3, 8, 8)).shape == (2, 5, side, side)
    same = Residual(3, 3)
    same.second.weight.data.zero_()
    x = torch.randn(1, 3, 8, 8)
    assert torch.equal(same(x), x)


def test_attention_starts_without_looking_and_then_fills_the_unknown_from_what_was_seen() -> None:
    torch.manual_seed(0)
    layer = ShortLongAttention(4, 2)
    decoded, encoded, known = torch.randn(1, 4, 3, 3), torch.randn(1, 2, 3, 3), torch.ones(1, 1, 3, 3)
    known[..., 1, 1] = 0
    seen: list[torch.Tensor] = []
    layer.join.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    layer(decoded, encoded, known)
    assert torch.allclose(seen[0][:, :4], decoded) and torch.allclose(seen[0][:, 4:], encoded * known)
    layer.long_scale.data.fill_(1.0)
    layer(decoded, encoded, known)
    looks = layer.looks(decoded)
    assert torch.allclose(looks.sum(2), torch.ones(1, 9), atol=1e-6)
    wanted = sum(looks[0, 4, place] * encoded[0, :, place // 3, place % 3] for place in range(9))
    assert torch.allclose(seen[1][0, 4:, 1, 1], wanted, atol=1e-5)
    assert torch.allclose(seen[1][0, 4:, 0, 0], encoded[0, :, 0, 0])


def test_what_is_given_is_nought_in_the_hole() -> None:
    picture, hole = torch.full((1, 3, 4, 4), 0.75), torch.zeros(1, 1, 4, 4)
    hole[..., 0, 0] = 1
    x = folded(picture, hole, 2)
    assert x.shape == (1, 16, 2, 2)
    assert x[0, :, 0, 0].tolist() == [0, 0.5, 0.5, 0.5] * 3 + [1, 0, 0, 0]
    assert unfolded(torch.zeros(1, 12, 2, 2), 2).tolist() == torch.full((1, 3, 4, 4), 0.5).tolist()


def test_a_coarser_grid_keeps_every_hole() -> None:
    mask = torch.zeros(1, 1, 8, 8)
    mask[..., 5, 2] = 1
    assert at_grid(mask, 2)[0, 0].tolist() == [[0, 0], [1, 0]]


def test_a_discriminator_of_whole_pictures_says_one_number() -> None:
    logits, _ = PatchDiscriminator(Shape(32, 2, (4, 4)), spectral=False, whole=True)(torch.rand(3, 3, 32, 32))
    assert logits.shape == (3, 1, 1, 1)


@pytest.mark.parametrize(("inside", "dilation"), [(60, 2), (60, 8), (88, 2), (31, 4), (64, 4)])
def test_a_dilated_convolution_has_the_right_gradients_in_bfloat16(inside: int, dilation: int) -> None:
    """Seen wrong by 35 % to NaN with `torch.nn.Conv2d` on processors with AVX512-bf16; on others both are right."""
    torch.manual_seed(0)
    layer = Convolution(inside, 24, 3, padding=dilation, dilation=dilation).to(memory_format=torch.channels_last)
    plain = nn.Conv2d(inside, 24, 3, padding=dilation, dilation=dilation)
    plain.load_state_dict(layer.state_dict())
    x = torch.randn(4, inside, 32, 32).contiguous(memory_format=torch.channels_last)
    away = torch.randn(4, 24, 32, 32)
    asked = []
    for network, precision in ((layer, torch.bfloat16), (layer, torch.float32), (plain, torch.float32)):
        given = x.clone().requires_grad_()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision is torch.bfloat16):
            found = network(given)
        assert found.dtype == precision
        asked.append((found, *torch.autograd.grad(found, (given, network.weight, network.bias), away.to(found.dtype))))
    low, high, wanted = asked
    for name, a, b, c in zip(("out", "x", "weight", "bias"), low, high, wanted, strict=True):
        torch.testing.assert_close(b, c, rtol=1e-4, atol=1e-3, msg=name)
        assert (a.float() - c).norm() < 0.01 * c.norm(), name
