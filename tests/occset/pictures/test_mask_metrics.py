"""IoU, precision and recall of masks, with what is empty."""

from __future__ import annotations

import numpy as np
import pytest

from occset.pictures import mask_metrics
from occset.pictures.mask_metrics import Counts, count


def mask(*rows: str) -> np.ndarray:
    return np.array([[255 if cell == "#" else 0 for cell in row] for row in rows], np.uint8)


def test_pixels_are_counted() -> None:
    assert count(mask("##..", "##.."), mask(".##.", ".##.")) == Counts(hits=2, extra=2, missed=2)


@pytest.mark.parametrize(
    ("counts", "iou", "precision", "recall"),
    [
        (Counts(2, 2, 4), 0.25, 0.5, 1 / 3),
        (Counts(0, 0, 0), 1.0, 1.0, 1.0),  # nothing to find, nothing found
        (Counts(0, 3, 0), 0.0, 0.0, 0.0),  # nothing to find
        (Counts(0, 0, 3), 0.0, 0.0, 0.0),  # nothing found
        (Counts(5, 0, 0), 1.0, 1.0, 1.0),
        (Counts(0, 1, 1), 0.0, 0.0, 0.0),
    ],
)
def test_shares(counts: Counts, iou: float, precision: float, recall: float) -> None:
    assert mask_metrics.iou(*counts) == iou
    assert mask_metrics.precision(*counts) == precision
    assert mask_metrics.recall(*counts) == recall
