"""Occluders cut out of labelled faces: hair that falls over the face, hats, dark glasses.

Where a label says what hid a face, the photo holds a real occluder with its real light. The cut-out keeps the five
landmarks of the face that wore it, so that it can be worn the same way by another.

- The label's edge is polygonal; a guided filter (He et al., 2010) with the photo as guide turns it into alpha that
  follows the strands, within a few pixels of the edge.
- Hair and hats are cut off softly where they leave the neighbourhood of the face: what matters is what lies over it.
- The colour of the opaque inside is carried under the soft edge, where the photo shows mixtures with skin.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from occset.composition.placement import face_frame
from occset.pictures.images import extend_colour
from occset.sources.items import OccluderItem
from occset.sources.parts import FACE_PARTS, filled, select

LEAST_SIDE = 32
"""A cut-out whose shorter side is below this many pixels is not worth keeping."""


@dataclass(frozen=True)
class _Kind:
    """What to harvest as a category, lengths in units of the face's frame (about the distance of the eyes)."""

    category: str
    parts: tuple[str, ...]
    over_face: float  # least share of the face's outline that it hides
    reach: float  # how far beyond the outline it stays opaque; 0 for no cut-off
    radius: float  # of the guided filter


_KINDS = (
    _Kind("hair", ("hair",), over_face=0.10, reach=0.22, radius=0.045),
    _Kind("hat", ("hat",), over_face=0.05, reach=1.2, radius=0.02),
)
_GLASSES = _Kind("sunglasses", ("eye_g",), over_face=0.04, reach=0.0, radius=0.012)
_FADE = 0.25  # over this length alpha falls to nothing beyond the reach
_LEAST_PIECE = 0.05  # connected pieces smaller than this share of the largest are crumbs
_LEAST_PART_OF_LARGEST = 0.6  # of the area; more scattered ones are no thing


