"""What is trained and how the released weights are made."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any

from occset.models.released import Recipe
from occset.models.steps import Step
from occset.models.training.presets import TrainingPreset, fitted


@dataclass(frozen=True)
class ToyPreset:
    channels: int
    training: TrainingPreset
    says: str = "seconds"

    def fitted(self, faces: int, epochs: int | None = None) -> ToyPreset:
        return replace(self, training=fitted(self.training, faces, epochs, epoch_is_set=False))

    def to_dict(self) -> dict[str, Any]:
        return {"network": {"channels": self.channels}, "training": self.training.to_dict()}


@dataclass(frozen=True)
class Options:
    softness: Annotated[float, "How soft the target is made, 0..1."] = 0.0


PRESETS = {"tiny": ToyPreset(4, TrainingPreset("tiny", 4, 2, 12, 1e-2, checkpoint_every=1))}
RECIPE = Recipe(
    (
        Step(("train", "toy", "--data", "{work}/set", "--out", "{runs}/toy", "--workers", "0", "--accelerator", "cpu")),
        Step(("check", "{work}/set")),
    ),
    "{runs}/toy/weights",
)
