"""Presets of PConv."""

from __future__ import annotations

from occset.models.baselines.presets import RivalPreset, Shape, budget
from occset.models.training.presets import TrainingPreset

_BETAS = (0.9, 0.999)
_RATE = 2e-4
WEIGHTS = {"valid": 1.0, "hole": 6.0, "perceptual": 0.3, "style": 2.0, "tv": 0.1}
"""Of Liu et al., Eq. 7, but for those of the features, which are of another network and another scale."""

PRESETS = {
    preset.training.name: preset
    for preset in (
        RivalPreset(
            Shape(128, 2, (32, 64, 64)), budget("demo", 1e-3, _BETAS), {**WEIGHTS, "perceptual": 0.0, "style": 0.0},
            says="128 px, narrow, without features: shows that it works",
        ),
        RivalPreset(
            Shape(128, 1, (64, 96, 128, 128, 128)), budget("laptop", 5e-4, _BETAS), WEIGHTS,
            says="128 px, 25,600 samples; for two cores",
        ),
        RivalPreset(
            Shape(256, 1, (64, 128, 256, 256, 256, 256)), budget("fast", _RATE, _BETAS), WEIGHTS,
            says="256 px, one modern GPU, bf16",
        ),
        RivalPreset(
            Shape(512, 1, (64, 128, 256, 512, 512, 512, 512, 512)),
            TrainingPreset("paper", 6, 50, 6, _RATE, betas=_BETAS, plan="drop", drop_at=0.5, drop_to=0.25),
            WEIGHTS, epoch_is_set=True,
            says="the paper's: 512 px, batch 6, Adam 2e-4, then 5e-5",
        ),
    )
}  # fmt: skip
"""Every preset by name."""
