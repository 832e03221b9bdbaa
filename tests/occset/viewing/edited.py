"""Faces of a set, and a mask of one as somebody edited it, for the tests of what comes back from the App."""

from __future__ import annotations

import numpy as np

from occset.dataset.occlusion_set import OcclusionSet


def faces_of(data: OcclusionSet, split: str = "train") -> list[str]:
    return list(data.faces.loc[data.faces["split"] == split, "id"])


def mended(data: OcclusionSet, face: str) -> np.ndarray:
    """The face's mask without its lowest rows."""
    mask = data.load_face(face)[1]
    mask[50:] = 0
    return mask
