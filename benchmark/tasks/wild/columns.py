"""The figures of real photos: how much of the face a picture shows, as the released NS and NR see it."""

from __future__ import annotations

from occset.benchmark.tasks.metric import Metric

METRIC_VERSION = 1
"""Number of the conventions below; results of different numbers are never put into one table."""

_METRICS = (
    Metric(
        "share",
        "Face",
        True,
        "",
        3,
        "primary",
        "|Mm and NS(I^)| / |Mm|: the share of the face that NR renders for the photo which NS calls face in the method's "
        "picture.",
    ),
    Metric("gained", "Gained", True, "", 3, "primary", "That share less the same of the photo itself."),
    Metric("before", "Before", True, "", 3, "secondary", "|Mm and NS(I)| / |Mm|: the share in the photo itself."),
    Metric(
        "hidden",
        "Hidden",
        False,
        "",
        3,
        "secondary",
        "|Mo and Mm| / |Mm|: share of the rendered face that NS and NR find hidden in the photo (Eq. 1).",
    ),
)

METRICS: dict[str, Metric] = {metric.key: metric for metric in _METRICS}
"""Every column by key."""
