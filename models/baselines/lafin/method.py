"""LaFIn in training, and at work."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from occset.dataset.occlusion_set import OcclusionSet
from occset.models.baselines.features import FEATURES, looked_at
from occset.models.baselines.lafin.network import LaFInDiscriminator, LaFInNetwork
from occset.models.baselines.losses import l1_over_share, square_discriminator, square_generator
from occset.models.baselines.painter import Rival
from occset.models.baselines.presets import DISCRIMINATOR, GENERATOR, Options, RivalPreset
from occset.models.baselines.task import RivalTask
from occset.models.inpainting.losses import total_variation_loss


class LaFInTask(RivalTask):
    """``L = Lpixel + .1 Ltv + Lstyle + Lperc + .01 Ladv`` (Yang et al. 2019, Eq. 7), and the landmarks' own (Eq. 1)."""

    name = "lafin"
    network_of = LaFInNetwork
    judge_of = LaFInDiscriminator

    def __init__(
        self,
        data: OcclusionSet,
        preset: RivalPreset,
        seed: int = 0,
        start: str | Path | None = None,
        options: Options | None = None,
    ) -> None:
        """See `RivalTask`; the predictor starts from the mean face unless it goes on from weights."""
        super().__init__(data, preset, seed, start, options)
        if start is None:
            mean: Any = self.networks[GENERATOR].predictor
            mean.start_from(self.points(self.layout.typical()[0][None])[0])

    def points(self, vectors: Tensor) -> Tensor:
        """Landmarks (B, 68, 2), in widths of the picture, of (B, D) coefficients."""
        self.face.to(vectors.device)
        return (self.face.landmarks(self.layout.split(vectors), self.size) + 0.5) / self.size

    @torch.no_grad()
    def told(
        self, networks: Mapping[str, nn.Module], batch: Mapping[str, Tensor], given: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """ "points": those of the face's fit."""
        return {"points": self.points(batch["vector"])}

    def parts(self, networks: Mapping[str, nn.Module], batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """ "points" (Eq. 1), "pixel" (Eq. 2), "style" (Eq. 3), "perceptual" (Eq. 4), "tv" (Eq. 5) and "adv" (Eq. 6)."""
        found = {
            "points": (batch["predicted"] - batch["points"]).square().sum(2).mean(),
            "pixel": l1_over_share(batch["painted"], batch["target"], batch["hole"]),
            "tv": total_variation_loss(batch["filled"]),
        }
        if DISCRIMINATOR in networks:
            found["adv"] = square_generator(networks[DISCRIMINATOR](_beside(batch, "filled"))[0])
        return found | (looked_at(networks[FEATURES], batch["target"], batch["filled"]) if FEATURES in networks else {})

    def judged(self, judge: nn.Module, batch: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Least squares (Eq. 6), of pictures beside their true landmarks."""
        real, fake = judge(torch.cat((_beside(batch, "target"), _beside(batch, "filled"))))[0].chunk(2)
        return square_discriminator(real, fake), {"real": real.mean(), "fake": fake.mean()}


def _beside(batch: Mapping[str, Tensor], name: str) -> Tensor:
    return torch.cat((batch[name], batch["map"]), 1)


class LaFIn(Rival):
    """LaFIn with trained weights."""

    name = "lafin"
    citations = ("Yang et al., LaFIn: Generative Landmark Guided Face Inpainting, 2019",)
    network_of = LaFInNetwork
