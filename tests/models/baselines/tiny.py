"""Rivals so small that a test can train them, and a set they can be trained on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from occset.models.baselines.presets import DISCRIMINATOR, RivalPreset, Shape
from occset.models.baselines.task import RivalTask
from occset.models.registry import find
from occset.models.training.presets import TrainingPreset
from occset.support import references

SHAPES = {
    "pconv": (Shape(64, 1, (8, 16, 16)), None),
    "deepfill-v2": (Shape(64, 2, (8, 12), 2), Shape(64, 2, (8, 8))),
    "picnet": (Shape(64, 2, (8, 12, 16), 1, 8), Shape(64, 2, (8, 8))),
    "lafin": (Shape(64, 2, (8, 16), 1), Shape(64, 2, (8, 8))),
    "fd3d": (Shape(64, 2, (8, 16), 1), Shape(64, 2, (8, 8))),
    "context-encoder": (Shape(64, 2, (16, 16)), Shape(64, 4, (8, 8))),
}
"""Network and discriminator by name."""

LOOKING = ("perceptual", "style")


def tiny(name: str, **weights: float) -> RivalPreset:
    """A preset of two steps, with the weights of its losses but for those that need another's network."""
    shape, judge = SHAPES[name]
    own = {key: 0.0 if key in LOOKING else value for key, value in find(name).preset("laptop").weights.items()}
    training = TrainingPreset("tiny", 4, 1, 8, 2e-3, ema=0.9, marks=1e-3)
    return RivalPreset(shape, training, {**own, **weights}, judge)


def task_of(name: str, data: object, preset: RivalPreset | None = None) -> RivalTask:
    """The task of a rival on a set."""
    made: RivalTask = references.load(find(name).task)(data, preset or tiny(name))
    return made


def batch_of(task: RivalTask, count: int = 4) -> dict[str, Tensor]:
    """Its first samples, stacked."""
    samples = [task.samples(0, index) for index in range(count)]
    return {key: torch.from_numpy(np.stack([one[key] for one in samples])) for key in samples[0]}


def learn(task: RivalTask, batch: dict[str, Tensor], steps: int, rate: float = 3e-3) -> list[dict[str, float]]:
    """Train on one batch as the engine does; the scalars of the network that is kept, step by step."""
    networks = {**task.networks, **task.frozen}
    optimisers = {name: torch.optim.Adam(one.parameters(), rate) for name, one in task.networks.items()}
    told = []
    for step in range(steps):
        torch.manual_seed(step)
        shared = task.forward(networks, batch)
        for name in task.networks:
            given = shared if name == task.forward_for else {k: v.detach() for k, v in shared.items()}
            loss, scalars = task.loss(name, networks, {**batch, **given})
            optimisers[name].zero_grad()
            loss.backward()
            optimisers[name].step()
            if name != DISCRIMINATOR:
                told.append({key: float(value) for key, value in scalars.items()} | {"loss": float(loss.detach())})
    return told


def small(preset: RivalPreset, batch: int) -> RivalPreset:
    """The preset with another batch."""
    return replace(preset, training=replace(preset.training, batch=batch, epoch_size=2 * batch))
