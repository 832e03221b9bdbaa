"""PICNet in training, and at work."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from occset.models.baselines.losses import l1_over_picture, square_discriminator, square_generator
from occset.models.baselines.painter import Rival
from occset.models.baselines.picnet.gaussians import Gaussian, divergence, fixed_noise, narrowed
from occset.models.baselines.picnet.network import PICDiscriminator, PICNetwork
from occset.models.baselines.presets import DISCRIMINATOR
from occset.models.baselines.task import RivalTask


class PICNetTask(RivalTask):
    """``L = 20 (KL_r + KL_g) + 20 (L1_r + L1_g) + (Lad_r + Lad_g)`` (Zheng et al. 2019, Eq. 11)."""

    name = "picnet"
    network_of = PICNetwork
    judge_of = PICDiscriminator

    def told(
        self, networks: Mapping[str, nn.Module], batch: Mapping[str, Tensor], given: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """ "target", for the reconstructive path."""
        return {"target": given["target"]}

    def parts(self, networks: Mapping[str, nn.Module], batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Of the two paths the divergences, the L1, and what the discriminators say.

        Of the reconstructive path "kl_fixed", posterior and fixed prior, "rec", and "match", features of its discriminator;
        of the generative one "kl", posterior and inferred prior, "visible", L1 where the picture shows, and "adv".
        """
        target, hole = batch["target"], batch["hole"]
        prior, posterior = (Gaussian(*batch[name].unbind(1)) for name in ("prior", "posterior"))
        found = {
            "kl_fixed": divergence(posterior, narrowed(hole, posterior.mean)),
            "kl": divergence(posterior, prior),
            "rec": (batch["rebuilt"] - target).abs().mean(),
            "visible": l1_over_picture(batch["painted"], target, 1 - hole),
        }
        if DISCRIMINATOR in networks:
            judge = networks[DISCRIMINATOR]
            with torch.no_grad():
                wanted = judge(target, "rebuilt")[1][-1]
            found["match"] = (judge(batch["rebuilt"], "rebuilt")[1][-1] - wanted).square().mean()
            found["adv"] = square_generator(judge(batch["filled"], "painted")[0])
        return found

    def judged(self, judge: nn.Module, batch: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Least squares for both paths; the generative one is judged by its composite."""
        total = batch["target"].new_zeros(())
        told: dict[str, Tensor] = {}
        for path, name in (("rebuilt", "rebuilt"), ("painted", "filled")):
            real, fake = judge(torch.cat((batch["target"], batch[name])), path)[0].chunk(2)
            total = total + square_discriminator(real, fake)
            told |= {f"real_{path}": real.mean(), f"fake_{path}": fake.mean()}
        return total, told


class PICNet(Rival):
    """PICNet with trained weights: one fixed draw, one picture."""

    name = "picnet"
    citations = ("Zheng et al., Pluralistic Image Completion, 2019",)
    network_of = PICNetwork
    seed = 0
    draws = 10
    """For the columns of the best of them by the truth; the published figures are of fifty."""

    def draw(self, images: np.ndarray, masks: np.ndarray | None, number: int) -> np.ndarray:
        """As `deocclude`, by another draw; that of number 0 is its own."""
        channels, side = self.network.noise.shape[1:3]
        return self.repainted(images, masks, noise=fixed_noise(channels, side, self.seed + number))
