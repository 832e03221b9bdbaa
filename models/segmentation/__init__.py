"""NS: the network that finds the visible face whatever hides it."""

from occset.models.registry import Network

_HERE = "occset.models.segmentation"

NETWORK = Network(
    name="ns",
    title="NS",
    says="the face segmentation that sees through any occluder",
    does="segmentation",
    task=f"{_HERE}.task:SegmentationTask",
    inference=f"{_HERE}.segmenter:FaceSegmenter",
    presets=f"{_HERE}.presets:PRESETS",
    options=f"{_HERE}.presets:Options",
    recipe=f"{_HERE}.released:RECIPE",
    card="ns.md",
    group="all",
)
