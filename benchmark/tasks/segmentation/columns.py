"""The figures of segmentation, face = positive; `scores` computes them."""

from __future__ import annotations

from occset.benchmark.tasks.metric import Metric

METRIC_VERSION = 1
"""Number of the conventions of `scores`; results of different numbers are never put into one table."""

COUNTS = ("true_positive", "false_positive", "false_negative")
_TP, _FP, _FN = COUNTS
_SUMS = "of the sums over all pictures"

_METRICS = (
    Metric(
        "iou", "IoU", True, "", 4, "primary", "Intersection over union of predicted and true face; mean of pictures."
    ),
    Metric(
        "precision", "Precision", True, "", 4, "primary", "Share of the predicted face that is face; mean of pictures."
    ),
    Metric("recall", "Recall", True, "", 4, "primary", "Share of the true face that is found; mean of pictures."),
    Metric(
        "boundary_f",
        "Boundary F",
        True,
        "",
        4,
        "primary",
        "Harmonic mean of the shares of predicted and true boundary that lie within 0.75 % of the diagonal of each other; "
        "mean of pictures.",
    ),
    Metric("pooled_iou", "Pooled IoU", True, "", 4, "primary", f"IoU {_SUMS}.", ((_TP,), COUNTS)),
    Metric(
        "pooled_precision", "Pooled precision", True, "", 4, "secondary", f"Precision {_SUMS}.", ((_TP,), (_TP, _FP))
    ),
    Metric("pooled_recall", "Pooled recall", True, "", 4, "secondary", f"Recall {_SUMS}.", ((_TP,), (_TP, _FN))),
)
METRICS: dict[str, Metric] = {metric.key: metric for metric in _METRICS}
"""Every figure by key."""

COLUMNS = ("iou", "precision", "recall", "boundary_f", *COUNTS)
"""What `evaluate_masks` returns for each picture."""
