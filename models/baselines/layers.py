"""Layers that several rivals are made of."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SLOPE = 0.2


class Convolution(nn.Conv2d):
    """A convolution whose weights get the right gradients where it is dilated, too.

    oneDNN, as torch 2.14 has it, returns wrong numbers or NaN as the gradient of a dilated convolution's weights in
    bfloat16, channels last, on processors with AVX512-bf16, where the map is 32 pixels wide or more and the channels that
    come in are no multiple of 16. So channels of zeros make up a multiple; what comes out is the same.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) to (B, out_channels, ...), see `torch.nn.Conv2d`."""
        missing = -self.in_channels % 16
        if not missing or max(self.dilation) == 1 or x.device.type != "cpu":
            return super().forward(x)
        more = (0, 0, 0, 0, 0, missing)
        return self._conv_forward(F.pad(x, more), F.pad(self.weight, more), self.bias)


class Gated(nn.Module):
    """Gated convolution of Yu et al. 2019: ``y = ELU(conv_f(x)) * sigmoid(conv_g(x))``; both convolutions are one.

    NG's own (`occset.models.inpainting.blocks.GatedConvolution`) has another rectifier and no dilation.
    """

    def __init__(self, inside: int, outside: int, kernel: int = 3, stride: int = 1, dilation: int = 1) -> None:
        """Random weights; ``kernel`` is odd."""
        super().__init__()
        self.convolution = Convolution(
            inside, 2 * outside, kernel, stride, dilation * (kernel // 2), dilation, padding_mode="zeros"
        )
        nn.init.kaiming_normal_(self.convolution.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inside, H, W) to (B, outside, H / stride, W / stride)."""
        features, gates = self.convolution(x).chunk(2, 1)
        return self.rectified(features) * torch.sigmoid(gates)

    def rectified(self, features: Tensor) -> Tensor:
        """Its rectifier."""
        return F.elu(features)


class Residual(nn.Module):
    """``short(x) + conv(act(conv(act(x))))``, the sides halved, kept or doubled; (B, inside, H, W) to (B, outside, ...)."""

    def __init__(
        self, inside: int, outside: int, scale: float = 1.0, dilation: int = 1, normalised: bool = False
    ) -> None:
        """Random weights.

        Args:
            inside: channels that come in.
            outside: channels that go out.
            scale: of the sides: 0.5, averaged; 1; or 2, nearest neighbours.
            dilation: of the first convolution.
            normalised: instance normalisation before each rectifier.
        """
        super().__init__()
        self.scale = scale
        self.first = Convolution(inside, outside, 3, 1, dilation, dilation)
        self.second = nn.Conv2d(outside, outside, 3, 1, 1)
        self.short = nn.Conv2d(inside, outside, 1) if inside != outside else nn.Identity()
        self.norms = nn.ModuleList(
            nn.InstanceNorm2d(width, affine=True) if normalised else nn.Identity() for width in (inside, outside)
        )
        for convolution in (self.first, self.second):
            nn.init.kaiming_normal_(convolution.weight, a=SLOPE)
            nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
        self.second.weight.data.mul_(0.5)  # the sum of both ways varies about as much as what came in

    def forward(self, x: Tensor) -> Tensor:
        """(B, inside, H, W) to (B, outside, scale H, scale W)."""
        if self.scale == 2:
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
        y = self.first(F.leaky_relu(self.norms[0](x), SLOPE))
        y = self.short(x) + self.second(F.leaky_relu(self.norms[1](y), SLOPE))
        return F.avg_pool2d(y, 2) if self.scale == 0.5 else y


class ShortLongAttention(nn.Module):
    """Short and long term attention (Zheng et al. 2019, Eqs. 6 to 9; LaFIn has it too).

    The decoder's map looks at itself, and with the same weights at what the encoder saw there:

        A = softmax( Q^T Q ),  Q = W d            how much place i looks at place j
        short:  y = g_d (d A) + d
        long:   z = g_e (1 - M) (e A) + M e        M = 1 where the picture is known
        out = conv( y, z )

    g_d and g_e start at 0.
    """

    def __init__(self, channels: int, before: int) -> None:
        """Random weights.

        Args:
            channels: of the decoder's map.
            before: of the encoder's map.
        """
        super().__init__()
        self.query = nn.Conv2d(channels, max(1, channels // 4), 1)
        self.short_scale = nn.Parameter(torch.zeros(()))
        self.long_scale = nn.Parameter(torch.zeros(()))
        self.join: nn.Module = Residual(channels + before, channels)

    def looks(self, decoded: Tensor) -> Tensor:
        """(B, N, N): row i says where place i looks; each row adds to 1."""
        query = self.query(decoded).flatten(2)
        return torch.softmax((query.transpose(1, 2) @ query).float(), 2)

    def forward(self, decoded: Tensor, encoded: Tensor, known: Tensor) -> Tensor:
        """Attend.

        Args:
            decoded: (B, channels, h, w).
            encoded: (B, before, h, w), of the same picture.
            known: (B, 1, h, w), 1 where all of a place is known.
        """
        looks = self.looks(decoded).transpose(1, 2)

        def gather(values: Tensor) -> Tensor:
            return (values.flatten(2) @ looks.to(values.dtype)).view_as(values)

        known = known.to(encoded.dtype)
        short = self.short_scale * gather(decoded) + decoded
        long = self.long_scale * (1 - known) * gather(encoded) + known * encoded
        found: Tensor = self.join(torch.cat((short, long.to(short.dtype)), 1))
        return found


def folded(picture: Tensor, hole: Tensor, unshuffle: int, *more: Tensor) -> Tensor:
    """What most rivals are given: the picture on -1..1, 0 in the hole, beside the hole and others, folded.

    Args:
        picture: (B, 3, H, W) on 0..1.
        hole: (B, 1, H, W) of 0 and 1.
        unshuffle: squares of this side become channels.
        more: further maps (B, n, H, W).
    """
    stacked = torch.cat(((2 * picture - 1) * (1 - hole), hole, *more), 1)
    return F.pixel_unshuffle(stacked, unshuffle).contiguous(memory_format=torch.channels_last)


def unfolded(answer: Tensor, unshuffle: int) -> Tensor:
    """A last map (B, 3 unshuffle^2, h, w) as a picture (B, 3, H, W) float32 on 0..1."""
    return torch.sigmoid(F.pixel_shuffle(answer, unshuffle).float())


def at_grid(mask: Tensor, side: int) -> Tensor:
    """A mask (B, 1, S, S) of 0 and 1 at a coarser grid: whatever it touches is 1."""
    return F.max_pool2d(mask, mask.shape[-1] // side)
