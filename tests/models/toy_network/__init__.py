"""A network in a folder: two convolutions that tell bright from dark. All else that it needs is one line."""

import os

from occset.models.registry import Network

_HERE = "tests.models.toy_network"

NETWORK = Network(
    name="toy",
    title="Toy",
    says="two convolutions that mark what a face's colour is near",
    does="segmentation",
    task=f"{_HERE}.task:ToyTask",
    inference=f"{_HERE}.inference:ToySegmenter",
    presets=f"{_HERE}.presets:PRESETS",
    options=f"{_HERE}.presets:Options",
    recipe=f"{_HERE}.presets:RECIPE",
    weights=os.environ.get("TOY_RELEASED", "toy"),  # a real network's lie in models/weights
    card="toy.md",
)
