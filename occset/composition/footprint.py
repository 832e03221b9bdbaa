"""Where an occluder leaves any trace: what methods that need a mask are told, in training and on the bench."""

from __future__ import annotations

import cv2
import numpy as np

GROW = 0.01
"""The footprint reaches this share of the width beyond the occluder's last trace of alpha."""


def footprint_of(alpha: np.ndarray) -> np.ndarray:
    """Where an occluder leaves any trace, grown by 1 % of the width: (H, W) uint8 alpha to (H, W) uint8 0/255."""
    radius = max(1, round(GROW * alpha.shape[1]))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return cv2.dilate(np.where(alpha > 0, np.uint8(255), np.uint8(0)), disc)
