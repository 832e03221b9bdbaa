"""How well a mask fits: metrics of segmentation, face = positive.

With TP, FP, FN the pixels of one picture that are rightly called face, wrongly called face, and wrongly not,

    IoU = TP / (TP + FP + FN)      precision = TP / (TP + FP)      recall = TP / (TP + FN)

and, with bP and bT the boundary pixels of prediction and truth (pixels of a mask with one of their four neighbours
outside it; the picture's border is no boundary), the boundary F is 2 p r / (p + r), where p is the share of bP within the
tolerance of bT and r the share of bT within the tolerance of bP. The tolerance is 0.75 % of the diagonal (that of the
Berkeley segmentation benchmark), at least 1 pixel, Euclidean.

Where truth and prediction are both empty, all four are 1; where a denominator is 0 otherwise, the figure is 0 (precision
of an empty prediction, recall of an empty truth). torchmetrics gives 0 in every such case.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from occset.benchmark.tasks.segmentation.columns import COUNTS
from occset.pictures import mask_metrics
from occset.pictures.masks import harden
from occset.support.errors import OccsetError

TOLERANCE = 0.0075
"""Of the boundary F, in diagonals."""


def evaluate_masks(predictions: np.ndarray, truths: np.ndarray, names: Sequence[str]) -> list[dict[str, float]]:
    """Score a batch.

    Args:
        predictions: (B, H, W) uint8 soft masks, face where above 127.
        truths: (B, H, W) uint8, 255 = visible face.
        names: B sample names, for errors.

    Returns:
        For each sample a value for each of `COLUMNS`; the counts are whole numbers of pixels.

    Raises:
        OccsetError: shapes or types that do not fit.
    """
    for what, array in (("predictions", predictions), ("truths", truths)):
        if array.dtype != np.uint8 or array.shape != (len(names), *truths.shape[1:]) or array.ndim != 3:
            raise OccsetError(
                f"{what} must be ({len(names)}, H, W) uint8 like the truths, not {array.shape} {array.dtype}"
            )
    return [
        _evaluate_one(harden(prediction), harden(truth)) for prediction, truth in zip(predictions, truths, strict=True)
    ]


def _evaluate_one(prediction: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    counts = mask_metrics.count(prediction, truth)
    return {
        "iou": mask_metrics.iou(*counts),
        "precision": mask_metrics.precision(*counts),
        "recall": mask_metrics.recall(*counts),
        "boundary_f": boundary_f(prediction, truth),
        **dict(zip(COUNTS, counts, strict=True)),
    }


def boundary_f(prediction: np.ndarray, truth: np.ndarray) -> float:
    """Boundary F of two binary masks, (H, W) uint8 0/255; see the head of this module."""
    found, wanted = boundary(prediction), boundary(truth)
    all_found, all_wanted = cv2.countNonZero(found), cv2.countNonZero(wanted)
    if not all_found or not all_wanted:
        return 1.0 if all_found == all_wanted else 0.0
    disc = _disc(max(1.0, TOLERANCE * math.hypot(*truth.shape)))
    precision = cv2.countNonZero(found & cv2.dilate(wanted, disc)) / all_found
    recall = cv2.countNonZero(wanted & cv2.dilate(found, disc)) / all_wanted
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def boundary(mask: np.ndarray) -> np.ndarray:
    """Pixels of a binary mask (H, W) uint8 0/255 that have a 4-neighbour outside it, (H, W) uint8 0/255."""
    # OpenCV takes what lies beyond the border for mask when it erodes
    return cv2.subtract(mask, cv2.erode(mask, cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))))


def _disc(radius: float) -> np.ndarray:
    """Offsets of at most `radius` pixels, as a structuring element."""
    reach = int(radius)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    return (x * x + y * y <= radius * radius).astype(np.uint8)
