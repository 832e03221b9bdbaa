"""The losses of NS: Dice (Eq. 3) and binary cross-entropy with online hard example mining (Eq. 4).

Both are means over pictures of what each picture gives by itself, so that a batch that is split over processes gives the
same gradients.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def dice_loss(logits: Tensor, target: Tensor, smooth: float = 1.0) -> Tensor:
    """Eq. 3, ``1 - 2 sum(P * T) / (sum(P) + sum(T))``, for each picture, then the mean.

    Args:
        logits: (B, 1, H, W) float; P is their sigmoid.
        target: (B, 1, H, W) float on 0..1.
        smooth: pixels added to numerator and denominator, so that a picture without a face has a loss.

    Returns:
        Scalar on 0..1.
    """
    p, t = torch.sigmoid(logits).flatten(1), target.flatten(1)
    overlap = (p * t).sum(1)
    return (1 - (2 * overlap + smooth) / (p.sum(1) + t.sum(1) + smooth)).mean()


def ohem_bce_loss(logits: Tensor, target: Tensor, keep: float = 0.25) -> Tensor:
    """Eq. 4 over the hardest pixels only: of each picture the share ``keep`` with the greatest loss counts.

    Args:
        logits: (B, 1, H, W) float.
        target: (B, 1, H, W) float on 0..1.
        keep: share of the pixels that counts, above 0 and up to 1; at least one pixel does.

    Returns:
        Scalar, at least 0.
    """
    if not 0 < keep <= 1:
        raise ValueError(f"the share of pixels that counts is above 0 and up to 1, not {keep}")
    each = F.binary_cross_entropy_with_logits(logits, target, reduction="none").flatten(1)
    count = max(1, round(keep * each.shape[1]))
    if count < each.shape[1]:
        each = each.topk(count, dim=1, sorted=False).values
    return each.mean()
