"""An annotator that knows the truth: writes the masks that `occset round close` reads, as sure of hand as is asked."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import numpy as np

from occset.pictures.masks import write_mask


def annotate(
    ids: Iterable[str], truth: Callable[[str], np.ndarray], folder: Path, wobble: float = 0.0, seed: int = 0
) -> int:
    """Write ``<id>.png`` into a folder for each face.

    Args:
        ids: of the faces.
        truth: gives a face's true mask, (H, W) uint8 0/255.
        folder: made where it is missing.
        wobble: standard deviation of the hand, pixels; 0 draws the truth.
        seed: of the hand; each face has a chance of its own, whichever others are drawn.

    Returns:
        How many were written.
    """
    count = 0
    for face in ids:
        mask = truth(face)
        if wobble > 0:
            mask = wobbled(mask, wobble, np.random.default_rng([seed, zlib.crc32(face.encode())]))
        write_mask(folder / f"{face}.png", mask)
        count += 1
    return count


def wobbled(mask: np.ndarray, wobble: float, rng: np.random.Generator) -> np.ndarray:
    """A mask (H, W) uint8 0/255 drawn by an unsteady hand: its outline is moved by smooth noise.

    Args:
        mask: the truth.
        wobble: standard deviation of the outline's way, pixels.
        rng: the only source of chance.

    Returns:
        (H, W) uint8 0/255; never empty where the truth is not.
    """
    inside = cv2.distanceTransform((mask > 0).astype(np.uint8), cv2.DIST_L2, 5)
    outside = cv2.distanceTransform((mask == 0).astype(np.uint8), cv2.DIST_L2, 5)
    noise = cv2.GaussianBlur(rng.standard_normal(mask.shape).astype(np.float32), (0, 0), max(1.0, 0.04 * mask.shape[1]))
    depth = np.where(mask > 0, inside - 0.5, 0.5 - outside)  # the outline runs between two pixels
    moved = np.where(depth + noise * (wobble / max(float(noise.std()), 1e-9)) > 0, 255, 0).astype(np.uint8)
    return moved if moved.any() else mask.copy()
