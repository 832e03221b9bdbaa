"""Presets of the Context Encoder."""

from __future__ import annotations

from occset.models.baselines.presets import DISCRIMINATOR, RivalPreset, Shape, budget
from occset.models.training.presets import TrainingPreset

_BETAS = (0.5, 0.999)
_SLOW = {DISCRIMINATOR: {"learning_rate": 2e-4}}
WEIGHTS = {"rec": 0.999, "adv": 0.001}
"""Of Pathak et al., Eq. 4."""

PRESETS = {
    preset.training.name: preset
    for preset in (
        RivalPreset(
            Shape(128, 4, (32, 48)), budget("demo", 1e-3, _BETAS, **_SLOW), WEIGHTS, Shape(128, 4, (16, 32)),
            says="128 px, narrow: shows that it works",
        ),
        RivalPreset(
            Shape(128, 2, (64, 96, 128)), budget("laptop", 1e-3, _BETAS, **_SLOW), WEIGHTS,
            Shape(128, 2, (32, 64, 96, 96)),
            says="128 px, 25,600 samples; for two cores",
        ),
        RivalPreset(
            Shape(256, 2, (64, 128, 256, 256)), budget("fast", 1e-3, _BETAS, **_SLOW), WEIGHTS,
            Shape(256, 2, (64, 128, 256, 256)),
            says="256 px, one modern GPU, bf16",
        ),
        RivalPreset(
            Shape(128, 1, (64, 64, 128, 256, 512)),
            TrainingPreset("paper", 64, 100, 64, 2e-3, betas=_BETAS, networks=_SLOW),
            WEIGHTS, Shape(128, 1, (64, 128, 256, 512, 512)), epoch_is_set=True,
            says="the paper's: 128 px, the network ten times as fast as the discriminator",
        ),
    )
}  # fmt: skip
"""Every preset by name."""
