"""The networks and what they need: morphable model, renderer, ArcFace, and the built-in faces made with them.

    occset.models.list(pretrained=True)                          names of the networks
    occset.models.load("ns")                                     one of them, ready for use
    occset.models.train("ns", data, preset="demo", out="runs/ns")    or trained on a set

Nothing heavy is loaded before one of them is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from occset.support.references import load as _import

if TYPE_CHECKING:
    from occset.models.pretrained import load
    from occset.models.registry import list
    from occset.models.training.registered import train

__all__ = ["list", "load", "train"]

_PUBLIC = {
    "list": "occset.models.registry:list",
    "load": "occset.models.pretrained:load",
    "train": "occset.models.training.registered:train",
}


def __getattr__(name: str) -> Any:
    """What is public, when it is asked for."""
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _import(_PUBLIC[name])


def __dir__() -> Any:
    """What is public."""
    return sorted(__all__)
