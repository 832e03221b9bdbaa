"""Morphable models by name."""

from __future__ import annotations

from occset.models.morphable.base import LinearModel
from occset.support.errors import UnknownName

BUILT_IN = "procedural"
"""The model that code makes and nobody has to import."""


def open_morphable(name: str = BUILT_IN) -> LinearModel:
    """Open a morphable model.

    Args:
        name: "procedural".

    Raises:
        UnknownName: there is none of that name.
    """
    if name != BUILT_IN:
        raise UnknownName("morphable model", name, [BUILT_IN])
    from occset.models.morphable.procedural import procedural_model

    return procedural_model()
