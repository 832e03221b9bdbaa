"""The toy as the engine sees it: pictures, masks, and what is known of the faces beside them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from occset.dataset.occlusion_set import OcclusionSet
from occset.models.training.starting import start_from
from occset.models.training.truth import Truths
from occset.samples.draw import Drawer, Plan
from tests.models.toy_network.presets import Options, ToyPreset

SIZE = 32


def build(channels: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, channels, 3, padding=1), nn.ReLU(), nn.Conv2d(channels, 1, 3, padding=1))


class ToySamples:
    def __init__(self, data: OcclusionSet, epoch_size: int, seed: int) -> None:
        self.drawer = Drawer(data, Plan(size=SIZE, types={"bare": ((), 1.0)}), seed)
        self.truths = Truths(data, {"coefficients/pose": (6,)})
        self.epoch_size = epoch_size

    def __call__(self, epoch: int, index: int) -> dict[str, np.ndarray]:
        recipe = self.drawer.draw(epoch * self.epoch_size + index)
        sample = self.drawer.renderer.render(recipe)
        return {"image": sample.image, "mask": sample.face_soft, **self.truths(recipe.face)}


class ToyTask:
    name = "toy"
    keeps = "toy"

    def __init__(
        self,
        data: OcclusionSet,
        preset: ToyPreset,
        seed: int = 0,
        start: str | Path | None = None,
        options: Options | None = None,
    ) -> None:
        torch.manual_seed(seed)
        network = build(preset.channels)
        self.softness = options.softness if options else 0.0
        self.origin = "it starts from scratch" if start is None else start_from(network, start, self.name, self.keeps)
        self.made_from = f"set {data.content_hash()[:12]}, {self.origin}, softness {self.softness:g}"
        self.networks: dict[str, nn.Module] = {"toy": network}
        self.samples = ToySamples(data, preset.training.epoch_size, seed)

    @staticmethod
    def count_faces(data: OcclusionSet) -> int:
        return int(data.faces["split"].eq("train").sum())

    def loss(
        self, network: str, networks: Mapping[str, nn.Module], batch: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        assert batch["coefficients/pose"].shape == (len(batch["image"]), 6)
        assert not batch["truth_known"].any()  # plain faces are no renders
        found = networks[network](batch["image"].permute(0, 3, 1, 2).float() / 255)[:, 0]
        target = batch["mask"].float() / 255 * (1 - self.softness) + self.softness / 2
        return F.binary_cross_entropy_with_logits(found, target), {}

    def validate(self, networks: Mapping[str, nn.Module]) -> dict[str, float]:
        sample = self.samples(1000, 0)
        found = networks["toy"](torch.from_numpy(sample["image"][None]).permute(0, 3, 1, 2).float() / 255)[0, 0]
        return {"accuracy": float(((found > 0).numpy() == (sample["mask"] > 127)).mean())}

    def pictures(self, networks: Mapping[str, nn.Module]) -> dict[str, np.ndarray]:
        return {}
