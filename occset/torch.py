"""Samples for training loops in torch: `OcclusionDataset`.

It lives with what needs torch, in `occset.models`, which this folder does not import; it is found by name.
"""

from __future__ import annotations

from typing import Any

from occset.support import references

_HOMES = {"OcclusionDataset": "occset.models.torch_data:OcclusionDataset"}

__all__ = ["OcclusionDataset"]  # noqa: F822 - found by __getattr__


def __getattr__(name: str) -> Any:
    """Load a class when it is asked for.

    Raises:
        AttributeError: there is none of that name.
        MissingExtra: torch is not installed.
    """
    if name not in _HOMES:
        raise AttributeError(f"module 'occset.torch' has no attribute '{name}'")
    return references.load(_HOMES[name])


def __dir__() -> list[str]:
    """What is public."""
    return list(__all__)
