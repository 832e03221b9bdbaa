"""PConv in training, and at work."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from occset.models.baselines.features import FEATURES, looked_at
from occset.models.baselines.losses import hole_variation, l1_over_picture
from occset.models.baselines.painter import Rival
from occset.models.baselines.pconv.network import PartialUNet
from occset.models.baselines.task import RivalTask


class PConvTask(RivalTask):
    """``L = Lvalid + 6 Lhole + Lperceptual + Lstyle + 0.1 Ltv`` (Liu et al. 2018, Eq. 7)."""

    name = "pconv"
    network_of = PartialUNet

    def parts(self, networks: Mapping[str, nn.Module], batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """ "valid", "hole" (Eq. 3), "tv" (Eq. 6), and through features "perceptual" (Eq. 4) and "style" (Eq. 5)."""
        painted, target, hole, filled = (batch[name] for name in ("painted", "target", "hole", "filled"))
        found = {
            "valid": l1_over_picture(painted, target, 1 - hole),
            "hole": l1_over_picture(painted, target, hole),
            "tv": hole_variation(filled, hole),
        }
        return found | (looked_at(networks[FEATURES], target, painted, filled) if FEATURES in networks else {})


class PConv(Rival):
    """PConv with trained weights."""

    name = "pconv"
    citations = ("Liu et al., Image Inpainting for Irregular Holes Using Partial Convolutions, 2018",)
    network_of = PartialUNet
