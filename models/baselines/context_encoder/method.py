"""The Context Encoder in training, and at work."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from occset.models.baselines.context_encoder.network import ContextDiscriminator, ContextNetwork
from occset.models.baselines.losses import square_over_mask
from occset.models.baselines.painter import Rival
from occset.models.baselines.presets import DISCRIMINATOR
from occset.models.baselines.task import RivalTask
from occset.models.inpainting.losses import adversarial_loss, discriminator_loss


class ContextEncoderTask(RivalTask):
    """``L = .999 Lrec + .001 Ladv`` (Pathak et al. 2016, Eq. 4)."""

    name = "context-encoder"
    network_of = ContextNetwork
    judge_of = ContextDiscriminator

    def parts(self, networks: Mapping[str, nn.Module], batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """ "rec" (Eq. 2), the squared error in the hole, and "adv" (Eq. 3)."""
        found = {"rec": square_over_mask(batch["painted"], batch["target"], batch["hole"])}
        if DISCRIMINATOR in networks:
            found["adv"] = adversarial_loss(networks[DISCRIMINATOR](batch["filled"])[0])
        return found

    def judged(self, judge: nn.Module, batch: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """``- E log D(I) - E log (1 - D(I^))`` (Eq. 3)."""
        real, fake = judge(batch["target"])[0], judge(batch["filled"])[0]
        return discriminator_loss(real, fake), {"real": real.mean(), "fake": fake.mean()}


class ContextEncoder(Rival):
    """The Context Encoder with trained weights."""

    name = "context-encoder"
    citations = ("Pathak et al., Context Encoders: Feature Learning by Inpainting, 2016",)
    network_of = ContextNetwork
