"""Intersection over union, precision and recall of masks, by one convention for all who need them.

With TP, FP, FN the pixels that are rightly called positive, wrongly called positive, and wrongly not,

    IoU = TP / (TP + FP + FN)      precision = TP / (TP + FP)      recall = TP / (TP + FN)

Where there is nothing to find and nothing is found, all three are 1; where a denominator is 0 otherwise, the figure is 0
(precision of an empty prediction, recall of an empty truth).
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np


class Counts(NamedTuple):
    """Pixels: `hits` (TP), `extra` (FP) and `missed` (FN)."""

    hits: int
    extra: int
    missed: int


def count(prediction: np.ndarray, truth: np.ndarray) -> Counts:
    """Pixels of two binary masks, (H, W) uint8 0/255 each, by whether they are right."""
    hits = cv2.countNonZero(prediction & truth)
    return Counts(hits, cv2.countNonZero(prediction) - hits, cv2.countNonZero(truth) - hits)


def iou(hits: int, extra: int, missed: int) -> float:
    """Intersection over union, 0..1."""
    return _share(hits, hits + extra + missed, extra + missed)


def precision(hits: int, extra: int, missed: int) -> float:
    """Share of what is called positive that is, 0..1."""
    return _share(hits, hits + extra, extra + missed)


def recall(hits: int, extra: int, missed: int) -> float:
    """Share of what is positive that is found, 0..1."""
    return _share(hits, hits + missed, extra + missed)


def _share(part: int, whole: int, wrong: int) -> float:
    if whole:
        return part / whole
    return 0.0 if wrong else 1.0
