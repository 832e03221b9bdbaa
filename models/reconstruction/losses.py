"""NR's losses, Eq. 5 to 9 of the paper; each gives one number a sample, (B,), but for Eq. 9, their weighted sum."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

LANDMARK_WEIGHTS = torch.ones(68)
LANDMARK_WEIGHTS[27:36] = 20.0  # the nose
LANDMARK_WEIGHTS[60:68] = 20.0  # the inner mouth

_SMOOTH = 1e-6  # under the root, so that a pixel that is right has a gradient; it adds at most .001


def coefficient_loss(predicted: Tensor, truth: Tensor, spread: Tensor, known: Tensor) -> Tensor:
    """Eq. 5: ``mean |c^ - c_gt|``, each coefficient in its own spread, over those whose truth is known.

    Millimetres, radians and deviations stand side by side in the vector, so the plain mean would be the distance's alone.

    Args:
        predicted, truth: (B, D).
        spread: (D,) of `Layout.typical`.
        known: (B, D), 1 where the truth is known, else 0.
    """
    away = (predicted - truth).abs() / spread * known
    return away.sum(1) / known.sum(1).clamp_min(1)


def pixel_loss(render: Tensor, clean: Tensor, mask: Tensor) -> Tensor:
    """Eq. 6: ``sum || I^ M - If M ||_2 / sum M``: distances of colours, over pixels, not pixels times channels.

    Args:
        render, clean: (B, 3, H, W) on 0..1.
        mask: (B, 1, H, W) on 0..1, M = Mf * Mm: where the clean face shows and the render covers it.
    """
    distance = ((render - clean).square().sum(1, keepdim=True) + _SMOOTH).sqrt()
    return (distance * mask).sum((1, 2, 3)) / mask.sum((1, 2, 3)).clamp_min(1)


def identity_loss(render: Tensor, clean: Tensor) -> Tensor:
    """Eq. 7: ``1 - cos(F(I^), F(If))`` of embeddings (B, K)."""
    return 1 - F.cosine_similarity(render, clean, dim=1)


def landmark_loss(predicted: Tensor, truth: Tensor) -> Tensor:
    """Eq. 8: ``mean w_n || q^_n - q_n ||_2`` of 68 landmarks (B, 68, 3) in millimetres, camera axes; nose and inner mouth
    weigh 20."""
    return ((predicted - truth).norm(dim=-1) * LANDMARK_WEIGHTS.to(predicted)).mean(1)
