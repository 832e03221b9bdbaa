"""Contextual attention (Yu et al. 2018, 2019): what is missing is put together from patches of what is known.

For every place f of a map, looked at in windows of 3 x 3 at half its sides, and every place b whose window is known:

    s(b, f) = < x_b / ||x_b||, x_f >,   a(., f) = softmax( 10 s(., f) )

and what is put at f is the sum over b of a(b, f) times the 4 x 4 patch at b of the map itself; where patches overlap,
their mean. Before the softmax, scores are added up along diagonals, so that neighbours copy from neighbours.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

SHARPNESS = 10.0
_NEVER = -1e4  # as a score; finite in every precision


def attend(x: Tensor, hole: Tensor, fused: bool = True) -> Tensor:
    """The map put together from its known patches.

    Args:
        x: (B, C, h, w), sides even.
        hole: (B, 1, h, w) of 0 and 1.
        fused: add scores up along diagonals.

    Returns:
        (B, C, h, w); 0 where nothing is known anywhere.
    """
    height, width = x.shape[2:]
    looks = weights(x[..., ::2, ::2], F.max_pool2d(hole, 2), fused)
    patches = F.unfold(x, 4, stride=2, padding=1)
    put = F.fold(patches @ looks.to(patches.dtype), (height, width), 4, stride=2, padding=1)
    ones = F.unfold(torch.ones_like(x[:1, :1]), 4, stride=2, padding=1)
    return put / F.fold(ones, (height, width), 4, stride=2, padding=1)


def weights(small: Tensor, hole: Tensor, fused: bool = True) -> Tensor:
    """Where each place copies from: (B, N, N) float32, column f adds to 1 over the known places b, or is 0.

    Args:
        small: (B, C, h, w), N = h w places.
        hole: (B, 1, h, w) of 0 and 1.
        fused: add scores up along diagonals.
    """
    windows = F.unfold(small.float(), 3, padding=1)
    known = F.unfold(hole.float(), 3, padding=1).amax(1) < 0.5  # (B, N): no pixel of its window is missing
    normed = windows / windows.norm(dim=1, keepdim=True).clamp_min(1e-4)
    scores = normed.transpose(1, 2) @ windows
    scores = fuse(scores.float(), small.shape[2], small.shape[3]) if fused else scores.float()
    scores = torch.where(known[:, :, None], SHARPNESS * scores, _NEVER)
    return torch.softmax(scores, 1) * known[:, :, None]


def fuse(scores: Tensor, height: int, width: int) -> Tensor:
    """``s(b, f) + s(b - 1, f - 1) + s(b + 1, f + 1)`` with places counted along rows, then along columns.

    Args:
        scores: (B, N, N), N = height width.
        height, width: of the map.
    """
    shape = scores.shape
    along = _diagonal(scores).view(-1, height, width, height, width)
    turned = along.permute(0, 2, 1, 4, 3).reshape(shape)
    back = _diagonal(turned).view(-1, width, height, width, height)
    return back.permute(0, 2, 1, 4, 3).reshape(shape)


def _diagonal(scores: Tensor) -> Tensor:
    return scores + F.pad(scores[:, :-1, :-1], (1, 0, 1, 0)) + F.pad(scores[:, 1:, 1:], (0, 1, 0, 1))
