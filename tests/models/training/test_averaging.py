from __future__ import annotations

import pytest
import torch
from torch import nn

from occset.models.training.averaging import Average, decay_at


def test_the_decay_warms_up() -> None:
    assert [decay_at(0.99, n) for n in (0, 1, 8)] == pytest.approx([0.1, 2 / 11, 0.5])
    assert decay_at(0.3, 8) == 0.3
    assert decay_at(0.99, 10_000) == 0.99


def test_values_by_hand() -> None:
    network = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        network.weight.fill_(1.0)
    average = Average(network, decay=0.15)
    with torch.no_grad():
        network.weight.fill_(2.0)
    average.update(0)  # decay 0.1: 0.1 * 1 + 0.9 * 2
    assert average.network.weight.item() == pytest.approx(1.9)
    with torch.no_grad():
        network.weight.fill_(0.0)
    average.update(1)  # 2 / 11 would be above 0.15: 0.15 * 1.9
    assert average.network.weight.item() == pytest.approx(0.285)


def test_buffers_are_copied_and_the_network_is_left_alone() -> None:
    network = nn.BatchNorm1d(2)
    average = Average(network, decay=0.999)
    network(torch.tensor([[1.0, 10.0], [3.0, 30.0]]))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    average.update(500)
    for name in ("running_mean", "running_var", "num_batches_tracked"):
        assert torch.equal(average.network.state_dict()[name], before[name])
    assert before["running_mean"].tolist() == pytest.approx([0.2, 2.0])
    assert all(torch.equal(network.state_dict()[name], before[name]) for name in before)
    assert not average.network.training
    assert network.training
    assert not any(p.requires_grad for p in average.network.parameters())
