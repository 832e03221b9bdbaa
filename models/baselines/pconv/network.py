"""Partial convolutions, and the U-Net that is made of them.

With X the values under a window, M which of them are known (0 or 1), W and b the weights (Liu et al. 2018, Eqs. 1 and 2):

    x' = W^T (X * M) * sum(1) / sum(M) + b   where sum(M) > 0,   0 elsewhere
    m' = 1                                   where sum(M) > 0,   0 elsewhere
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from occset.models.baselines.presets import Shape

SLOPE = 0.2


class PartialConvolution(nn.Module):
    """A convolution of what is known. What lies beyond the picture's border counts as unknown, and is made up for too."""

    def __init__(self, inside: int, outside: int, kernel: int = 3, stride: int = 1) -> None:
        """Random weights; ``kernel`` is odd."""
        super().__init__()
        self.convolution = nn.Conv2d(inside, outside, kernel, stride, kernel // 2, bias=False)
        self.bias = nn.Parameter(torch.zeros(outside))
        nn.init.kaiming_normal_(self.convolution.weight)
        self.inside, self.kernel, self.stride = inside, kernel, stride

    def forward(self, x: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        """Look at what is known.

        Args:
            x: (B, inside, H, W).
            known: (B, inside, H, W), or (B, 1, H, W) for all channels alike, of 0 and 1.

        Returns:
            (B, outside, H / stride, W / stride), and which of its places knew anything, (B, 1, ...) float32.
        """
        total = known.float().sum(1, keepdim=True) * (self.inside // known.shape[1])
        # pooling and not a convolution, which could count in bfloat16 and only to 256
        held = F.avg_pool2d(total, self.kernel, self.stride, self.kernel // 2) * self.kernel**2
        some = (held > 0.5).float()
        scale = some * (self.inside * self.kernel**2) / held.clamp_min(1)
        y = self.convolution(x * known.to(x.dtype))
        return y * scale.to(y.dtype) + self.bias.to(y.dtype)[:, None, None] * some.to(y.dtype), some


class PartialUNet(nn.Module):
    """Levels that each halve the sides, and as many that double them; the last one sees the picture itself again.

    `Shape.widths` are the channels of the levels. Windows of the first two are of 7 and 5 pixels, the others of 3.
    """

    def __init__(self, shape: Shape, windows: tuple[int, ...] = (7, 5)) -> None:
        """Random weights; the sides of what goes in are multiples of 2 to the number of levels, times `unshuffle`.

        Args:
            shape: see above.
            windows: sides of those of the first levels; those of the others are 3.
        """
        super().__init__()
        self.unshuffle = shape.unshuffle
        channels = [3 * shape.unshuffle**2, *shape.widths]
        kernels = [*windows, *[3] * len(shape.widths)]
        self.down = nn.ModuleList(
            PartialConvolution(channels[i], channels[i + 1], kernels[i], 2) for i in range(len(shape.widths))
        )
        self.down_norm = nn.ModuleList(
            nn.BatchNorm2d(width) if at else nn.Identity() for at, width in enumerate(shape.widths)
        )
        self.up = nn.ModuleList(
            PartialConvolution(channels[i + 1] + channels[i], channels[i]) for i in range(len(shape.widths))
        )
        self.up_norm = nn.ModuleList(nn.BatchNorm2d(width) for width in shape.widths[:-1])

    def forward(self, picture: Tensor, hole: Tensor) -> dict[str, Tensor]:
        """Paint.

        Args:
            picture: (B, 3, H, W) on 0..1; its values in the hole are not looked at.
            hole: (B, 1, H, W), 1 = paint here.

        Returns:
            "painted", (B, 3, H, W) float32 on 0..1.
        """
        return {"painted": torch.sigmoid(self.painted((2 * picture - 1) * (1 - hole), 1 - hole).float())}

    def painted(self, x: Tensor, known: Tensor) -> Tensor:
        """What the last convolution says, (B, 3, H, W), of pictures (B, 3, H, W) and what is known of them, (B, 1, H, W)."""
        x = F.pixel_unshuffle(x, self.unshuffle).contiguous(memory_format=torch.channels_last)
        seen = F.pixel_unshuffle(known.expand(-1, 3, -1, -1), self.unshuffle)
        skipped = []
        for convolution, norm in zip(self.down, self.down_norm, strict=True):
            skipped.append((x, seen))
            x, seen = convolution(x, seen)
            x = F.relu(norm(x))
        for level in reversed(range(len(skipped))):
            beside, held = skipped[level]
            x, seen = (F.interpolate(values, scale_factor=2.0, mode="nearest") for values in (x, seen))
            both = torch.cat((seen.expand(-1, x.shape[1], -1, -1), held.expand(-1, beside.shape[1], -1, -1)), 1)
            x, seen = self.up[level](torch.cat((x, beside.to(x.dtype)), 1), both)
            x = F.leaky_relu(self.up_norm[level - 1](x), SLOPE) if level else x
        return F.pixel_shuffle(x, self.unshuffle)
