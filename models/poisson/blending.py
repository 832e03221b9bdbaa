"""Poisson blending (Pérez, Gangnet and Blake 2003) of batches, with masks of any shape.

Inside the mask the picture f has the gradients of the source s, and at the mask's rim the values of the target t:

    sum over neighbours q of p  (f_p - f_q) = sum over neighbours q of p  (s_p - s_q),    f_q = t_q outside the mask

over the four neighbours that lie in the picture (Neumann at its border). With u = f - s that is Laplace's equation,
``sum_q (u_p - u_q) = 0`` with ``u_q = t_q - s_q`` outside: the difference at the rim is spread smoothly over the inside.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from occset.models.poisson.multigrid import hierarchy, solve
from occset.support.errors import BadInput

TOLERANCE = 5e-4
"""Of the last correction, on 0..1; what is left after it is about a third."""

TOGETHER = 8
"""Pictures at a time on a processor: more would leave its cache."""


def blend(source: Tensor, target: Tensor, mask: Tensor, known: Tensor | None = None) -> Tensor:
    """The target, with the source's gradients inside the mask.

    A picture that is all mask has no rim and keeps the source. Of the source one pixel beyond the mask counts, too: its
    gradient across the rim.

    Args:
        source: (B, C, H, W) float32 on 0..1.
        target: the same shape.
        mask: (B, 1, H, W) bool, True where the source's gradients go; it may touch the border.
        known: (B, 1, H, W) bool, where the target can be trusted at the rim; everywhere when None. Towards other pixels
            outside the mask, such as hair beside a forehead, the mask ends as at the picture's border, and a part of it
            that touches no known pixel keeps the source.

    Returns:
        (B, C, H, W) float32 on 0..1 (what the equation puts outside is clipped), without gradients; outside the mask
        the target. To within `TOLERANCE`, not to the bit, the same whatever else is in the batch.

    Raises:
        BadInput: shapes or types do not fit.
    """
    _check(source, target, mask, known)
    with torch.no_grad(), torch.autocast(source.device.type, enabled=False):
        if source.device.type != "cpu":
            return _blended(source, target, mask, known)
        out = target.clone()
        for first in range(0, len(source), TOGETHER):
            rows, columns = _box(mask[first : first + TOGETHER].any(0)[0])
            at = (slice(first, first + TOGETHER), slice(None), rows, columns)
            if rows.stop > rows.start:
                out[at] = _blended(source[at], target[at], mask[at], None if known is None else known[at])
        return out


def _box(mask: Tensor) -> tuple[slice, slice]:
    """Rows and columns that enclose a (H, W) mask and its rim; empty for an empty mask."""
    spans = []
    for axis in (1, 0):
        hit = mask.any(axis).nonzero()
        first, last = (int(hit[0]), int(hit[-1])) if len(hit) else (0, -2)
        spans.append(slice(max(0, first - 1), min(mask.shape[1 - axis], last + 2)))
    return spans[0], spans[1]


def _blended(source: Tensor, target: Tensor, mask: Tensor, known: Tensor | None) -> Tensor:
    solved = mask & (~mask.all((1, 2, 3), keepdim=True) if known is None else _touching(mask, known))
    inside = solved.to(source.dtype)
    rim = (~mask if known is None else known & ~mask).to(source.dtype)
    diagonal = inside * _neighbours(inside + rim)
    right = inside * _neighbours(rim * (target - source))
    # pixels that hold on to few known ones are found more slowly than the last correction tells
    change = solve(hierarchy(diagonal), right, TOLERANCE if known is None else TOLERANCE / 5)
    return torch.where(mask, (source + change).clamp_(0, 1), target)


def _touching(mask: Tensor, known: Tensor) -> Tensor:
    """The connected parts of a mask, (B, 1, H, W) bool, that have a known neighbour."""
    near = (_neighbours((known & ~mask).to(torch.float32)) > 0) & mask
    found = []
    for one, seen in zip(mask[:, 0].cpu().numpy(), near[:, 0].cpu().numpy(), strict=True):
        _, labels = cv2.connectedComponents(one.astype(np.uint8), connectivity=4)
        found.append(torch.from_numpy(np.isin(labels, labels[seen])))
    return torch.stack(found)[:, None].to(mask.device)


def _neighbours(x: Tensor) -> Tensor:
    """Sum over the four neighbours that lie in the picture, (B, C, H, W)."""
    y = torch.zeros_like(x)
    y[..., 1:, :] += x[..., :-1, :]
    y[..., :-1, :] += x[..., 1:, :]
    y[..., 1:] += x[..., :-1]
    y[..., :-1] += x[..., 1:]
    return y


def _check(source: Tensor, target: Tensor, mask: Tensor, known: Tensor | None) -> None:
    if source.ndim != 4 or source.shape != target.shape:
        raise BadInput(
            f"blending takes two batches of one shape (B, C, H, W), not {tuple(source.shape)} and {tuple(target.shape)}"
        )
    wanted = (len(source), 1, *source.shape[2:])
    for name, one in (("mask", mask), ("known", known)):
        if one is not None and (tuple(one.shape) != wanted or one.dtype != torch.bool):
            raise BadInput(f"the {name} of a blend is bool of shape {wanted}, not {one.dtype} {tuple(one.shape)}")
    if source.dtype != torch.float32 or target.dtype != torch.float32:
        raise BadInput(f"blending takes float32 on 0..1, not {source.dtype} and {target.dtype}")
