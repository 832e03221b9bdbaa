"""A rival as the training engine sees it: what all share; a method's own folder says what it paints, and its losses."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from occset.dataset.occlusion_set import OcclusionSet
from occset.models.baselines.budget import cost_of, given_to
from occset.models.baselines.features import FEATURES, WANTING
from occset.models.baselines.losses import composite, weighted_sum
from occset.models.baselines.presets import DISCRIMINATOR, GENERATOR, Options, RivalPreset
from occset.models.baselines.samples import RivalSamples
from occset.models.inpainting.likeness.perceptual import open_features
from occset.models.inpainting.task import VALIDATION, InpaintingTask
from occset.models.pretrained import load
from occset.models.reconstruction.face import FaceModel
from occset.models.reconstruction.fits import fits_of
from occset.models.reconstruction.samples import trainable_faces
from occset.models.training.starting import start_from
from occset.models.training.task import Samples

_VALIDATION_SEED = 7919  # NG's, so that all are validated on the same samples
_SHOWN = 6
_REMEDY = ", name its file with --perceptual, or leave them out: --without perceptual,style"


class RivalTask(ABC):
    """Training of one rival on one set: NG's samples, each with its hole.

    Attributes:
        network_of: class of the network that is kept, made of a `Shape`.
        judge_of: class of its discriminator, made of a `Shape`; None where the method has none.
    """

    name: ClassVar[str]
    network_of: ClassVar[type[Any]]
    judge_of: ClassVar[Any] = None
    keeps = GENERATOR
    forward_for = GENERATOR

    def __init__(
        self,
        data: OcclusionSet,
        preset: RivalPreset,
        seed: int = 0,
        start: str | Path | None = None,
        options: Options | None = None,
    ) -> None:
        """Build the networks and look up what they are trained on.

        Args:
            data: the set, fitted as for NG (`occset fit --albedo released`): faces with a good fit count, for all alike.
            preset: fitted to the set.
            seed: of the first weights and of the samples.
            start: weights of the same network to start from.
            options: weights of NR, of the perceptual network, and losses to leave out.

        Raises:
            OccsetError: nothing to train on, weights are missing or do not fit, or there is no such loss.
        """
        self.data, self.options = data, options or Options()
        self.preset = preset.without(self.options.without)
        self.reconstructor = load("nr", self.options.reconstruction, "cpu")
        colours = self.reconstructor.layout.colours
        self.face, self.layout = FaceModel(self.reconstructor.model, colours, coarse=True), self.reconstructor.layout
        self.fits = fits_of(data, self.reconstructor.model, colours)
        torch.manual_seed(seed)
        generator: nn.Module = self.network_of(self.preset.shape)
        self.origin = "the network starts from scratch"
        if start is not None:
            self.origin = start_from(generator, start, self.name, self.keeps)
        self.networks: dict[str, nn.Module] = {GENERATOR: generator}
        if self.judge_of is not None and self.preset.judge is not None and self.preset.weights.get("adv"):
            self.networks = {DISCRIMINATOR: self.judge_of(self.preset.judge), **self.networks}
        self.frozen = self.helpers()
        self.made_from = (
            f"set {data.content_hash()[:12]}, {self.origin}, {self.preset.shape}, {self.preset.judge}, "
            f"{dict(self.preset.weights)}, NR {self.reconstructor.revision}"
        )
        self.about: dict[str, Any] = {
            "budget": {**given_to(self.preset), **cost_of(generator, self.size)},
            "features": FEATURES if FEATURES in self.frozen else "",
        }
        self.samples: Samples = RivalSamples(
            data, self.fits, self.size, self.preset.training.epoch_size, seed=seed, mix=self.preset.mix
        )

    count_faces = staticmethod(InpaintingTask.count_faces)

    @property
    def size(self) -> int:
        """Side of the pictures in pixels."""
        return self.preset.shape.size

    def helpers(self) -> dict[str, nn.Module]:
        """Networks that help and never learn: that of the perceptual losses, where one of them has a weight."""
        if not any(self.preset.weights.get(name) for name in WANTING):
            return {}
        return {FEATURES: open_features(self.options.perceptual, _REMEDY)}

    def forward(self, networks: Mapping[str, nn.Module], batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """What is given ("picture", "hole"), the goal ("target", "shown"), "painted" and "filled", the composite."""
        given = self.given(batch)
        told = self.told(networks, batch, given)
        found = networks[GENERATOR](given["picture"], given["hole"], **told)
        filled = composite(found["painted"], given["picture"], given["hole"])
        return {**given, **told, **found, "filled": filled}

    def given(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Arrays of the samples as pictures (B, 3, S, S) on 0..1 and masks (B, 1, S, S) of 0 and 1."""
        picture, target = (batch[name].permute(0, 3, 1, 2).float() / 255 for name in ("image", "clean"))
        hole, shown = ((batch[name][:, None] > 127).float() for name in ("holes", "mask"))
        return {"picture": picture, "target": target, "hole": hole, "shown": shown}

    def told(
        self, networks: Mapping[str, nn.Module], batch: Mapping[str, Tensor], given: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """What the network is told besides, by the names of its arguments: nothing, if a method does not say otherwise."""
        return {}

    def loss(
        self, network: str, networks: Mapping[str, nn.Module], batch: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The method's own."""
        if network == DISCRIMINATOR:
            found, scalars = self.judged(networks[DISCRIMINATOR], batch)
            return found, {name: value.detach() for name, value in scalars.items()}
        parts = self.parts(networks, batch)
        return weighted_sum(parts, self.preset.weights), {name: value.detach() for name, value in parts.items()}

    @abstractmethod
    def parts(self, networks: Mapping[str, nn.Module], batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The losses of the network that is kept, by the names of the preset's weights."""

    def judged(self, judge: nn.Module, batch: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of the discriminator, and scalars for the log; asked of methods that have one, see `judge_of`."""
        raise TypeError(f"{self.name} names a discriminator and not its loss: define judged")

    @cached_property
    def _validation(self) -> dict[str, np.ndarray]:
        if not trainable_faces(self.data, self.fits, "val"):
            return {}
        samples = RivalSamples(self.data, self.fits, self.size, VALIDATION, _VALIDATION_SEED, "val", self.preset.mix)
        drawn = [samples(0, index) for index in range(VALIDATION)]
        return {key: np.stack([one[key] for one in drawn]) for key in drawn[0]}

    def _run(self, networks: Mapping[str, nn.Module], count: int) -> dict[str, Tensor]:
        """What comes out for the first samples of "val"."""
        device = next(networks[GENERATOR].parameters()).device
        found: list[dict[str, Tensor]] = []
        for at in range(0, count, 16):
            batch = {k: torch.from_numpy(v[at : min(count, at + 16)]).to(device) for k, v in self._validation.items()}
            given = self.given(batch)
            told = self.used(networks, batch, given)
            painted = networks[GENERATOR](given["picture"], given["hole"], **told)["painted"].float()
            found.append({**given, "filled": composite(painted, given["picture"], given["hole"])})
        return {key: torch.cat([one[key] for one in found]) for key in found[0]}

    def used(
        self, networks: Mapping[str, nn.Module], batch: Mapping[str, Tensor], given: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """What the network is told besides when it is used: never anything of the clean picture."""
        return {}

    @torch.no_grad()
    def validate(self, networks: Mapping[str, nn.Module]) -> dict[str, float]:
        """Means over samples: "l1" and "psnr" of the hole's part on the clean face; "input_l1", the occluder left there."""
        if not self._validation:
            return {}
        seen = self._run(networks, len(self._validation["image"]))
        hole = seen["hole"] * seen["shown"]
        pixels = hole.flatten(1).sum(1)
        counts = pixels > 0

        def mean(away: Tensor) -> Tensor:
            return (away.mean(1, keepdim=True) * hole).flatten(1).sum(1)[counts] / pixels[counts]

        off = seen["filled"] - seen["target"]
        mse = mean(off.square()).clamp_min(1e-6)
        return {
            "l1": float(mean(off.abs()).mean()),
            "psnr": float((-10 * torch.log10(mse)).mean()),
            "input_l1": float(mean((seen["picture"] - seen["target"]).abs()).mean()),
        }

    @torch.no_grad()
    def pictures(self, networks: Mapping[str, nn.Module]) -> dict[str, np.ndarray]:
        """A strip of validation samples: what is seen, what it was filled with, the clean face."""
        if not self._validation:
            return {}
        seen = self._run(networks, _SHOWN)
        rows = []
        for key in ("picture", "filled", "target"):
            shown = (seen[key].clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
            rows.append(np.hstack(list(shown)))
        return {"validation": np.vstack(rows)}
