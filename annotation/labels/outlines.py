"""Outlines of masks and how far they lie apart.

Masks are (H, W) uint8, 0 or 255; anything else raises `BadInput`. An outline is the pixels of a mask with one of their
four neighbours outside it, and a mask ends at the picture's border: so each mask but the empty one has an outline, and
one annotator who stops a pixel short of the border is a pixel away from one who does not. (The boundary F of the
benchmark, which compares with a truth, leaves the border out.) Distances are Euclidean, in pixels; from an empty mask
to another they are the picture's diagonal, between two empty ones 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import cv2
import numpy as np

from occset.pictures.masks import check_mask
from occset.support.errors import BadInput


def boundary_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Mean distance between the outlines of two masks (H, W), pixels: the mean of both directed means.

    Raises:
        BadInput: a mask that is none, or two shapes.
    """
    check_masks({"one": a, "other": b})
    return mean_gap(outline_of(a), outline_of(b))


def hausdorff95(a: np.ndarray, b: np.ndarray) -> float:
    """95th percentile of the distances between the outlines of two masks (H, W), pixels: the larger directed one.

    Raises:
        BadInput: a mask that is none, or two shapes.
    """
    check_masks({"one": a, "other": b})
    return max(float(np.percentile(gaps, 95)) for gaps in _gaps(outline_of(a), outline_of(b)))


def check_masks(masks: Mapping[str, np.ndarray]) -> None:
    """Refuse what is no mask, and masks of several sizes.

    Raises:
        BadInput: names the annotators.
    """
    for name, mask in masks.items():
        check_mask(mask, name)
    if len({mask.shape for mask in masks.values()}) > 1:
        sizes = ", ".join(f"{name} {mask.shape[1]} x {mask.shape[0]}" for name, mask in masks.items())
        raise BadInput(f"masks of one face differ in size ({sizes}): bring all to the size of the picture first")


class Outline(NamedTuple):
    """Pixels of an outline (H, W) bool, and the distance of each pixel (H, W) float32 to the nearest of them."""

    pixels: np.ndarray
    away: np.ndarray


def outline_of(mask: np.ndarray) -> Outline:
    """The outline of a mask (H, W)."""
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    # what lies beyond the border counts as outside
    pixels = mask > cv2.erode(mask, cross, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return Outline(pixels, _away(~pixels))


def _away(pixels: np.ndarray) -> np.ndarray:
    """Distance of each pixel (H, W) bool to the nearest that is off, float32."""
    return cv2.distanceTransform(pixels.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


def _gaps(a: Outline, b: Outline) -> tuple[np.ndarray, np.ndarray]:
    """How far each pixel of a's outline is from b's, and the other way round; never of length 0."""
    some = (bool(a.pixels.any()), bool(b.pixels.any()))
    if not all(some):
        gap = np.array([math.hypot(*a.pixels.shape) if any(some) else 0.0])
        return gap, gap
    return b.away[a.pixels], a.away[b.pixels]


def mean_gap(a: Outline, b: Outline) -> float:
    """Mean distance between two outlines, pixels: the mean of both directed means."""
    return sum(float(gaps.mean(dtype=np.float64)) for gaps in _gaps(a, b)) / 2


def signed_distance(mask: np.ndarray) -> np.ndarray:
    """Distance to the edge of a mask (H, W), float32, positive inside; without an edge, a diagonal everywhere.

    Unlike an outline, an edge only runs between two pixels: else two masks that leave the picture would have a notch
    between them where they do.
    """
    if mask.all() or not mask.any():
        return np.full(mask.shape, math.hypot(*mask.shape) * (1 if mask.all() else -1), np.float32)
    return np.where(mask > 0, _away(mask > 0) - 0.5, 0.5 - _away(mask == 0))
