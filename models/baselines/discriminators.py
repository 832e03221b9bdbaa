"""Discriminators of patches: how real each part of a picture looks."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from occset.models.baselines.presets import Shape

SLOPE = 0.2


class PatchDiscriminator(nn.Module):
    """Strided convolutions; the last map has one logit a patch. (B, inside, size, size) to logits and features.

    Levels as `Shape.widths` says, each with half the sides of the one before; squares of `Shape.unshuffle` pixels are
    folded into channels first.
    """

    def __init__(
        self, shape: Shape, inside: int = 3, kernel: int = 4, spectral: bool = True, whole: bool = False
    ) -> None:
        """Random weights.

        Args:
            shape: its size is that of the pictures.
            inside: channels that come in.
            kernel: side of the windows.
            spectral: keep the largest singular value of every convolution at 1 (Miyato et al. 2018).
            whole: one logit for the whole picture, (B, 1, 1, 1).
        """
        super().__init__()
        norm: Callable[[nn.Module], nn.Module] = spectral_norm if spectral else nn.Identity()
        self.unshuffle = shape.unshuffle
        channels = [inside * shape.unshuffle**2, *shape.widths]
        padding = (kernel - 1) // 2
        self.levels = nn.ModuleList(
            norm(nn.Conv2d(before, after, kernel, 2, padding)) for before, after in pairwise(channels)
        )
        side = shape.grid // 2 ** len(shape.widths)
        last = nn.Conv2d(channels[-1], 1, side) if whole else nn.Conv2d(channels[-1], 1, 3, padding=1)
        self.judge = norm(last)

    def forward(self, pictures: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(B, inside, size, size) float on 0..1 to logits (B, 1, h, w) and the features of every level."""
        x = F.pixel_unshuffle(2 * pictures - 1, self.unshuffle).contiguous(memory_format=torch.channels_last)
        features = []
        for level in self.levels:
            x = F.leaky_relu(level(x), SLOPE)
            features.append(x)
        return self.judge(x).float(), features
