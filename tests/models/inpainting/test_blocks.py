"""Gated convolutions, residual blocks and attention against their equations."""

from __future__ import annotations

import pytest
import torch

from occset.models.inpainting.blocks import GatedConvolution, GatedResidual, SelfAttention, Up


def test_a_gated_convolution_by_hand() -> None:
    block = GatedConvolution(1, 1, kernel=1)
    block.convolution.weight.data = torch.tensor([2.0, 3.0]).view(2, 1, 1, 1)  # features, gates
    x = torch.tensor([1.0, -1.0]).view(1, 1, 1, 2)
    found = block(x).flatten()
    assert found[0].item() == pytest.approx(2 / (1 + 2.718281828**-3), rel=1e-5)
    assert found[1].item() == pytest.approx(0.2 * -2 / (1 + 2.718281828**3), rel=1e-5)


def test_shut_gates_let_nothing_through() -> None:
    block = GatedConvolution(3, 4)
    block.convolution.bias.data[4:] = -100
    assert not block(torch.randn(2, 3, 8, 8)).any()


def test_stride_halves_and_up_doubles() -> None:
    x = torch.randn(2, 3, 8, 6)
    assert GatedConvolution(3, 5, stride=2)(x).shape == (2, 5, 4, 3)
    assert Up(3, 5)(x).shape == (2, 5, 16, 12)


def test_residual_blocks_begin_near_the_identity_and_keep_the_scale() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 32, 16, 16)
    y = torch.nn.Sequential(*(GatedResidual(32) for _ in range(8)))(x)
    assert 0 < (y - x).std() < 0.5
    assert y.std().item() == pytest.approx(1, abs=0.15)
    z = torch.nn.Sequential(*(GatedConvolution(32, 32) for _ in range(8)))(x)
    assert 0.1 < z.std() < 3


def test_attention_sees_the_whole_picture() -> None:
    torch.manual_seed(0)
    block = SelfAttention(8, heads=2)
    x = torch.randn(1, 8, 4, 4)
    assert torch.equal(block(x), x)  # at first it adds nothing
    block.scale.data.fill_(1)
    other = x.clone()
    other[..., 0, 0] += 1
    assert (block(other) - block(x))[..., 3, 3].abs().max() > 1e-4


def test_attention_by_its_equation() -> None:
    torch.manual_seed(1)
    block = SelfAttention(4, heads=2)
    block.scale.data.fill_(0.5)
    x = torch.randn(1, 4, 2, 3)
    queries, keys, values = block.looks(x).flatten(2)[0].chunk(3)  # (4, 6) each
    seen = []
    for head in (slice(0, 2), slice(2, 4)):
        weights = torch.softmax(queries[head].T @ keys[head] / 2**0.5, 1)
        seen.append(values[head] @ weights.T)
    expected = x + 0.5 * block.out(torch.cat(seen).view(1, 4, 2, 3))
    assert torch.allclose(block(x), expected, atol=1e-5)
    with pytest.raises(ValueError, match="3 heads"):
        SelfAttention(4, heads=3)
