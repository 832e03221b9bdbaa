"""The discriminator of NG, of VGG's shape: which one is built, `DiscriminatorArchitecture` says."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from occset.models.inpainting.architecture import DiscriminatorArchitecture
from occset.models.inpainting.blocks import SLOPE
from occset.support.errors import OccsetError


class Discriminator(nn.Module):
    """Pictures (B, 3, size, size) on 0..1 to how real they look; no normalisation, so that R1 means what it says."""

    def __init__(self, architecture: DiscriminatorArchitecture) -> None:
        """Random weights."""
        super().__init__()
        self.architecture = architecture
        inside = 3 * architecture.unshuffle**2
        self.levels = nn.ModuleList()
        for width in architecture.widths:
            self.levels.append(_Level(inside, width))
            inside = width
        side = architecture.size // (architecture.unshuffle * 2 ** len(architecture.widths))
        self.dense = nn.Linear(inside * side**2, architecture.dense)
        self.judge = nn.Linear(architecture.dense, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, a=SLOPE)
                module.bias.data.zero_()  # type: ignore[union-attr]

    def forward(self, pictures: Tensor) -> tuple[Tensor, list[Tensor]]:
        """How real pictures look, and what was seen on the way.

        Args:
            pictures: (B, 3, size, size) float on 0..1.

        Returns:
            Logits (B, 1), above 0 for what looks real; and the features of each level before its sides are halved,
            (B, width, h, w), for `adversarial.feature_matching_loss`.

        Raises:
            OccsetError: the pictures are of another size than it was built for.
        """
        size = self.architecture.size
        if tuple(pictures.shape[1:]) != (3, size, size):
            raise OccsetError(f"this discriminator judges (B, 3, {size}, {size}), not {tuple(pictures.shape)}")
        x = F.pixel_unshuffle(2 * pictures - 1, self.architecture.unshuffle)
        x = x.contiguous(memory_format=torch.channels_last)
        features = []
        for level in self.levels:
            x = level(x)
            features.append(x)
            x = F.avg_pool2d(x, 2)
        x = F.leaky_relu(self.dense(x.flatten(1)), SLOPE)
        return self.judge(x).float(), features


class _Level(nn.Module):
    """Two convolutions, (B, inside, H, W) to (B, width, H, W)."""

    def __init__(self, inside: int, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inside, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(self.second(F.leaky_relu(self.first(x), SLOPE)), SLOPE)
