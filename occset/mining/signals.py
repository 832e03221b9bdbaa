"""The signals: pure functions of what a model predicts for one face, each the larger the more a look is worth.

=====================  ====================================================================================================
``entropy``            what the model is unsure of inside the predicted face's hull, away from its edge; mean, 0..1 bits
``instability``        1 - IoU of the prediction and of those on the mirrored and warped picture, mapped back; mean, 0..1
``label_disagreement`` 1 - IoU of the prediction and the label, 0..1; null for a face without a label
``fragments``          share of the predicted face's hull that its largest piece leaves out: pieces, holes, bays; 0..1
``render_disagreement`` 1 - IoU of the rendered face and the prediction, or the label where that is farther, 0..1; places of
                       the crop count as `occset.mining.calibration` finds them to be right; null where nothing renders it
=====================  ====================================================================================================

Predictions are (S, S) float32, the chance of visible face; masks bool (S, S). A face is where the chance is above 1/2.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

SIGNALS = ("entropy", "instability", "label_disagreement", "fragments", "render_disagreement")

REACH = 0.05
"""How far inside the hull uncertainty begins to count in full, as a share of the picture's side."""

SPECK = 0.0005
"""Pieces and holes smaller than this share of the picture do not count."""


class Warp(NamedTuple):
    """Mirror if `flip`, then turn by `angle` (degrees), scale, and shift by (`x`, `y`), shares of the side."""

    flip: bool
    angle: float = 0.0
    scale: float = 1.0
    x: float = 0.0
    y: float = 0.0

    def matrix(self, size: int) -> np.ndarray:
        """The affine matrix (2, 3) from a picture of `size` pixels to its warped one."""
        centre = (size - 1) / 2
        turn = np.vstack([cv2.getRotationMatrix2D((centre, centre), self.angle, self.scale), [0, 0, 1]])
        turn[:2, 2] += np.array([self.x, self.y]) * size
        mirror = np.array([[-1, 0, size - 1], [0, 1, 0], [0, 0, 1]]) if self.flip else np.eye(3)
        return (turn @ mirror)[:2]


WARPS = (Warp(flip=True), Warp(False, 8.0, 1.06, 0.03, 0.0), Warp(True, -8.0, 0.93, 0.0, 0.03))
"""What a face mask must survive."""


def iou(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two masks (H, W), on where not 0; 1 when both are empty."""
    union = np.count_nonzero((a > 0) | (b > 0))
    return np.count_nonzero((a > 0) & (b > 0)) / union if union else 1.0


def disagreement(mask: np.ndarray, whole: np.ndarray, trust: np.ndarray | None = None) -> float:
    """1 - IoU of two masks (S, S), on where not 0, whose pixels count as much as a coarse map (G, G) of 0..1 says there."""
    if trust is None:
        return 1 - iou(mask, whole)
    side = mask.shape[0]
    weight = cv2.resize(trust, (side, side), interpolation=cv2.INTER_LINEAR)
    a, b = mask > 0, whole > 0
    union = float(weight[a | b].sum())
    return float(weight[a != b].sum()) / union if union > 0 else 0.0


def warp_image(image: np.ndarray, warp: Warp) -> np.ndarray:
    """The warped picture, (S, S, 3) uint8; beyond the edge it is mirrored."""
    size = image.shape[0]
    return cv2.warpAffine(
        image, warp.matrix(size), (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )


def unwarp(chance: np.ndarray, warp: Warp) -> tuple[np.ndarray, np.ndarray]:
    """What was predicted on a warped picture (S, S) float32, mapped back, and where (S, S) bool it had been in sight."""
    size = chance.shape[0]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    seen = cv2.warpAffine(np.ones_like(chance), warp.matrix(size), (size, size), flags=flags)
    return cv2.warpAffine(chance, warp.matrix(size), (size, size), flags=flags), seen > 0.999


def instability(chance: np.ndarray, warped: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """Mean of 1 - IoU between a prediction (S, S) and those of `unwarp`, each where it was in sight."""
    return float(np.mean([1 - iou((chance > 0.5) & seen, (other > 0.5) & seen) for other, seen in warped]))


def hull_of(face: np.ndarray) -> np.ndarray:
    """The convex hull of a predicted face, (S, S) bool in and out; empty for none. A face without occluder fills it."""
    filled = np.zeros(face.shape, np.uint8)
    outlines, _ = cv2.findContours(face.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if outlines:
        cv2.fillConvexPoly(filled, cv2.convexHull(np.vstack(outlines)), 1)
    return filled > 0


def entropy(chance: np.ndarray) -> float:
    """Binary entropy inside the hull of the predicted face, a mean weighted by the distance to the hull's edge, 0..1 bits.

    The weight grows from 0 outside, over the edge that no model is ever sure of, to 1 at `REACH` inside: what is doubted
    there is an occluder, or was taken for one. Where no face is found, the whole picture counts.
    """
    clipped = np.clip(chance, 1e-6, 1 - 1e-6).astype(np.float64)
    bits = -(clipped * np.log2(clipped) + (1 - clipped) * np.log2(1 - clipped))
    hull = hull_of(chance > 0.5)
    if not hull.any():
        return float(bits.mean())
    # a rim, so that the picture's edge counts as the hull's
    depth = cv2.distanceTransform(np.pad(hull, 1).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    weight = np.minimum(depth / (REACH * chance.shape[0]), 1)
    return float((bits * weight).sum() / weight.sum())


class Fragments(NamedTuple):
    """How a mask falls apart: `share` (0..1) of its hull; number of `pieces` and of `holes`, specks not counted."""

    share: float
    pieces: int
    holes: int


def fragments(face: np.ndarray) -> Fragments:
    """Pieces and holes of a predicted face, (S, S) bool; nothing at all counts as a share of 1."""
    least = SPECK * face.size
    stats = cv2.connectedComponentsWithStats(face.astype(np.uint8), connectivity=8)[2]
    pieces = stats[1:, cv2.CC_STAT_AREA]
    pieces = pieces[pieces >= least]
    if not len(pieces):
        return Fragments(1.0, 0, 0)
    # a rim of background joins what touches the edge; any other part of the background is enclosed
    _, labels, stats, _ = cv2.connectedComponentsWithStats(
        np.pad(~face.astype(bool), 1, constant_values=True).astype(np.uint8), connectivity=4
    )
    areas = np.delete(stats[:, cv2.CC_STAT_AREA], [0, labels[0, 0]])
    holes = areas[areas >= least]
    share = 1 - pieces.max() / np.count_nonzero(hull_of(face))
    return Fragments(float(share), len(pieces), len(holes))


def sentence(signal: str, row: dict[str, float]) -> str:
    """What a signal of a face says, in words."""
    value = row[signal]
    if signal == "entropy":
        return f"unsure inside the face ({value:.2f} bits a pixel)"
    if signal == "instability":
        return f"the mask changes by {value:.0%} when the picture is mirrored or warped"
    if signal == "label_disagreement":
        return f"label and prediction differ by {value:.0%}"
    if signal == "render_disagreement":
        return f"the rendered face and the visible one differ by {value:.0%}"
    if not row["pieces"]:
        return "no face was found"
    pieces, holes = f"{row['pieces']:.0f} piece(s)", f"{row['holes']:.0f} hole(s)"
    return f"the predicted face leaves out {value:.0%} of its hull ({pieces}, {holes})"
