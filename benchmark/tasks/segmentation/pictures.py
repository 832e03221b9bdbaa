"""IoU and boundary F of one mask, by the conventions of the bench; `scores` computes whole batches."""

from __future__ import annotations

import numpy as np

from occset.benchmark.tasks.segmentation import scores
from occset.pictures import mask_metrics
from occset.pictures.masks import harden
from occset.support.errors import OccsetError


def iou(prediction: np.ndarray, truth: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Intersection over union of two masks; 1 where both are empty.

    Args:
        prediction: (H, W) uint8, soft masks too: positive where above 127.
        truth: the same shape.
        mask: (H, W) uint8, above 0 where pixels count; all of them when None.

    Returns:
        0 to 1 (the same).

    Raises:
        OccsetError: shapes or types that do not fit.

    >>> import numpy as np
    >>> from occset.benchmark import iou
    >>> truth = np.zeros((4, 4), np.uint8)
    >>> truth[:2] = 255
    >>> iou(np.full((4, 4), 255, np.uint8), truth), iou(truth * 0, truth * 0)
    (0.5, 1.0)
    """
    found, wanted = _binary(prediction, truth)
    if mask is not None:
        if mask.shape != truth.shape:
            raise OccsetError(f"the mask must be {truth.shape} like the truth, not {mask.shape}")
        counts = np.where(mask, np.uint8(255), np.uint8(0))
        found, wanted = found & counts, wanted & counts
    return mask_metrics.iou(*mask_metrics.count(found, wanted))


def boundary_f(prediction: np.ndarray, truth: np.ndarray) -> float:
    """Harmonic mean of the shares of predicted and true boundary that lie within 0.75 % of the diagonal of each other.

    Args, errors: as `iou`.

    Returns:
        0 to 1; 1 where neither has a boundary.

    >>> import numpy as np
    >>> from occset.benchmark import boundary_f
    >>> truth = np.zeros((64, 64), np.uint8)
    >>> truth[16:48, 16:48] = 255
    >>> boundary_f(np.roll(truth, 1, axis=1), truth), boundary_f(np.roll(truth, 16, axis=1), truth) < 0.7
    (1.0, True)
    """
    return float(scores.boundary_f(*_binary(prediction, truth)))


def _binary(prediction: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    for what, array in (("prediction", prediction), ("truth", truth)):
        if array.dtype != np.uint8 or array.ndim != 2 or array.shape != truth.shape:
            raise OccsetError(f"the {what} must be (H, W) uint8 like the truth, not {array.shape} {array.dtype}")
    return harden(prediction), harden(truth)
