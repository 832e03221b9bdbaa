"""DeepFill-v2 in training, and at work."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from occset.models.baselines.deepfill_v2.network import DeepFillDiscriminator, DeepFillNetwork
from occset.models.baselines.losses import hinge_discriminator, hinge_generator
from occset.models.baselines.painter import Rival
from occset.models.baselines.presets import DISCRIMINATOR
from occset.models.baselines.task import RivalTask


class DeepFillTask(RivalTask):
    """L1 of both pictures and the hinge loss of a discriminator of patches (Yu et al. 2019, 3.4)."""

    name = "deepfill-v2"
    network_of = DeepFillNetwork
    judge_of = DeepFillDiscriminator

    def parts(self, networks: Mapping[str, nn.Module], batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """ "l1" of the refined and "coarse" of the first picture, all of them, and "adv" (Eq. 2)."""
        found = {
            "l1": (batch["painted"] - batch["target"]).abs().mean(),
            "coarse": (batch["coarse"] - batch["target"]).abs().mean(),
        }
        if DISCRIMINATOR in networks:
            found["adv"] = hinge_generator(networks[DISCRIMINATOR](_beside(batch, "filled"))[0])
        return found

    def judged(self, judge: nn.Module, batch: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """The hinge loss (Eq. 3), of real and painted pictures in one pass."""
        both = torch.cat((_beside(batch, "target"), _beside(batch, "filled")))
        real, fake = judge(both)[0].chunk(2)
        return hinge_discriminator(real, fake), {"real": real.mean(), "fake": fake.mean()}


def _beside(batch: Mapping[str, Tensor], name: str) -> Tensor:
    return torch.cat((batch[name], batch["hole"]), 1)


class DeepFill(Rival):
    """DeepFill-v2 with trained weights."""

    name = "deepfill-v2"
    citations = ("Yu et al., Free-Form Image Inpainting with Gated Convolution, 2019",)
    network_of = DeepFillNetwork
