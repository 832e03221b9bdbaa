"""What a rival costs, and that all of them are given the same: samples of one kind, as many, in one precision, by Adam."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from occset.models.baselines.presets import RivalPreset
from occset.support.errors import OccsetError

if TYPE_CHECKING:
    from torch import nn

SAME = ("name", "batch", "epochs", "epoch_size", "weight_decay", "precision", "ema")
"""Fields of a training that are the same for all rivals under one preset; how fast each learns is its own affair."""


def given_to(preset: RivalPreset) -> dict[str, Any]:
    """What a preset gives to its method: what must be the same for all of them."""
    training = preset.training
    return {
        **{name: getattr(training, name) for name in SAME},
        "samples": training.batch * training.steps,
        "optimiser": "AdamW" if training.weight_decay else "Adam",
        "size": preset.shape.size,
        "mix": [preset.mix.bare, preset.mix.double, dict(preset.mix.more), preset.mix.labelled],
    }


def refuse_unequal(presets: Mapping[str, RivalPreset]) -> dict[str, Any]:
    """The budget that all methods have.

    Args:
        presets: by the method's name, at least one.

    Raises:
        OccsetError: they differ; names two methods and the field.
    """
    (first, preset), *others = presets.items()
    wanted = given_to(preset)
    for name, other in others:
        for field, value in given_to(other).items():
            if value != wanted[field]:
                raise OccsetError(
                    f"{name} would be given {field} {value} and {first} {wanted[field]}: no table could compare them; "
                    "choose demo, laptop or fast, which are the same for all"
                )
    return wanted


def cost_of(network: nn.Module, size: int) -> dict[str, int]:
    """What a network costs to use: "parameters", and "macs", multiply-accumulates for one picture.

    Nothing is computed: the network is laid out on torch's device for shapes alone.

    Args:
        network: takes pictures (1, 3, size, size) and holes (1, 1, size, size).
        size: side of the picture in pixels.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    copied = copy.deepcopy(network).to("meta").eval()
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        copied(torch.zeros(1, 3, size, size, device="meta"), torch.zeros(1, 1, size, size, device="meta"))
    return {
        "parameters": sum(p.numel() for p in network.parameters()),
        "macs": counter.get_total_flops() // 2,
    }
