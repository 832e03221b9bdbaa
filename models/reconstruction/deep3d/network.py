"""The network as it was published: a ResNet-50, the mean over all places, and a 1 x 1 convolution for each part.

Names are those of its state dict: ``backbone.*`` and ``final_layers.0`` to ``final_layers.6``.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from occset.models.segmentation.architecture import build_encoder

HEADS = (80, 64, 80, 3, 27, 2, 1)
"""Numbers of each head in order: identity, expression, texture, angles, gamma, shift across and up, shift to the viewer."""

_CHANNELS = 2048


class Raw(NamedTuple):
    """What the heads say of B faces, in their own units.

    Attributes:
        identity: (B, 80); expression: (B, 64); texture: (B, 80): standard deviations.
        angles: (B, 3) radians about x, y, z.
        gamma: (B, 27) nine harmonics of red, then of green, then of blue.
        shift: (B, 3) decimetres.
    """

    identity: Tensor
    expression: Tensor
    texture: Tensor
    angles: Tensor
    gamma: Tensor
    shift: Tensor


class Deep3dNetwork(nn.Module):
    """Pictures to what the heads say, one behind the other."""

    def __init__(self) -> None:
        """Random weights.

        Raises:
            MissingExtra: segmentation_models_pytorch is not installed.
        """
        super().__init__()
        self.backbone = build_encoder("resnet50")
        self.final_layers = nn.ModuleList(nn.Conv2d(_CHANNELS, count, 1) for count in HEADS)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, 224, 224) RGB on 0..1, not normalised, to (B, 257)."""
        deepest = self.backbone(x)[-1].mean((2, 3), keepdim=True)
        return torch.cat([head(deepest) for head in self.final_layers], 1).flatten(1)


def split(raw: Tensor) -> Raw:
    """(B, 257) of the network to its parts."""
    identity, expression, texture, angles, gamma, across, ahead = raw.split(HEADS, dim=1)
    return Raw(identity, expression, texture, angles, gamma, torch.cat((across, ahead), 1))
