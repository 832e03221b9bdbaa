"""Shapes that methods of several tasks know: where an aligned crop shows the face, and a mask that is off."""

from __future__ import annotations

import numpy as np

SHIFT = 0.03
"""How far a shifted mask is off, right and down, as a share of the picture's width."""


def central_ellipse(height: int, width: int) -> np.ndarray:
    """(H, W) bool: where an aligned crop shows the face, an ellipse of half its width and two thirds of its height."""
    y, x = np.mgrid[:height, :width]
    return ((x - (width - 1) / 2) / (width / 4)) ** 2 + ((y - (height - 1) / 2) / (height / 3)) ** 2 <= 1


def shifted(masks: np.ndarray) -> np.ndarray:
    """Masks, (B, H, W) of any type, moved right and down by `SHIFT`; what comes in at the border is 0."""
    height, width = masks.shape[1:]
    # At least a pixel, so that it never equals what it was; at most all but one, for pictures of a few pixels.
    step = min(max(1, round(SHIFT * width)), height - 1, width - 1)
    moved = np.zeros_like(masks)
    moved[:, step:, step:] = masks[:, : height - step, : width - step]
    return moved
