"""Presets of LaFIn."""

from __future__ import annotations

from occset.models.baselines.presets import DISCRIMINATOR, RivalPreset, Shape, budget
from occset.models.training.presets import TrainingPreset

_BETAS = (0.0, 0.9)
_SLOW = {DISCRIMINATOR: {"learning_rate": 1e-4}}
WEIGHTS = {"pixel": 1.0, "tv": 0.1, "perceptual": 0.3, "style": 2.0, "adv": 0.01, "points": 10.0}
"""Of Yang et al., Eq. 7, but for those of the features and of the landmarks, which the paper trains by themselves."""

PRESETS = {
    preset.training.name: preset
    for preset in (
        RivalPreset(
            Shape(128, 4, (24, 48), 2), budget("demo", 1e-3, _BETAS, **_SLOW),
            {**WEIGHTS, "perceptual": 0.0, "style": 0.0}, Shape(128, 4, (16, 32)),
            says="128 px, narrow, without features: shows that it works",
        ),
        RivalPreset(
            Shape(128, 2, (32, 56, 88), 4), budget("laptop", 5e-4, _BETAS, **_SLOW), WEIGHTS,
            Shape(128, 2, (32, 64, 96)),
            says="128 px, 25,600 samples; for two cores",
        ),
        RivalPreset(
            Shape(256, 2, (64, 128, 256), 7), budget("fast", 2e-4, _BETAS, **_SLOW), WEIGHTS,
            Shape(256, 2, (64, 128, 256)),
            says="256 px, one modern GPU, bf16",
        ),
        RivalPreset(
            Shape(256, 1, (64, 128, 256), 7),
            TrainingPreset("paper", 4, 80, 4, 1e-4, betas=_BETAS, networks={DISCRIMINATOR: {"learning_rate": 1e-5}}),
            WEIGHTS, Shape(256, 1, (64, 128, 256, 512)), epoch_is_set=True,
            says="the paper's: 256 px, batch 4, Adam 1e-4, the discriminator a tenth of it",
        ),
    )
}  # fmt: skip
"""Every preset by name."""
