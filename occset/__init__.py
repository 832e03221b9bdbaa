"""occset: face occlusions, from labelled data to a benchmark.

``occset`` itself needs no torch; ``occset.models`` and ``occset.benchmark`` load their heavy parts when used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from occset.dataset.occlusion_set import OcclusionSet
    from occset.dataset.recipes import Recipe
    from occset.samples.draw import Drawer, Plan
    from occset.samples.render import Renderer

__version__ = "0.1.0"
__all__ = ["Drawer", "OcclusionSet", "Plan", "Recipe", "Renderer", "__version__"]

_HOMES = {
    "OcclusionSet": "occset.dataset.occlusion_set",
    "Drawer": "occset.samples.draw",
    "Plan": "occset.samples.draw",
    "Recipe": "occset.dataset.recipes",
    "Renderer": "occset.samples.render",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for, so that `import occset` (and `occset --help`) stays light."""
    if name not in _HOMES:
        raise AttributeError(f"module 'occset' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
