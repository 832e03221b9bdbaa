"""Presets of PICNet."""

from __future__ import annotations

from occset.models.baselines.presets import RivalPreset, Shape, budget
from occset.models.training.presets import TrainingPreset

_BETAS = (0.0, 0.999)
WEIGHTS = {"kl_fixed": 20.0, "kl": 20.0, "rec": 20.0, "visible": 20.0, "match": 1.0, "adv": 1.0}
"""Of Zheng et al., Eq. 11: 20 for divergences and appearance, 1 for what discriminators say."""

PRESETS = {
    preset.training.name: preset
    for preset in (
        RivalPreset(
            Shape(128, 4, (24, 32, 48), 1, 16), budget("demo", 1e-3, _BETAS), WEIGHTS, Shape(128, 4, (16, 32)),
            says="128 px, narrow: shows that it works",
        ),
        RivalPreset(
            Shape(128, 2, (32, 64, 96, 112), 1, 64), budget("laptop", 4e-4, _BETAS), WEIGHTS,
            Shape(128, 2, (32, 64, 96)),
            says="128 px, 25,600 samples; for two cores",
        ),
        RivalPreset(
            Shape(256, 2, (48, 96, 192, 256), 2, 128), budget("fast", 2e-4, _BETAS), WEIGHTS,
            Shape(256, 2, (64, 128, 256)),
            says="256 px, one modern GPU, bf16",
        ),
        RivalPreset(
            Shape(256, 1, (32, 64, 128, 128, 128), 2, 256),
            TrainingPreset("paper", 20, 100, 20, 1e-4, betas=_BETAS),
            WEIGHTS, Shape(256, 1, (32, 64, 128, 128, 128)), epoch_is_set=True,
            says="the paper's: 256 px, Adam 1e-4, weights 20, 20 and 1",
        ),
    )
}  # fmt: skip
"""Every preset by name."""
