"""A task that is learned in a blink: is the middle of a small picture bright? Also what is done with its trainings."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from occset.models.training.checkpoints import NAME, load
from occset.models.training.engine import Outcome, fit
from occset.models.training.presets import TrainingPreset
from occset.models.training.task import Task as TrainingTask
from occset.support.errors import BadInput


@dataclass(frozen=True)
class Patches:
    """Samples; `broken` (epoch, index) raises, `killing` kills its process, and each may take a while."""

    seed: int = 0
    size: int = 8
    broken: tuple[int, int] | None = None
    killing: tuple[int, int] | None = None
    seconds: float = 0.0

    def __call__(self, epoch: int, index: int) -> dict[str, np.ndarray]:
        if (epoch, index) == self.broken:
            raise BadInput(f"sample {epoch}/{index} is torn: mend it")
        if (epoch, index) == self.killing:
            os.kill(os.getpid(), 9)
        time.sleep(self.seconds)
        rng = np.random.default_rng([self.seed, epoch, index])
        image = rng.integers(0, 256, (self.size, self.size, 3), np.uint8)
        bright = bool(rng.integers(2))
        image[2:6, 2:6] //= 1 if bright else 3
        return {"image": image, "bright": np.float32(bright), "place": np.array([epoch, index])}


def small_network(seed: int = 0, dropout: float = 0.25) -> nn.Module:
    torch.manual_seed(seed)
    layers = [nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Dropout(dropout), nn.Flatten(), nn.Linear(216, 1)]
    return nn.Sequential(*layers)


class BrightTask:
    """The task; `at_step` is called with the number of each loss, before it is computed."""

    name = "bright"

    def __init__(
        self,
        samples: Patches | None = None,
        dropout: float = 0.25,
        at_step: Callable[[int], None] | None = None,
        poison: int | None = None,
    ) -> None:
        self.samples = samples or Patches()
        self.networks = {"judge": small_network(dropout=dropout)}
        self.at_step, self.poison, self.calls = at_step, poison, 0
        self.seen: list[list[tuple[int, int]]] = []
        self.shown: dict[str, Any] = {}

    def loss(
        self, network: str, networks: Mapping[str, nn.Module], batch: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        if self.at_step is not None:
            self.at_step(self.calls)
        self.seen.append([tuple(p) for p in batch["place"].tolist()])
        score = networks[network](batch["image"].permute(0, 3, 1, 2).float() / 255)[:, 0]
        loss = nn.functional.binary_cross_entropy_with_logits(score, batch["bright"])
        if self.calls == self.poison:
            loss = loss * torch.nan
        self.calls += 1
        return loss, {"bce": loss, "mean_score": score.mean()}

    def validate(self, networks: Mapping[str, nn.Module]) -> dict[str, float]:
        samples = [self.samples(10_000, i) for i in range(32)]
        images = torch.from_numpy(np.stack([s["image"] for s in samples])).permute(0, 3, 1, 2).float() / 255
        score = networks["judge"](images)[:, 0]
        self.shown = {"training": networks["judge"].training, "grad": score.requires_grad, "dtype": score.dtype}
        right = (score > 0).numpy() == np.array([s["bright"] > 0 for s in samples])
        return {"accuracy": float(right.mean())}

    def pictures(self, networks: Mapping[str, nn.Module]) -> dict[str, np.ndarray]:
        return {"first": self.samples(10_000, 0)["image"]}


def small_preset(**changes: Any) -> TrainingPreset:
    """20 steps: 4 epochs of 5 steps of 8 samples."""
    values: dict[str, Any] = {
        "batch": 8,
        "epochs": 4,
        "epoch_size": 40,
        "learning_rate": 1e-2,
        "ema": 0.9,
        "clip": 1.0,
        "warmup": 3,
    }
    return TrainingPreset("small", **{**values, "weight_decay": 1e-3, "plan": "cosine", "log_every": 4, **changes})


def train(task: TrainingTask, out: Path, **options: Any) -> Outcome:
    """Train quietly on the CPU, without workers unless asked to."""
    preset = options.pop("preset", None) or small_preset()
    return fit(task, preset, out, **{"workers": 0, "accelerator": "cpu", "say": lambda _: None, **options})


def everything(out: Path) -> dict[str, Any]:
    """All tensors and numbers of a checkpoint by path, to compare two trainings with."""
    found: dict[str, Any] = {}

    def walk(path: str, value: object) -> None:
        if isinstance(value, Mapping):
            for key, inner in value.items():
                walk(f"{path}/{key}", inner)
        elif isinstance(value, list | tuple):
            walk(path, dict(enumerate(value)))
        else:
            found[path] = value

    state = load(out / NAME)
    walk("", {k: v for k, v in vars(state).items() if k not in ("preset", "versions", "processor")})
    return found


def same(a: dict[str, Any], b: dict[str, Any]) -> bool:
    """Whether two checkpoints are the same, bit for bit."""
    equal = {k: torch.equal(v, b[k]) if isinstance(v, Tensor) else v == b.get(k) for k, v in a.items() if k in b}
    return set(a) == set(b) and all(equal.values())
