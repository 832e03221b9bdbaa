"""Contact sheets: what was found on many faces at a glance."""

from __future__ import annotations

import cv2
import numpy as np

from occset.pictures.masks import THRESHOLD

SHOWN = 960
"""Most faces on one sheet."""

_ACROSS = 6
_TILE = 160
_TINT = (40, 220, 90)


def tinted(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A crop (S, S, 3) with what a mask (S, S) marks tinted and outlined, same size."""
    shown = image.copy()
    marked = mask > THRESHOLD
    shown[marked] = (shown[marked] * 0.55 + np.array(_TINT) * 0.45).astype(np.uint8)
    outlines, _ = cv2.findContours(marked.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(shown, outlines, -1, (255, 255, 255), 1)
    return shown


def tile(*pictures: np.ndarray) -> np.ndarray:
    """Pictures of one size (S, S, 3) beside each other: (160, 160 n, 3)."""
    size = (len(pictures) * _TILE, _TILE)
    return cv2.resize(np.hstack(pictures), size, interpolation=cv2.INTER_AREA)


def contact_sheet(tiles: list[np.ndarray]) -> np.ndarray:
    """Tiles of one size in rows, the last one filled up with white."""
    across = min(_ACROSS, len(tiles))
    padded = tiles + [np.full_like(tiles[0], 255)] * (-len(tiles) % across)
    return np.vstack([np.hstack(padded[i : i + across]) for i in range(0, len(padded), across)])
