"""The Context Encoder's network, and its discriminator."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from occset.models.baselines.discriminators import PatchDiscriminator
from occset.models.baselines.layers import SLOPE, folded, unfolded
from occset.models.baselines.presets import Shape


class ChannelWise(nn.Module):
    """A dense layer for each channel by itself (Pathak et al. 2016, 3.1): C n^4 weights and not C^2 n^4.

    ``y[c] = x[c] W[c] + b[c]`` of the n^2 places of a map.
    """

    def __init__(self, channels: int, side: int) -> None:
        """Random weights for maps of ``side`` x ``side``."""
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels, side**2, side**2) / side)
        self.bias = nn.Parameter(torch.zeros(channels, 1, side**2))

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, side, side) to the same shape."""
        each = x.flatten(2).transpose(0, 1)  # (C, B, n^2)
        return (each @ self.weight + self.bias.to(each.dtype)).transpose(0, 1).reshape(x.shape)


class ContextNetwork(nn.Module):
    """Down by strided convolutions, across by `ChannelWise` and a 1 x 1 convolution, up by transposed ones.

    `Shape.widths` are the channels of the levels, each of which halves the sides; it works at `Shape.size` alone.
    """

    def __init__(self, shape: Shape) -> None:
        """Random weights."""
        super().__init__()
        self.unshuffle = shape.unshuffle
        channels, squares = shape.widths, shape.unshuffle**2
        before = [4 * squares, *channels]
        self.down = nn.Sequential(
            *(
                nn.Sequential(nn.Conv2d(before[i], width, 4, 2, 1), nn.BatchNorm2d(width), nn.LeakyReLU(SLOPE))
                for i, width in enumerate(channels)
            )
        )
        self.across = ChannelWise(channels[-1], shape.grid // 2 ** len(channels))
        self.mixed = nn.Conv2d(channels[-1], channels[-1], 1)
        after = [*reversed(channels), 3 * squares]
        self.up = nn.ModuleList(nn.ConvTranspose2d(after[i], after[i + 1], 4, 2, 1) for i in range(len(channels)))
        self.up_norm = nn.ModuleList(nn.BatchNorm2d(width) for width in after[:-1])

    def forward(self, picture: Tensor, hole: Tensor) -> dict[str, Tensor]:
        """(B, 3, S, S) on 0..1 and (B, 1, S, S) of 0 and 1 to "painted", (B, 3, S, S) float32 on 0..1."""
        x = self.down(folded(picture, hole, self.unshuffle))
        x = self.mixed(self.across(x))
        for norm, up in zip(self.up_norm, self.up, strict=True):
            x = up(F.relu(norm(x)))
        return {"painted": unfolded(x, self.unshuffle)}


class ContextDiscriminator(PatchDiscriminator):
    """Of whole pictures."""

    def __init__(self, shape: Shape) -> None:
        """Random weights."""
        super().__init__(shape, spectral=False, whole=True)
