"""NG: the network that paints the face without what hid it."""

from occset.models.registry import Network

_HERE = "occset.models.inpainting"

NETWORK = Network(
    name="ng",
    title="NG",
    says="the face without what hid it",
    does="inpainting",
    task=f"{_HERE}.task:InpaintingTask",
    inference=f"{_HERE}.painter:FacePainter",
    presets=f"{_HERE}.presets:PRESETS",
    options=f"{_HERE}.presets:Options",
    recipe=f"{_HERE}.released:RECIPE",
    card="ng.md",
)
