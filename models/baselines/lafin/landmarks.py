"""Landmarks of a masked face, and the map that shows them. Points are (x, y) in widths of the picture, 0 its left edge."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from occset.models.baselines.layers import SLOPE, folded

POINTS = 68
_FOLD, _WIDTHS = 4, (32, 64, 96)


def landmark_map(points: Tensor, size: int, spread: float = 1.0) -> Tensor:
    """A map that is 1 where a landmark is and falls off like a Gaussian around it.

        m(p) = max over landmarks q of  exp( -|| p - q ||^2 / 2 spread^2 )

    Args:
        points: (B, N, 2) in widths of the picture.
        size: side of the map; pixel centres are at halves.
        spread: in pixels.

    Returns:
        (B, 1, size, size) float on 0..1.
    """
    centres = torch.arange(size, device=points.device, dtype=points.dtype) + 0.5
    off = (points.unsqueeze(-1) * size - centres).square() / (-2 * spread**2)  # (B, N, 2, size)
    each = off.exp()
    return (each[:, :, 1, :, None] * each[:, :, 0, None, :]).amax(1, keepdim=True)


class LandmarkPredictor(nn.Module):
    """Finds the landmarks: strided convolutions and a dense layer, from the mean face on."""

    mean: Tensor

    def __init__(self, size: int) -> None:
        """Random weights that answer the mean face; it is all in the middle until `start_from`."""
        super().__init__()
        channels = [4 * _FOLD**2, *_WIDTHS]
        self.levels = nn.ModuleList(nn.Conv2d(channels[i], channels[i + 1], 3, 2, 1) for i in range(len(_WIDTHS)))
        side = size // _FOLD // 2 ** len(_WIDTHS)
        self.dense = nn.Linear(_WIDTHS[-1] * side**2, 2 * POINTS)
        nn.init.normal_(self.dense.weight, std=1e-3)
        nn.init.zeros_(self.dense.bias)
        self.register_buffer("mean", torch.full((POINTS, 2), 0.5))

    def start_from(self, points: Tensor) -> None:
        """Give it the mean face, (68, 2) in widths of the picture."""
        self.mean.copy_(points)

    def forward(self, picture: Tensor, hole: Tensor) -> Tensor:
        """(B, 3, S, S) on 0..1 and holes (B, 1, S, S) to (B, 68, 2) float32 in widths of the picture."""
        x = folded(picture, hole, _FOLD)
        for level in self.levels:
            x = F.leaky_relu(level(x), SLOPE)
        return self.mean + self.dense(x.flatten(1)).float().unflatten(1, (POINTS, 2))
