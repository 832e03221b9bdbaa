"""From the size that labels are drawn at to a face's own and back: nearest neighbour, exact on the way back."""

from __future__ import annotations

import numpy as np

from occset.support.errors import BadInput


def enlarge(mask: np.ndarray, height: int, width: int) -> np.ndarray:
    """Enlarge a mask to the size of its face: pixel y of H takes row ``(2 y + 1) h // (2 H)`` of h, and so for columns.

    Args:
        mask: (h, w) of any type, as drawn.
        height, width: of the face, pixels, no smaller than h and w.

    Returns:
        (height, width) of the same type; `reduce` gives `mask` back.

    Raises:
        BadInput: the face is smaller than the mask.
    """
    _check(mask.shape[:2], (height, width))
    return mask[np.ix_(_middles(height, mask.shape[0]), _middles(width, mask.shape[1]))]


def reduce(mask: np.ndarray, height: int, width: int) -> np.ndarray:
    """Take a mask back to the size it was drawn at: row y of h is row ``(2 y + 1) H // (2 h)`` of H.

    Args:
        mask: (H, W) of any type.
        height, width: at most H and W.

    Returns:
        (height, width); exactly what was drawn where `mask` comes from `enlarge`.

    Raises:
        BadInput: the mask is smaller than what is asked for.
    """
    _check((height, width), mask.shape[:2])
    return mask[np.ix_(_middles(height, mask.shape[0]), _middles(width, mask.shape[1]))]


def _middles(size: int, other: int) -> np.ndarray:
    """For each of `size` pixels the one of `other`, over the same length, that holds its middle."""
    return (2 * np.arange(size) + 1) * other // (2 * size)


def _check(small: tuple[int, ...], large: tuple[int, ...]) -> None:
    if min(small) < 1 or small[0] > large[0] or small[1] > large[1]:
        raise BadInput(
            f"a mask of {small[1]} x {small[0]} pixels does not fit a face of {large[1]} x {large[0]}: labels are drawn on "
            "a copy that is no larger than the face; was the face replaced by a smaller one?"
        )
