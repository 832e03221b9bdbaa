"""LaFIn's predictor and generator as one network, and its discriminator."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from occset.models.baselines.discriminators import PatchDiscriminator
from occset.models.baselines.lafin.landmarks import LandmarkPredictor, landmark_map
from occset.models.baselines.layers import Residual, ShortLongAttention, at_grid, folded, unfolded
from occset.models.baselines.presets import Shape


class LaFInNetwork(nn.Module):
    """Landmarks, then a U with dilated residual blocks at its coarsest level and attention before the way up.

    `Shape.widths` are the channels of the levels, `Shape.blocks` counts the dilated blocks.
    """

    def __init__(self, shape: Shape) -> None:
        """Random weights."""
        super().__init__()
        self.unshuffle, widths = shape.unshuffle, shape.widths
        self.predictor = LandmarkPredictor(shape.size)
        self.stem = nn.Conv2d(5 * shape.unshuffle**2, widths[0], 5, padding=2)
        levels = range(len(widths) - 1)
        self.down = nn.ModuleList(Residual(widths[i], widths[i + 1], 0.5, normalised=True) for i in levels)
        self.middle = nn.Sequential(
            *(Residual(widths[-1], widths[-1], dilation=2, normalised=True) for _ in range(shape.blocks))
        )
        self.attention = ShortLongAttention(widths[-1], widths[-1])
        self.up = nn.ModuleList(Residual(widths[i + 1], widths[i], 2) for i in levels)
        self.join = nn.ModuleList(nn.Conv2d(2 * widths[i], widths[i], 1) for i in levels)
        self.last = nn.Conv2d(widths[0], 3 * shape.unshuffle**2, 3, padding=1)

    def forward(self, picture: Tensor, hole: Tensor, points: Tensor | None = None) -> dict[str, Tensor]:
        """Paint.

        Args:
            picture: (B, 3, S, S) on 0..1; its values in the hole are not looked at.
            hole: (B, 1, S, S) of 0 and 1.
            points: (B, 68, 2) in widths of the picture; those that are predicted when None.

        Returns:
            "painted" (B, 3, S, S) float32 on 0..1, "predicted" (B, 68, 2), and "map" (B, 1, S, S), what was painted by.
        """
        predicted = self.predictor(picture, hole)
        shown = landmark_map((predicted if points is None else points).detach(), picture.shape[-1])
        x = self.stem(folded(picture, hole, self.unshuffle, shown.to(picture.dtype)))
        skipped = []
        for down in self.down:
            skipped.append(x)
            x = down(x)
        known = 1 - at_grid(hole, x.shape[-1])
        x = self.attention(self.middle(x), x, known)
        for level in reversed(range(len(skipped))):
            x = self.join[level](torch.cat((self.up[level](x), skipped[level]), 1))
        return {"painted": unfolded(self.last(x), self.unshuffle), "predicted": predicted, "map": shown}


class LaFInDiscriminator(PatchDiscriminator):
    """Sees pictures beside the map of their landmarks, (B, 4, S, S)."""

    def __init__(self, shape: Shape) -> None:
        """Random weights."""
        super().__init__(shape, inside=4)
