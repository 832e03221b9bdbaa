"""The Context Encoder's dense layer against sums done by hand."""

from __future__ import annotations

import torch

from occset.models.baselines.context_encoder.network import ChannelWise, ContextNetwork
from occset.models.baselines.context_encoder.presets import PRESETS, WEIGHTS
from occset.models.baselines.presets import Shape


def test_every_place_of_a_channel_hears_of_every_other_and_of_no_other_channel() -> None:
    layer = ChannelWise(2, 2)
    layer.weight.data.zero_()
    layer.weight.data[0, 3, 0] = 2.0  # of channel 0: what stands at the last place goes to the first
    layer.weight.data[1, 0, 2] = -1.0  # of channel 1: from the first place to the third, lower left
    layer.bias.data[1] = 0.5
    x = torch.arange(1.0, 9).view(1, 2, 2, 2)
    found = layer(x)[0]
    assert found[0].tolist() == [[8.0, 0.0], [0.0, 0.0]]
    assert found[1].tolist() == [[0.5, 0.5], [-4.5, 0.5]]


def test_pictures_of_a_batch_do_not_mix() -> None:
    torch.manual_seed(0)
    layer, x = ChannelWise(3, 4), torch.randn(2, 3, 4, 4)
    assert torch.allclose(layer(x)[1:], layer(x[1:]), atol=1e-6)


def test_the_code_sees_the_whole_picture() -> None:
    """Without skip connections a pixel at one corner changes what is painted at the other."""
    torch.manual_seed(0)
    network = ContextNetwork(Shape(64, 2, (8, 8))).eval()
    picture, hole = torch.rand(1, 3, 64, 64), torch.zeros(1, 1, 64, 64)
    other = picture.clone()
    other[..., :4, :4] = 1 - other[..., :4, :4]
    with torch.no_grad():
        off = (network(picture, hole)["painted"] - network(other, hole)["painted"]).abs()
    assert off[..., -4:, -4:].max() > 0


def test_the_losses_weigh_as_in_the_paper() -> None:
    assert WEIGHTS == {"rec": 0.999, "adv": 0.001}
    paper = PRESETS["paper"].training
    assert paper.learning_rate == 10 * paper.of("discriminator").learning_rate
