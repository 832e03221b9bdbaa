"""Which morphable model is meant: its geometry by name, and an albedo that was learned for it."""

from __future__ import annotations

from pathlib import Path

from occset.models.morphable.base import LinearModel
from occset.models.morphable.store import open_morphable
from occset.models.reconstruction.albedo import load_albedo


def open_face_model(morphable: str = "procedural", albedo: Path | None = None) -> LinearModel:
    """A morphable model, with a learned albedo where one is named.

    Args:
        morphable: "procedural", or what `occset.models.morphable.store.open_morphable` knows besides.
        albedo: file or folder of `occset.models.reconstruction.albedo.save_albedo`.

    Raises:
        OccsetError: there is no such model; or a file is broken or of another model.
    """
    model = open_morphable(morphable)
    return model if albedo is None else load_albedo(model, albedo)
