"""occset: face occlusions, from labelled data to a benchmark.

    data = occset.open("my-set")                  a set: its tables are pandas, its pictures NumPy
    samples = occset.Samples(data, "train")       samples[i].image .clean .face .occlusion .recipe
    occset.torch.OcclusionDataset(data, ...)      the same for a training loop in torch
    occset.models.load("ns")                      trained networks
    occset.benchmark.run(data, "sunglasses", ...) comparing methods

``occset`` itself needs no torch; ``occset.models`` and ``occset.benchmark`` load their heavy parts when used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from occset.python_api import OcclusionSet as OcclusionSet
    from occset.python_api import Samples as Samples
    from occset.python_api import create as create
    from occset.python_api import open as open
    from occset.support.errors import OccsetError as OccsetError

__version__ = "0.1.0"

_ROOMS = ("annotation", "benchmark", "models", "torch", "transforms")
_HOMES = {
    "OcclusionSet": "occset.python_api",
    "OccsetError": "occset.support.errors",
    "Samples": "occset.python_api",
    "create": "occset.python_api",
    "open": "occset.python_api",
}
_EARLIER = {
    "Drawer": "occset.samples.draw",
    "Plan": "occset.samples.draw",
    "Recipe": "occset.dataset.recipes",
    "Renderer": "occset.samples.render",
}
"""What version 0.1.0 offered here; still found, but `Samples` takes its place."""

__all__ = ["OcclusionSet", "OccsetError", "Samples", "__version__", "create", "open"]


def __getattr__(name: str) -> Any:
    """Import what is asked for, so that `import occset` (and `occset --help`) stays light."""
    import importlib

    if name in _ROOMS:
        return importlib.import_module(f"occset.{name}")
    home = _HOMES.get(name) or _EARLIER.get(name)
    if home is None:
        raise AttributeError(f"module 'occset' has no attribute '{name}'")
    return getattr(importlib.import_module(home), name)


def __dir__() -> list[str]:
    """What is public."""
    return sorted([*__all__, *_ROOMS])
