"""The figures of reconstruction; `pixel_metrics` and `geometry_metrics` compute them.

Words used in the definitions:

- clean picture: the photo without the occluder; its face is what the data set's mask calls visible face in it;
- render: the method's picture of the fitted face; it covers where its mask is above 127 of 255;
- truth: of faces that were rendered, the coefficients they were rendered from; photos have none.
"""

from __future__ import annotations

from dataclasses import replace

from occset.benchmark.identity.judge import IDENTITY
from occset.benchmark.tasks.metric import Metric

METRIC_VERSION = 1
"""Number of the conventions; results of different numbers are never put into one table."""

_OURS = "by known correspondence, over the skin of the face, weighted by area"

_METRICS = (
    Metric(
        "lpix",
        "Lpix",
        False,
        "",
        4,
        "primary",
        "Eq. 6: distance of the colours of render and clean picture on 0..1 (Euclidean over RGB), mean over the pixels of "
        "the clean picture's face that the render covers; 1.7321, the worst there is, where it covers none of them.",
    ),
    Metric("coverage", "Coverage", True, "", 4, "primary", "Share of the clean picture's face that the render covers."),
    Metric(
        "landmark_error",
        "Landmarks",
        False,
        "%",
        2,
        "primary",
        "Mean distance of 2D landmarks from those of the set, in percent of the distance between the centres of the eyes: "
        "all 68 where the set has them, else five points.",
    ),
    replace(
        IDENTITY["id"],
        definition="ArcFace cosine between the render alone, on black, and the clean picture, both warped by the face's "
        "five landmarks to 112 x 112.",
    ),
    Metric(
        "vertex_mm",
        "Vertices",
        False,
        "mm",
        3,
        "primary",
        f"Mean distance of vertices from the truth after the best rotation and translation, {_OURS}.",
    ),
    Metric(
        "lpix_face",
        "Lpix, whole face",
        False,
        "",
        4,
        "secondary",
        "As Lpix, over all of the clean picture's face; what the render leaves out counts as black.",
    ),
    Metric(
        "landmark_mm",
        "3D landmarks",
        False,
        "mm",
        3,
        "secondary",
        "Mean distance of the 68 landmarks from the truth in camera axes, with their middles laid upon each other.",
    ),
    Metric(
        "vertex_scaled_mm",
        "Vertices, scaled",
        False,
        "mm",
        3,
        "secondary",
        f"Mean distance of vertices from the truth after the best rotation, translation and scale, {_OURS}.",
    ),
    Metric(
        "albedo_error",
        "Albedo",
        False,
        "%",
        2,
        "secondary",
        "Mean absolute difference of the vertices' albedo (linear RGB) from the truth after the best single gain, in "
        "percent of the truth's mean, over the skin of the face, weighted by area.",
    ),
    Metric(
        "light_error",
        "Light",
        False,
        "%",
        2,
        "secondary",
        "Mean absolute difference of what the light throws on a ball seen from the front, after the best single gain, in "
        "percent of the truth's mean.",
    ),
)
METRICS: dict[str, Metric] = {metric.key: metric for metric in _METRICS}
"""Every figure by key."""

_TOLD = "the method tells no landmarks"
_TRUTH = "the method tells nothing of the kind, or no face here has a truth"
_TOPOLOGY = "the method's mesh is not that of the truth's morphable model, or no face here has a truth"
OPTIONAL = {
    "landmark_error": _TOLD,
    "landmark_mm": _TRUTH,
    "vertex_mm": _TOPOLOGY,
    "vertex_scaled_mm": _TOPOLOGY,
    "albedo_error": _TOPOLOGY,
    "light_error": _TRUTH,
}
"""Columns that not every sample has, and why."""

COLUMNS = ("lpix", "coverage", "lpix_face", *OPTIONAL, "hidden", "landmark_points")
"""What the evaluator stores for each sample beside the judge's: the figures, the share of the clean face that is hidden
(0..1), and the number of landmarks that 2D ones were held against (68 or 5)."""
