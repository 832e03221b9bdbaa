"""NR: the network that finds a 3D face in a photo, whatever hides it; and its unhardened twin."""

from dataclasses import replace

from occset.models.registry import Network

_HERE = "occset.models.reconstruction"

NETWORK = Network(
    name="nr",
    title="NR",
    says="the 3D face of an occluded photo",
    does="reconstruction",
    task=f"{_HERE}.task:ReconstructionTask",
    inference=f"{_HERE}.reconstructor:FaceReconstructor",
    presets=f"{_HERE}.presets:PRESETS",
    options=f"{_HERE}.presets:Options",
    recipe=f"{_HERE}.released:RECIPE",
    card="nr.md",
    group="all",
    chain=f"{_HERE}.released:chain",
)

TWIN = replace(
    NETWORK,
    name="deep3d",
    title="NR unhardened",
    says="NR's twin that never saw an occluder in training",
    task=f"{_HERE}.task:TwinTask",
    inference=f"{_HERE}.reconstructor:Twin",
    recipe=f"{_HERE}.released:TWIN_RECIPE",
    group="",
    chain="",
)
