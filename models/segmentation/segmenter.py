"""NS ready for use: pictures in, soft masks of the visible face out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from occset.models.pretrained import Pretrained, scaled
from occset.models.segmentation.network import Architecture, pooled_features, to_input
from occset.support.errors import BadInput


class FaceSegmenter(Pretrained):
    """NS with trained weights.

    A method of the bench's segmentation protocols, and what mining looks at faces with.
    """

    name = "ns"
    citations = ("Yin et al., Segmentation-Reconstruction-Guided Facial Image De-occlusion, 2021",)

    def build(self, about: Mapping[str, Any]) -> nn.Module:
        """The U-Net that "encoder", "decoder" and "size" describe."""
        return Architecture(about["encoder"], tuple(about["decoder"]), int(about["size"])).build()

    @property
    def size(self) -> int:
        """Side in pixels at which the network looks at pictures."""
        return int(self.about["network"]["size"])

    def _inputs(self, images: np.ndarray) -> Iterator[Tensor]:
        """Normalised batches at the network's size, on its device."""
        for batch in self.batches(images):
            yield scaled(to_input(batch), self.size)

    @torch.inference_mode()
    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """How surely each pixel is visible face.

        Args:
            images: (B, H, W, 3) uint8 RGB, aligned faces, of any size.

        Returns:
            (B, H, W) float32 on 0..1.

        Raises:
            BadInput: the weights are none of NS, or what comes out of them is not finite.
        """
        shape = images.shape[1:3]
        found = [np.zeros((0, *shape), np.float32)]
        for x in self._inputs(images):
            p = torch.sigmoid(self.network(x))
            if not torch.isfinite(p).all():  # weights that are finite can still overflow
                raise BadInput(
                    f"{self.weights}: what the network answers is not finite: restore the file, or name another"
                )
            found.append(F.interpolate(p, size=shape, mode="bilinear", align_corners=False)[:, 0].cpu().numpy())
        return np.concatenate(found)

    def segment(self, images: np.ndarray) -> np.ndarray:
        """(B, H, W, 3) uint8 RGB in; (B, H, W) uint8 soft masks out, 255 = certainly visible face."""
        return np.rint(self.probabilities(images) * 255).astype(np.uint8)

    @torch.inference_mode()
    def features(self, images: np.ndarray) -> np.ndarray:
        """What the encoder sees: (B, H, W, 3) uint8 RGB to (B, D) float32, its deepest map averaged over the picture."""
        network = self.network
        found = [pooled_features(network, x).cpu().numpy() for x in self._inputs(images)]
        return np.concatenate(found) if found else np.zeros((0, 0), np.float32)
