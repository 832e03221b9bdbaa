"""What is measured: pure functions on uint8 pictures, with conventions that are fixed and versioned.

`METRICS` declares every column (label, unit, direction, definition), `evaluate` computes those that need pixels only;
`id` comes from ArcFace and is added by the runner. `occset.benchmark.metrics.masks` has the same for segmentation. A change
of any convention is a new `METRIC_VERSION`.
"""

from __future__ import annotations

from occset.benchmark.metrics.masks import evaluate_masks
from occset.benchmark.metrics.ssim import ssim_map
from occset.benchmark.metrics.suite import composite, evaluate
from occset.benchmark.metrics.table import METRIC_VERSION, METRICS, PIXEL_METRICS, Metric

__all__ = [
    "METRICS",
    "METRIC_VERSION",
    "PIXEL_METRICS",
    "Metric",
    "composite",
    "evaluate",
    "evaluate_masks",
    "ssim_map",
]