def face_outline(labels: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The region of the whole face, forehead included, (H, W) bool: the hull of its parts and of a half ellipse above
    the eyes that reaches to where hair usually begins.
    """
    frame = face_frame(points)
    turn = np.linspace(np.pi, 2 * np.pi, 25)
    forehead = np.stack([1.0 * np.cos(turn), 0.95 * np.sin(turn)], axis=1) @ frame[:, :2].T + frame[:, 2]
    face = select(labels, *FACE_PARTS).view(np.uint8)
    pieces, _ = cv2.findContours(face, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    hull = cv2.convexHull(np.concatenate([np.round(forehead).astype(np.int32)[:, None], *pieces]))
    return cv2.fillConvexPoly(np.zeros(labels.shape, np.uint8), hull, 1) > 0


def harvest(
    image: np.ndarray, labels: np.ndarray, points: np.ndarray, lenses: str, face: str, licence: str
) -> list[OccluderItem]:
    """Cut out what hides a face.

    Args:
        image: (H, W, 3) uint8 RGB.
        labels: (H, W) uint8 label map, see `occset.sources.parts`.
        points: (5, 2) landmarks in pixels.
        lenses: judgement of the glasses; "dark" ones are cut out.
        face: name of the face, which the cut-outs' names begin with.
        licence: terms of the photo.

    Returns:
        At most one cut-out a category; those that hide too little, or are small or in crumbs, are left out.
    """
    unit = float(np.hypot(*face_frame(points)[:, 0]))
    outline = face_outline(labels, points)
    found = []
    for kind in (*_KINDS, _GLASSES) if lenses == "dark" else _KINDS:
        mask = drop_crumbs(select(labels, *kind.parts))
        if kind is _GLASSES:
            mask = filled(mask)
        if np.count_nonzero(mask & outline) < kind.over_face * np.count_nonzero(outline):
            continue
        cut = _cut(image, mask, outline, kind, unit)
        if cut is None:
            continue
        rgba, corner = cut
        found.append(OccluderItem(f"{face}-{kind.category}", rgba, kind.category, licence, points - corner, face))
    return found


def drop_crumbs(mask: np.ndarray) -> np.ndarray:
    """Drop crumbs of a mask (H, W) bool; one whose largest piece is not most of it, amid many, comes back empty."""
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if count == 1:
        return mask
    areas = stats[1:, cv2.CC_STAT_AREA]
    keep = np.concatenate([[False], areas >= _LEAST_PIECE * areas.max()])
    if areas.max() < _LEAST_PART_OF_LARGEST * areas.sum() and (keep.sum() > 4):
        return np.zeros_like(mask)
    return keep[pieces]


def _cut(
    image: np.ndarray, mask: np.ndarray, outline: np.ndarray, kind: _Kind, unit: float
) -> tuple[np.ndarray, np.ndarray] | None:
    """Cut out a mask with soft alpha; the RGBA crop and the (x, y) of its corner, or None where little is left."""
    edge = alpha = follow_edges(image, mask, max(2, round(kind.radius * unit)))
    if kind.reach > 0:
        beyond = cv2.distanceTransform((~outline).astype(np.uint8), cv2.DIST_L2, 5)
        alpha = alpha * np.clip(1 - (beyond - kind.reach * unit) / (_FADE * unit), 0, 1)
    return crop_out(image, edge, alpha)


def crop_out(image: np.ndarray, edge: np.ndarray, alpha: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Crop a cut-out with a margin and carry the colour of its opaque inside under its soft edge.

    Args:
        image: (H, W, 3) uint8 RGB.
        edge: (H, W) float 0..1, by which the colours go: where alpha only fades out, the photo's own are right.
        alpha: (H, W) float 0..1, no larger than `edge`.

    Returns:
        RGBA (h, w, 4) uint8 and the (x, y) of its corner, or None where a side is below `LEAST_SIDE`.
    """
    alpha = np.round(alpha * 255).astype(np.uint8)
    box = cv2.boundingRect((alpha > 8).astype(np.uint8))
    if min(box[2:]) < LEAST_SIDE:
        return None
    margin = 4
    x0, y0 = max(0, box[0] - margin), max(0, box[1] - margin)
    x1, y1 = min(image.shape[1], box[0] + box[2] + margin), min(image.shape[0], box[1] + box[3] + margin)
    crop = (slice(y0, y1), slice(x0, x1))
    rgba = extend_colour(np.dstack([image[crop], np.round(edge[crop] * 255).astype(np.uint8)]), 230)
    rgba[:, :, 3] = np.where(alpha[crop] > 8, alpha[crop], 0)
    return rgba, np.array([x0, y0], np.float64)


def follow_edges(image: np.ndarray, mask: np.ndarray, radius: int) -> np.ndarray:
    """Alpha that follows the photo's edges near those of the mask: a guided filter on luma.

    With a = cov(I, p) / (var(I) + eps), b = mean(p) - a mean(I) over boxes, alpha = mean(a) I + mean(b).

    Args:
        image: (H, W, 3) uint8 RGB.
        mask: (H, W) bool.
        radius: of the boxes, pixels; farther than twice that from the mask's edge nothing changes.

    Returns:
        (H, W) float32, 0..1.
    """
    size = (2 * radius + 1, 2 * radius + 1)
    guide = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    target = mask.astype(np.float32)

    def mean(array: np.ndarray) -> np.ndarray:
        return cv2.blur(array, size, borderType=cv2.BORDER_REFLECT)

    mean_guide, mean_target = mean(guide), mean(target)
    covariance = mean(guide * target) - mean_guide * mean_target
    slope = covariance / (mean(guide * guide) - mean_guide**2 + 1e-4)
    alpha = mean(slope) * guide + mean(mean_target - slope * mean_guide)
    # the filter leaves a haze on both sides of the edge; a steeper ramp takes it away
    return np.clip((alpha - 0.15) / 0.7, 0, 1)
