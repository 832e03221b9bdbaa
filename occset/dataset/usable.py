"""Which faces of a set can be used for what: the one place that says it."""

from __future__ import annotations

from collections.abc import Container

import pandas as pd

from occset.dataset.occlusion_set import OcclusionSet


def is_usable(faces: pd.DataFrame, landmarks: bool = True, masks: bool = True) -> pd.Series:
    """Whether each row of the table has no annotator's verdict against it, a mask, where ``masks`` are asked for, and, where
    ``landmarks`` are, points to place occluders by."""
    usable = faces["verdict"].isna()
    usable = usable & faces["mask"].notna() if masks else usable
    return usable & faces["landmarks"].notna() if landmarks else usable


def usable_faces(
    data: OcclusionSet, split: str | None, landmarks: bool = True, only: Container[str] = (), masks: bool = True
) -> list[str]:
    """Ids of the faces that samples can be made of, sorted.

    Args:
        data: the set.
        split: "train", "val" or "test"; None for all of them.
        landmarks: whether occluders are to be placed on them.
        only: ids to choose from; all when empty.
        masks: whether they have to be labelled.
    """
    faces = data.faces
    usable = is_usable(faces, landmarks, masks)
    if split is not None:
        usable &= faces["split"].eq(split)
    return sorted(face for face in faces.loc[usable, "id"] if not only or face in only)
