"""What NG is stacked from: gated convolutions, gated residual blocks, self-attention. No normalisation in any of them.

A gated convolution (Yu et al. 2019) learns where to look away, of holes filled with noise for example:

    y = a(conv_f(x)) * sigmoid(conv_g(x))

Both convolutions are one with twice the channels. Weights start so that what goes in and what comes out vary alike.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SLOPE = 0.2
"""Of the leaky rectifier below 0."""

_QUIET = 0.1  # gates start nearly open halfway, and residual branches start small


class GatedConvolution(nn.Module):
    """A convolution whose outcome goes through gates that it computes itself."""

    def __init__(self, inside: int, outside: int, kernel: int = 3, stride: int = 1, active: bool = True) -> None:
        """Start with gates at about a half.

        Args:
            inside: channels that come in.
            outside: channels that go out.
            kernel: side of the window, odd; the border is filled with 0.
            stride: sides shrink by it.
            active: whether the features go through a leaky rectifier before the gate.
        """
        super().__init__()
        self.convolution = nn.Conv2d(inside, 2 * outside, kernel, stride, kernel // 2)
        self.active = active
        features, gates = self.convolution.weight.data.chunk(2)
        # gates of a half halve what comes out, so that features start twice as large
        nn.init.kaiming_normal_(features, a=SLOPE if active else 1.0)
        features.mul_(2)
        nn.init.kaiming_normal_(gates, a=1.0).mul_(_QUIET)
        self.convolution.bias.data.zero_()  # type: ignore[union-attr]

    def forward(self, x: Tensor) -> Tensor:
        """(B, inside, H, W) to (B, outside, H / stride, W / stride)."""
        features, gates = self.convolution(x).chunk(2, 1)
        return (F.leaky_relu(features, SLOPE) if self.active else features) * torch.sigmoid(gates)


class GatedResidual(nn.Module):
    """``x + gated(gated(x))``, (B, C, H, W) to the same shape; begins near the identity."""

    def __init__(self, channels: int) -> None:
        """Two gated convolutions, the second one small."""
        super().__init__()
        self.first = GatedConvolution(channels, channels)
        self.second = GatedConvolution(channels, channels, active=False)
        self.second.convolution.weight.data[:channels].mul_(_QUIET)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        y: Tensor = x + self.second(self.first(x))
        return y


class SelfAttention(nn.Module):
    """Every place looks at all others (Zhang et al. 2019): ``x + s * out(softmax(q k^T / sqrt(d)) v)``, s = 0 at first."""

    def __init__(self, channels: int, heads: int = 4) -> None:
        """Split the channels over the heads.

        Args:
            channels: a multiple of ``heads``.
            heads: looks taken at once.
        """
        super().__init__()
        if channels % heads:
            raise ValueError(f"{channels} channels cannot be split over {heads} heads")
        self.heads = heads
        self.looks = nn.Conv2d(channels, 3 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)
        self.scale = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        batch, channels, height, width = x.shape
        looks = self.looks(x).view(batch, 3, self.heads, channels // self.heads, height * width)
        queries, keys, values = looks.transpose(3, 4).unbind(1)
        seen = F.scaled_dot_product_attention(queries, keys, values)
        y: Tensor = x + self.scale * self.out(seen.transpose(2, 3).reshape(batch, channels, height, width))
        return y


class Up(nn.Module):
    """Twice the sides: nearest neighbours, then a gated convolution, (B, inside, H, W) to (B, outside, 2 H, 2 W)."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.gated = GatedConvolution(inside, outside)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inside, H, W) to (B, outside, 2 H, 2 W)."""
        y: Tensor = self.gated(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        return y
