"""A rival ready for use, and a method of the bench."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from occset.models.baselines.official import LAYOUT, UNRANKED
from occset.models.baselines.official import build as build_official
from occset.models.baselines.presets import DEMO, Shape
from occset.models.pretrained import BATCH, Pretrained, load, scaled
from occset.models.registry import NETWORKS, find, members
from occset.models.weight_files import name_of, spent
from occset.support.errors import BadInput

GROUP = "rivals"
"""Of the registry."""

WEIGHTS = "weights"
"""Folder of a training's last weights, which is called after the training."""


class Rival(Pretrained):
    """A trained rival that is told the hole. A class of it names the network that it builds.

    Attributes:
        network_of: makes the network of a shape, which takes pictures (B, 3, S, S) on 0..1 and holes (B, 1, S, S) of 0 and
            1, and returns a dictionary with "painted", (B, 3, S, S) on 0..1.
    """

    network_of: ClassVar[type[Any]]
    given: tuple[str, ...] = ("mask",)
    citations: tuple[str, ...] = ()

    def build(self, about: Mapping[str, Any]) -> nn.Module:
        """The network of the shape that stands beside the weights; the makers' own where theirs were imported."""
        if LAYOUT in about:
            return build_official(self.known().name, about)
        made: nn.Module = self.network_of(Shape.from_dict(about))
        return made

    @property
    def size(self) -> int:
        """Side in pixels at which the network paints."""
        return int(self.about["network"]["size"])

    @property
    def trained(self) -> dict[str, Any]:
        """What the bench is told of the training, see `occset.benchmark.methods.interfaces`."""
        return trained_of(self.about, spent(self.weights), spent(self.weights, "processor"))

    @torch.no_grad()
    def paint(self, picture: Tensor, hole: Tensor, **told: Tensor) -> Tensor:
        """What the network makes of pictures, at its own size, scaled back to theirs.

        Args:
            picture: (B, 3, S, S) float on 0..1.
            hole: (B, 1, S, S), above 0 = repaint here. At the network's size whatever the hole touches is hole.
            told: what the network is told besides, by the names of its arguments.

        Returns:
            (B, 3, S, S) float on 0..1, of which the hole is wanted.

        Raises:
            BadInput: what the network answers is not finite.
        """
        side, size = picture.shape[-1], self.size
        touched = (scaled((hole > 0).float(), size) > 0).float()
        painted: Tensor = self.network(scaled(picture, size), touched, **told)["painted"]
        if not torch.isfinite(painted).all():  # weights that are finite can still overflow
            raise BadInput(f"{self.weights}: what the network answers is not finite: restore the file, or name another")
        return scaled(painted, side)

    def deocclude(self, images: np.ndarray, masks: np.ndarray | None = None) -> np.ndarray:
        """Repaint the holes; every pixel outside them stays as it is.

        Args:
            images: (B, S, S, 3) uint8 RGB.
            masks: (B, S, S) uint8, above 0 = repaint here.

        Returns:
            (B, S, S, 3) uint8 RGB.

        Raises:
            BadInput: there are no masks, or pictures and masks do not fit.
        """
        return self.repainted(images, masks)

    def repainted(self, images: np.ndarray, masks: np.ndarray | None, **told: Tensor) -> np.ndarray:
        """As `deocclude`; what the network is told besides goes to `paint`."""
        images = np.asarray(images)
        if masks is None or masks.shape != images.shape[:3] or images.shape[1] != images.shape[2]:
            came = "none" if masks is None else masks.shape
            raise BadInput(
                f"{self.title} repaints square pictures in masks of their size: {images.shape} came with {came}"
            )
        found = [np.zeros((0, *images.shape[1:]), np.uint8)]
        for at, batch in zip(range(0, len(images), BATCH), self.batches(images), strict=True):
            hole = torch.from_numpy((np.asarray(masks[at : at + BATCH]) > 0).astype(np.float32))[:, None]
            painted = self.paint(batch.permute(0, 3, 1, 2).float() / 255, hole.to(batch.device), **told)
            pixels = (painted.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
            found.append(np.where(masks[at : at + BATCH, ..., None] > 0, pixels, images[at : at + BATCH]))
        return np.concatenate(found)


def behind(weights: str) -> Rival:
    """``weights:FOLDER`` of the bench: a rival by other weights than those that its name stands for.

    Args:
        weights: a checkpoint of any rival: of a training, of the way there, or imported. Whose it is, the name of its files
            tells.

    Raises:
        BadInput: there are none, or they are of no rival.
    """
    path = Path(weights).resolve()
    name = name_of(path)
    if name not in NETWORKS or find(name).group != GROUP:
        rivals = ", ".join(network.name for network in members(GROUP))
        raise BadInput(f"{path}: holds weights of '{name}', and not of one of {rivals}: name a rival's checkpoint")
    method: Rival = load(name, path)
    told = path.parent.name if path.name == WEIGHTS else path.name if path.is_dir() else path.stem
    method.name = f"{name}:{told}"  # type: ignore[misc]
    return method


def trained_of(
    about: Mapping[str, Any], seconds: float | None = None, processor: float | None = None
) -> dict[str, Any]:
    """What a method states of its training, from what stands with its weights, and the seconds that it took.

    Entries that are none are passed over.
    """
    data, budget = about.get("data"), about.get("network", {}).get("budget")
    data, budget = (dict(part) if isinstance(part, Mapping) else {} for part in (data, budget))
    numbers = {**budget, "seconds": seconds, "processor": processor}
    stated: dict[str, Any] = {
        key: numbers[key]
        for key in ("parameters", "macs", "samples", "seconds", "processor")
        if isinstance(numbers.get(key), int | float) and not isinstance(numbers[key], bool)
    }
    if data:
        hashed = str(data.get("content_hash", ""))[:12]
        stated["on"] = f"the split train of {data.get('name', 'a set')} ({hashed}), {data.get('faces', '?')} faces"
    if isinstance(about.get("trained_on"), str):
        stated |= {"on": about["trained_on"], "unranked": UNRANKED}
    if budget.get("name") == DEMO:
        stated["unranked"] = "trained by the preset demo, which only shows that it runs"
    return stated
