from __future__ import annotations

import torch
from torch import nn

from occset.models.training.optimising import make_optimiser, only_this_one_learns, set_training
from tests.models.training import training_task

CPU = torch.device("cpu")


def test_vectors_are_not_decayed() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(2, 1))
    network[3].bias.requires_grad_(False)
    optimiser = make_optimiser(network, training_task.small_preset(weight_decay=0.1), CPU)
    assert type(optimiser) is torch.optim.AdamW
    decay = {id(p): group["weight_decay"] for group in optimiser.param_groups for p in group["params"]}
    named = {name: decay.get(id(p)) for name, p in network.named_parameters()}
    assert named == {"0.weight": 0.1, "0.bias": 0.0, "1.weight": 0.0, "1.bias": 0.0, "3.weight": 0.1, "3.bias": None}


def test_without_decay_it_is_adam_with_the_betas_of_the_preset() -> None:
    preset = training_task.small_preset(weight_decay=0.0, betas=(0.5, 0.9))
    optimiser = make_optimiser(nn.Linear(2, 1), preset, CPU)
    assert type(optimiser) is torch.optim.Adam
    assert {group["betas"] for group in optimiser.param_groups} == {(0.5, 0.9)}


def test_the_fused_steps_are_adams() -> None:
    """What is fused is quicker and must be no other algorithm."""
    ours, theirs = nn.Linear(3, 2), nn.Linear(3, 2)
    theirs.load_state_dict(ours.state_dict())
    preset = training_task.small_preset(weight_decay=0.05, learning_rate=0.01)
    fused = make_optimiser(ours, preset, CPU)
    plain = torch.optim.AdamW(
        [{"params": [theirs.weight]}, {"params": [theirs.bias], "weight_decay": 0.0}], lr=0.01, weight_decay=0.05
    )
    for step in range(20):
        inputs = torch.randn(5, 3, generator=torch.Generator().manual_seed(step))
        for network, optimiser in ((ours, fused), (theirs, plain)):
            optimiser.zero_grad()
            network(inputs).square().mean().backward()
            optimiser.step()
    assert torch.allclose(ours.weight, theirs.weight, atol=1e-6)
    assert torch.allclose(ours.bias, theirs.bias, atol=1e-6)


def test_frozen_normalisations_stand_still_and_the_rest_trains() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout())
    set_training(network, freeze_normalisation=True)
    assert [m.training for m in network] == [True, False, True]
    before = network[1].running_mean.clone()
    network(torch.ones(2, 1, 4, 4))
    assert torch.equal(network[1].running_mean, before)
    set_training(network, freeze_normalisation=False)
    network(torch.ones(2, 1, 4, 4))
    assert not torch.equal(network[1].running_mean, before)


def test_the_others_get_no_gradients_but_let_them_through() -> None:
    networks = {"a": nn.Linear(1, 1), "b": nn.Linear(1, 1)}
    networks["b"].bias.requires_grad_(False)
    with only_this_one_learns("a", networks):
        networks["b"](networks["a"](torch.ones(1, 1))).sum().backward()
    assert networks["a"].weight.grad.item() == networks["b"].weight.item()
    assert networks["b"].weight.grad is None
    assert networks["b"].weight.requires_grad
    assert not networks["b"].bias.requires_grad
