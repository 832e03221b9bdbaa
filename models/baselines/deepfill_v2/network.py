"""The two networks of DeepFill-v2 as one, and its discriminator."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from occset.models.baselines.deepfill_v2.attention import attend
from occset.models.baselines.discriminators import PatchDiscriminator
from occset.models.baselines.layers import Gated, at_grid, folded, unfolded
from occset.models.baselines.losses import composite
from occset.models.baselines.presets import Shape


class DeepFillNetwork(nn.Module):
    """Coarse, then refined. `Shape.widths` are the channels of the levels, `Shape.blocks` counts dilated convolutions."""

    def __init__(self, shape: Shape) -> None:
        """Random weights."""
        super().__init__()
        self.unshuffle, width = shape.unshuffle, shape.widths[-1]
        inside = 4 * shape.unshuffle**2
        self.coarse = nn.Sequential(_down(inside, shape), _dilated(width, shape.blocks), _Up(shape))
        self.plain = nn.Sequential(_down(inside, shape), _dilated(width, shape.blocks))
        self.looking = _down(inside, shape)
        self.looked = nn.Sequential(Gated(width, width), Gated(width, width))
        self.merged = nn.Sequential(Gated(2 * width, width), Gated(width, width), _Up(shape))

    def forward(self, picture: Tensor, hole: Tensor) -> dict[str, Tensor]:
        """Paint.

        Args:
            picture: (B, 3, H, W) on 0..1; its values in the hole are not looked at.
            hole: (B, 1, H, W) of 0 and 1.

        Returns:
            "painted" and "coarse", (B, 3, H, W) float32 on 0..1.
        """
        coarse = unfolded(self.coarse(folded(picture, hole, self.unshuffle)), self.unshuffle)
        filled = 2 * composite(coarse, picture, hole) - 1
        x = F.pixel_unshuffle(torch.cat((filled, hole), 1), self.unshuffle)
        x = x.contiguous(memory_format=torch.channels_last)
        seen = self.looking(x)
        copied = self.looked(attend(seen, at_grid(hole, seen.shape[-1])))
        answer = self.merged(torch.cat((self.plain(x), copied), 1))
        return {"painted": unfolded(answer, self.unshuffle), "coarse": coarse}


class _Up(nn.Module):
    """Back to the folded picture: (B, widths[-1], h, w) to (B, 3 unshuffle^2, H, W)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        widths = shape.widths[::-1]
        self.levels = nn.ModuleList(
            nn.Sequential(Gated(widths[i], widths[i + 1]), Gated(widths[i + 1], widths[i + 1]))
            for i in range(len(widths) - 1)
        )
        self.last = nn.Conv2d(widths[-1], 3 * shape.unshuffle**2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        for level in self.levels:
            x = level(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        answer: Tensor = self.last(x)
        return answer


def _down(inside: int, shape: Shape) -> nn.Sequential:
    widths = shape.widths
    levels = [Gated(inside, widths[0], 5)]
    for before, after in zip(widths[:-1], widths[1:], strict=True):  # noqa: RUF007 - reads as it is drawn
        levels += [Gated(before, after, 3, 2), Gated(after, after)]
    return nn.Sequential(*levels)


def _dilated(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(Gated(width, width, dilation=2 ** (i + 1)) for i in range(count)), Gated(width, width))


class DeepFillDiscriminator(PatchDiscriminator):
    """SN-PatchGAN: windows of 5 x 5, spectral norm; sees pictures beside their holes, (B, 4, S, S)."""

    def __init__(self, shape: Shape) -> None:
        """Random weights."""
        super().__init__(shape, inside=4, kernel=5)
