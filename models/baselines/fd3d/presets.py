"""Presets of FD3D."""

from __future__ import annotations

from occset.models.baselines.presets import RivalPreset, Shape, budget
from occset.models.training.presets import TrainingPreset

_BETAS = (0.5, 0.999)
WEIGHTS = {"rec": 1.0, "adv": 0.01}

PRESETS = {
    preset.training.name: preset
    for preset in (
        RivalPreset(
            Shape(128, 4, (24, 32, 48), 1), budget("demo", 1e-3, _BETAS), WEIGHTS, Shape(128, 4, (16, 32)),
            says="128 px, narrow: shows that it works",
        ),
        RivalPreset(
            Shape(128, 2, (32, 64, 112, 136), 1), budget("laptop", 5e-4, _BETAS), WEIGHTS, Shape(128, 2, (32, 64, 96)),
            says="128 px, 25,600 samples; for two cores",
        ),
        RivalPreset(
            Shape(256, 2, (48, 96, 192, 256), 2), budget("fast", 2e-4, _BETAS), WEIGHTS, Shape(256, 2, (64, 128, 256)),
            says="256 px, one modern GPU, bf16",
        ),
        RivalPreset(
            Shape(256, 1, (64, 128, 256, 256, 512), 2),
            TrainingPreset("paper", 4, 80, 4, 1e-4, betas=_BETAS),
            WEIGHTS, Shape(256, 1, (64, 128, 256, 256)), epoch_is_set=True,
            says="256 px; the paper's own numbers are not known, so NG's",
        ),
    )
}  # fmt: skip
"""Every preset by name."""
