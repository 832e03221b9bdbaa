"""FD3D in training, and at work."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from occset.models.baselines.discriminators import PatchDiscriminator
from occset.models.baselines.fd3d.network import FD3DNetwork
from occset.models.baselines.painter import Rival
from occset.models.baselines.presets import DISCRIMINATOR
from occset.models.baselines.task import RivalTask
from occset.models.inpainting.losses import adversarial_loss, discriminator_loss
from occset.models.pretrained import load, scaled
from occset.models.reconstruction.drawer import bounded
from occset.models.reconstruction.reconstructor import FaceReconstructor
from occset.models.segmentation.network import to_input
from occset.support.errors import BadInput

RECONSTRUCTION = "reconstruction"


class FD3DTask(RivalTask):
    """``L = Lrec + .01 Ladv``, both of the whole picture."""

    name = "fd3d"
    network_of = FD3DNetwork
    judge_of = PatchDiscriminator

    def helpers(self) -> dict[str, nn.Module]:
        """NR, whose rendered face stands beside the photo."""
        self.looks_at: int = self.reconstructor.size
        return {**super().helpers(), RECONSTRUCTION: self.reconstructor.network}

    @torch.no_grad()
    def told(
        self, networks: Mapping[str, nn.Module], batch: Mapping[str, Tensor], given: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """ "render": what NR makes of the occluded picture."""
        self.face.to(batch["image"].device)
        vectors = networks[RECONSTRUCTION](scaled(to_input(batch["image"]), self.looks_at))
        view = self.face(bounded(self.layout.split(vectors)), self.size)
        return {"render": view.image.clamp(0, 1) * view.mask}

    used = told

    def parts(self, networks: Mapping[str, nn.Module], batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """ "rec", the L1 of the whole picture, and "adv"."""
        found = {"rec": (batch["painted"] - batch["target"]).abs().mean()}
        if DISCRIMINATOR in networks:
            found["adv"] = adversarial_loss(networks[DISCRIMINATOR](batch["painted"])[0])
        return found

    def judged(self, judge: nn.Module, batch: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """``- E log D(I) - E log (1 - D(I^))``, over patches."""
        real, fake = judge(torch.cat((batch["target"], batch["painted"])))[0].chunk(2)
        return discriminator_loss(real, fake), {"real": real.mean(), "fake": fake.mean()}


class FD3D(Rival):
    """FD3D with trained weights, behind NR's. Automatic: it finds by itself what is to be painted, which is everything."""

    name = "fd3d"
    given = ()
    citations = ("Yuan and Park, Face De-Occlusion Using 3D Morphable Model and Generative Adversarial Network, 2019",)
    network_of = FD3DNetwork

    def __init__(self, weights: Path | None = None, device: str = "auto", threads: int | None = None) -> None:
        """Find the weights, and NR's: those that the variable OCCSET_NR names, or the released ones.

        Raises:
            BadInput: there are none.
        """
        super().__init__(weights, device, threads)
        self.reconstructor: FaceReconstructor = load("nr", None, device, threads)
        both = self.weights_hash + self.reconstructor.weights_hash
        self.weights_hash = hashlib.sha256(both.encode()).hexdigest()
        self.revision = self.weights_hash[:12]

    @torch.no_grad()
    def deocclude(self, images: np.ndarray, masks: np.ndarray | None = None) -> np.ndarray:
        """Paint whole pictures.

        Args:
            images: (B, S, S, 3) uint8 RGB.
            masks: not looked at.

        Returns:
            (B, S, S, 3) uint8 RGB.

        Raises:
            BadInput: the pictures are no squares, or what comes out is not finite.
        """
        images = np.asarray(images)
        if images.ndim != 4 or images.shape[1] != images.shape[2]:
            raise BadInput(f"{self.title} takes square pictures of aligned faces, not {images.shape}")
        found = [np.zeros((0, *images.shape[1:]), np.uint8)]
        for batch in self.batches(images):
            view = self.reconstructor.drawer.view(self.reconstructor.vectors(batch), self.size)
            picture = scaled(batch.permute(0, 3, 1, 2).float() / 255, self.size)
            painted = self.network(picture, None, view.image.clamp(0, 1) * view.mask)["painted"]
            if not torch.isfinite(painted).all():
                raise BadInput(f"{self.weights}: what the network answers is not finite: restore the file")
            whole = scaled(painted, images.shape[1]).clamp(0, 1)
            found.append((whole * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy())
        return np.concatenate(found)
