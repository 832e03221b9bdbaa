"""One optimiser a network, and which modules stand still."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from occset.models.training.presets import TrainingPreset


def make_optimiser(network: nn.Module, preset: TrainingPreset, device: torch.device) -> torch.optim.Optimizer:
    """Adam, or AdamW where there is weight decay, which vectors (biases, scales of normalisations) are spared."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": preset.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    kind = torch.optim.AdamW if preset.weight_decay > 0 else torch.optim.Adam
    # Fabric cannot clip what a fused optimiser unscales by itself
    fused = device.type in ("cpu", "cuda") and preset.precision != "16-mixed"
    groups = [group for group in groups if group["params"]]
    return kind(groups, lr=preset.learning_rate, betas=preset.betas, fused=fused)


def set_training(network: nn.Module, freeze_normalisation: bool) -> None:
    """Training mode, in which frozen batch normalisations keep on using the statistics they have."""
    network.train()
    if freeze_normalisation:
        for module in network.modules():
            if isinstance(module, _BatchNorm | nn.InstanceNorm1d | nn.InstanceNorm2d | nn.InstanceNorm3d):
                module.eval()


@contextmanager
def only_this_one_learns(learning: str, networks: dict[str, nn.Module]) -> Iterator[None]:
    """The other networks' parameters want no gradients, though gradients flow through them."""
    others = [p for name, net in networks.items() if name != learning for p in net.parameters() if p.requires_grad]
    for parameter in others:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in others:
            parameter.requires_grad_(True)
