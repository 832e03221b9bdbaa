"""Presets of DeepFill-v2."""

from __future__ import annotations

from occset.models.baselines.presets import RivalPreset, Shape, budget
from occset.models.training.presets import TrainingPreset

_BETAS = (0.5, 0.999)
WEIGHTS = {"l1": 2.0, "coarse": 2.0, "adv": 0.1}
_PAPER = {"l1": 2.0, "coarse": 2.0, "adv": 1.0}
"""1 : 1 on values of -1..1, whose differences are twice those of 0..1."""

PRESETS = {
    preset.training.name: preset
    for preset in (
        RivalPreset(
            Shape(128, 4, (12, 24), 2), budget("demo", 1e-3, _BETAS), WEIGHTS, Shape(128, 4, (16, 32)),
            says="128 px, narrow: shows that it works",
        ),
        RivalPreset(
            Shape(128, 2, (32, 60), 4), budget("laptop", 4e-4, _BETAS), WEIGHTS, Shape(128, 2, (32, 64, 96, 96)),
            says="128 px, 25,600 samples; for two cores",
        ),
        RivalPreset(
            Shape(256, 2, (48, 96), 4), budget("fast", 2e-4, _BETAS), WEIGHTS, Shape(256, 2, (64, 128, 256, 256)),
            says="256 px, one modern GPU, bf16",
        ),
        RivalPreset(
            Shape(256, 1, (24, 48, 96), 4),
            TrainingPreset("paper", 16, 80, 16, 1e-4, betas=_BETAS),
            _PAPER, Shape(256, 1, (64, 128, 256, 256, 256, 256)), epoch_is_set=True,
            says="the paper's: 256 px, batch 16, Adam 1e-4, L1 and hinge loss 1 : 1",
        ),
    )
}  # fmt: skip
"""Every preset by name."""
